//go:build unix && !solaris && !aix && !illumos

package filelock

import (
	"os"
	"syscall"
)

// Lock waits until no other process has the file locked, and locks it, by flock
// as huggingface_hub does.
func Lock(f *os.File) error { return flock(f, syscall.LOCK_EX) }

// TryLock is Lock where no other process has the file locked; else it reports false.
func TryLock(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}
