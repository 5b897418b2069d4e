// Package filelock locks files against other processes. A lock ends with its
// file's Close, and with its process.
package filelock

import (
	"context"
	"os"
	"time"
)

// Lock waits until no other process has the file locked, or until ctx ends, and locks it.
func Lock(ctx context.Context, f *os.File) error {
	for {
		if free, err := TryLock(f); free || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
