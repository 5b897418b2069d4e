//go:build (!unix && !windows) || solaris || aix || illumos

package filelock

import "os"

// Lock does nothing: the system has no locks that huggingface_hub knows.
func Lock(*os.File) error { return nil }

// TryLock does nothing, as Lock, and reports true.
func TryLock(*os.File) (bool, error) { return true, nil }
