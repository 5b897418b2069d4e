package tensor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapFile maps the first size bytes of f, at least one, into memory, read-only.
// The mapping outlives f; release ends it.
func mapFile(f *os.File, size int) (data []byte, release func() error, err error) {
	high, low := uint32(uint64(size)>>32), uint32(size)
	mapping, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, high, low, nil)
	if err != nil {
		return nil, nil, err
	}
	defer windows.CloseHandle(mapping) // the view keeps the mapping
	address, err := windows.MapViewOfFile(mapping, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, err
	}
	// The address is not of Go's heap; read through a pointer to it, which vet accepts.
	data = unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)
	return data, func() error { return windows.UnmapViewOfFile(address) }, nil
}

// releasePages does nothing: the system takes the pages of a mapped file back
// when memory runs short.
func releasePages([]byte) {}

// stateOf returns the state of f. It does not allocate.
func stateOf(f *os.File) state {
	var i windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &i); err != nil {
		return state{}
	}
	return state{int64(i.FileSizeHigh)<<32 | int64(i.FileSizeLow), i.LastWriteTime.Nanoseconds()}
}

// markOf returns the mark of f.
func markOf(f *os.File) mark {
	var i windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &i); err != nil {
		return mark{}
	}
	var b struct { // FILE_BASIC_INFO
		creation, access, write, change windows.Filetime
		attributes                      uint32
	}
	size := uint32(unsafe.Sizeof(b))
	if err := windows.GetFileInformationByHandleEx(windows.Handle(f.Fd()), windows.FileBasicInfo, (*byte)(unsafe.Pointer(&b)), size); err != nil {
		return mark{}
	}
	return mark{uint64(i.VolumeSerialNumber), uint64(i.FileIndexHigh)<<32 | uint64(i.FileIndexLow), b.change.Nanoseconds()}
}
