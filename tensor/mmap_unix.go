//go:build unix

package tensor

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first size bytes of f, at least one, into memory, read-only.
// The mapping outlives f; release ends it.
func mapFile(f *os.File, size int) (data []byte, release func() error, err error) {
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}

// releasePages gives the pages of b, part of a mapping from the start of a page
// on, back to the system. They are read from the file again when they are used.
func releasePages(b []byte) {
	_ = unix.Madvise(b, unix.MADV_DONTNEED) // without it they only stay longer
}

// stateOf returns the state of f. It does not allocate.
func stateOf(f *os.File) state {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return state{}
	}
	return state{s.Size, unix.TimespecToNsec(unix.Timespec(s.Mtim))}
}

// markOf returns the mark of f.
func markOf(f *os.File) mark {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return mark{}
	}
	return mark{uint64(s.Dev), uint64(s.Ino), unix.TimespecToNsec(unix.Timespec(s.Ctim))}
}
