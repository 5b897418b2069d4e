package tensor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// resident returns the bytes of mapped files that are in the memory of the process.
func resident(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), "RssFile:")
	require.True(t, ok)
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kib << 10
}

// Release gives the pages of a mapped tensor back.
func TestReleaseGivesMemoryBack(t *testing.T) {
	const size = 64 << 20
	var b bytes.Buffer
	require.NoError(t, Write(&b, []Tensor{pattern("x", size)}, nil))
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	before := resident(t)
	x, _ := f.Tensor("x")
	require.NotEqual(t, -1, bytes.IndexByte(x.Data, 200))
	require.Equal(t, size, len(x.Data))
	sum := byte(0)
	for _, v := range x.Data {
		sum += v
	}
	during := resident(t)
	require.Greater(t, during-before, size*9/10)
	f.Release(x)
	require.Less(t, resident(t)-before, size/10, "sum %d", sum)
}

// So it does those of a tensor in the program, wherever in a page it begins, and of nothing
// else; what was given back is read again.
func TestReleaseGivesMemoryOfTheProgramBack(t *testing.T) {
	const size = 16 << 20
	var b bytes.Buffer
	require.NoError(t, Write(&b, []Tensor{pattern("x", size), pattern("y", 3), pattern("z", 5000)}, nil))
	for _, before := range []int{0, 1, 4095, 4096, 5000} {
		data := append(bytes.Repeat([]byte{7}, before), b.Bytes()...)
		path := filepath.Join(t.TempDir(), "program")
		require.NoError(t, os.WriteFile(path, append(data, 9), 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		program, unmap, err := mapFile(file, len(data)+1)
		require.NoError(t, err)
		closed := 0
		f, err := OpenFS(inPlaceFS{"m": embedded{text: unsafe.String(&program[before], b.Len()), closed: &closed}}, "m")
		require.NoError(t, err)
		read := resident(t)
		require.Equal(t, data, program[:len(data)])
		require.Greater(t, resident(t)-read, size*3/4)
		for _, name := range f.Names() {
			x, _ := f.Tensor(name)
			f.Release(x)
		}
		require.Less(t, resident(t)-read, size/5)
		require.Equal(t, data, program[:len(data)])
		require.NoError(t, f.Close())
		require.NoError(t, unmap())
		require.NoError(t, file.Close())
	}
	require.True(t, inProgram(unsafe.Slice(unsafe.StringData(constant), len(constant))))
	require.False(t, inProgram(b.Bytes()), "in the heap")
	require.False(t, inProgram(variable[:]), "may be written to")
}

// Of the program.
const constant = "what a program has in it, and nobody writes to"

var variable = [64]byte{1}
