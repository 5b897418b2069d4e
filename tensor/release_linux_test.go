package tensor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
