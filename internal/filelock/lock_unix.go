//go:build unix && !solaris && !aix && !illumos

package filelock

import (
	"os"
	"syscall"
)

// TryLock locks the file, by flock as huggingface_hub does; where another process has it
// locked it reports false.
func TryLock(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
		case syscall.EINTR:
		case syscall.EWOULDBLOCK:
			return false, nil
		default:
			return err == nil, err
		}
	}
}
