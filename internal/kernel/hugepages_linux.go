package kernel

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a large page, in elements.
const hugePage = 2 << 20 / 4

// adviseHugePages asks for large pages for those of s that it has whole: a product of few rows
// reads all weights once, and small pages hold that up. Nothing of s has been used.
func adviseHugePages(s []float32) {
	if len(s) < 2*hugePage {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(s))) / 4
	first := (hugePage - at%hugePage) % hugePage
	whole := (uintptr(len(s)) - first) / hugePage * hugePage
	pages := unsafe.Slice((*byte)(unsafe.Pointer(&s[first])), 4*whole)
	_ = syscall.Madvise(pages, syscall.MADV_HUGEPAGE) // without them it is only slower
}
