//go:build unix && !solaris && !aix && !illumos

package hub

import (
	"os"
	"syscall"
)

// lockFile waits until no other process has the file locked, and locks it, by
// flock as huggingface_hub does.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
