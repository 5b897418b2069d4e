package tensor

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// inProgram reports whether b lies in pages of a file, as the data of a program do, that
// nobody may write to: once they are given back, the system reads them again. Those
// of a program that was packed are not.
func inProgram(b []byte) bool {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return false
	}
	defer maps.Close() //nolint:errcheck // nothing was written
	first := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		// first-last permissions offset device inode path
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && start <= first && first+uint64(len(b)) <= end {
			return fields[1][1] == '-' && fields[4] != "0"
		}
	}
	return false
}
