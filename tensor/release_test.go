package tensor

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// pattern returns a tensor of n bytes that differ.
func pattern(name string, n int) Tensor {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8 + len(name))
	}
	return Tensor{Name: name, DType: U8, Shape: []int{n}, Data: data}
}

// A released tensor and its neighbors have the same elements, at any place in a
// page, again and again, and while others read them.
func TestReleaseKeepsElements(t *testing.T) {
	var want []Tensor
	for i, n := range []int{1, 3, 4095, 4096, 4097, 100_000, 0, 1 << 20} {
		want = append(want, pattern(strings.Repeat("x", i+1), n))
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, want, nil))
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	mapped, err := Open(path)
	require.NoError(t, err)
	defer mapped.Close()
	parsed, err := Parse(b.Bytes())
	require.NoError(t, err)
	same := func(f *File) bool {
		for _, w := range want {
			if x, ok := f.Tensor(w.Name); !ok || !bytes.Equal(x.Data, w.Data) {
				return false
			}
		}
		return true
	}
	for _, f := range []*File{mapped, parsed} {
		var group sync.WaitGroup
		ok := make([]bool, 4)
		for i := range ok {
			group.Go(func() { ok[i] = same(f) })
		}
		for range 3 {
			for _, w := range want {
				x, _ := f.Tensor(w.Name)
				f.Release(x)
				require.True(t, same(f), w.Name)
			}
		}
		group.Wait()
		require.NotContains(t, ok, false)
	}
	for _, w := range want { // of no file
		mapped.Release(w)
	}
	require.True(t, same(mapped))
	require.Equal(t, pattern("xxx", 4095).Data, want[2].Data)
	first, _ := mapped.Tensor("x")
	require.NoError(t, mapped.Close())
	mapped.Release(first)
}
