package kernel

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Large panels have the advice for large pages in all pages that they have whole, and small ones
// have memory as well.
func TestAdviseHugePages(t *testing.T) {
	control, err := syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(control)) }()
	_ = syscall.Madvise(control, syscall.MADV_HUGEPAGE)
	var p Panels
	p.Resize(Float32, 1024, 4096) // 16 MB
	maps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	if !slices.Contains(flagsOf(t, string(maps), uint64(uintptr(unsafe.Pointer(&control[0])))), "hg") {
		t.Skip("NOT CHECKED: this system has no large pages, or does not say which memory has them")
	}
	for _, at := range []int{hugePage, len(p.data) - 1 - hugePage} {
		address := uint64(uintptr(unsafe.Pointer(&p.data[at])))
		require.Contains(t, flagsOf(t, string(maps), address), "hg", "element %d", at)
	}
	for n := range 20 {
		adviseHugePages(Floats(n * hugePage / 4))
	}
	p.data[0], p.data[len(p.data)-1] = 1, 1
}

// flagsOf returns the flags of the memory at an address.
func flagsOf(t *testing.T, maps string, address uint64) []string {
	begins := regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) `).FindAllStringSubmatchIndex(maps, -1)
	for i, m := range begins {
		from, err := strconv.ParseUint(maps[m[2]:m[3]], 16, 64)
		require.NoError(t, err)
		to, err := strconv.ParseUint(maps[m[4]:m[5]], 16, 64)
		require.NoError(t, err)
		if address < from || address >= to {
			continue
		}
		part := maps[m[0]:]
		if i+1 < len(begins) {
			part = maps[m[0]:begins[i+1][0]]
		}
		_, flags, _ := strings.Cut(part, "VmFlags:")
		return strings.Fields(flags)
	}
	require.Fail(t, fmt.Sprintf("%x is in no mapping", address))
	return nil
}
