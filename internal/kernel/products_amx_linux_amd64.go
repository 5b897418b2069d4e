//go:build !purego

package kernel

import "syscall"

// permitTiles asks Linux for the state of the tile registers, 8 KB, for all threads of
// the process and reports whether it is granted. From then on, a signal's frame may hold
// that state: Linux refuses where a thread's alternate signal stack is too small for
// it, and those of Go's threads are 32 KB. See the kernel's documentation, "Using XSTATE
// features in user space applications". No tile state lives while Go code runs: the
// kernels end with TILERELEASE.
func permitTiles() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
