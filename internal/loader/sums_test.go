package loader

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// forged is a sum that no tensors have: where it comes out, it was read.
var forged = strings.Repeat("5a", 32)

// A sumsTest is a file of weights, and a cache folder of its own.
type sumsTest struct {
	*testing.T
	path string // of the weights
	dir  string // of the sums
}

func newSumsTest(t *testing.T) sumsTest {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	least, wait := leastKept, settled
	t.Cleanup(func() { leastKept, settled = least, wait })
	leastKept, settled = 1, -time.Hour
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, weightsOf(t), 0o600))
	return sumsTest{t, path, filepath.Join(cache, "rhumb", "sums")}
}

func weightsOf(t *testing.T) []byte {
	data, err := os.ReadFile("../../testdata/goldens/bert-cls-dense/model/2_Dense/model.safetensors")
	require.NoError(t, err)
	return data
}

// sum returns what sumFile and sumTensors say of the weights.
func (t sumsTest) sum() (got, want string) {
	t.Helper()
	f, err := tensor.Open(t.path)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	return t.sumOf(f)
}

func (t sumsTest) sumOf(f *tensor.File) (got, want string) {
	t.Helper()
	team := parallel.NewTeam(1)
	defer team.Close()
	sum, err := sumFile(t.Context(), f, team)
	require.NoError(t, err)
	made, err := sumTensors(t.Context(), f, team)
	require.NoError(t, err)
	return hex.EncodeToString(sum), hex.EncodeToString(made)
}

// kept returns the files with sums.
func (t sumsTest) kept() []string {
	list, err := filepath.Glob(filepath.Join(t.dir, "*"))
	require.NoError(t, err)
	return list
}

// forge puts the forged sum in the place of the one that is kept.
func (t sumsTest) forge(sum string) {
	t.Helper()
	require.Len(t, t.kept(), 1)
	data, err := os.ReadFile(t.kept()[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(t.kept()[0], []byte(strings.Replace(string(data), sum, forged, 1)), 0o600))
}

func TestKeptSum(t *testing.T) {
	s := newSumsTest(t)
	if f, err := tensor.Open(s.path); err != nil || f.Identity().State == "" {
		t.Skip("the system does not tell files from one another")
	} else {
		require.NoError(t, f.Close())
	}
	sum, want := s.sum()
	require.Equal(t, want, sum)
	s.forge(sum)
	again, _ := s.sum()
	require.Equal(t, forged, again, "the sum is read")

	for name, change := range map[string]func(t *testing.T, path string){
		"written to, its time set back": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			data := weightsOf(t)
			data[len(data)-1] ^= 1
			time.Sleep(20 * time.Millisecond) // the step of the clock of file systems
			require.NoError(t, os.WriteFile(path, data, 0o600))
			require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
		"another file of the same time": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			data := weightsOf(t)
			data[len(data)-1] ^= 2
			require.NoError(t, os.WriteFile(path+".new", data, 0o600))
			require.NoError(t, os.Chtimes(path+".new", info.ModTime(), info.ModTime()))
			require.NoError(t, os.Rename(path+".new", path))
		},
		"moved": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+".old"))
			require.NoError(t, os.WriteFile(path, weightsOf(t), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSumsTest(t)
			sum, _ := s.sum()
			s.forge(sum)
			change(t, s.path)
			got, want := s.sum()
			assert.Equal(t, want, got)
			assert.NotEqual(t, forged, got)
			again, _ := s.sum()
			assert.Equal(t, want, again)
		})
	}
	for name, content := range map[string]string{
		"empty": "", "no JSON": "{", "no sum": `{"files": "", "sum": ""}`, "long": strings.Repeat(" ", 1<<20) + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSumsTest(t)
			s.sum()
			require.NoError(t, os.WriteFile(s.kept()[0], []byte(content), 0o600))
			got, want := s.sum()
			assert.Equal(t, want, got)
		})
	}
	t.Run("of another length", func(t *testing.T) {
		s := newSumsTest(t)
		sum, _ := s.sum()
		s.forge(sum[2:]) // of 33 bytes now
		got, want := s.sum()
		assert.Equal(t, want, got)
	})
}

// What may change at the time of its sum, what is small, what is in memory and what has no
// folder to be kept in is summed each time.
func TestSumsThatAreNotKept(t *testing.T) {
	for name, prepare := range map[string]func(s sumsTest){
		"new":   func(sumsTest) { settled = time.Hour },
		"small": func(sumsTest) { leastKept = 1 << 40 },
		"a file in the place of the folder": func(s sumsTest) {
			require.NoError(s, os.WriteFile(filepath.Dir(s.dir), nil, 0o600))
		},
		"no folder": func(s sumsTest) { // as a service without a home
			for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
				s.Setenv(name, "")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSumsTest(t)
			prepare(s)
			for range 2 {
				got, want := s.sum()
				assert.Equal(t, want, got)
			}
			assert.Empty(t, s.kept())
		})
	}
	t.Run("in memory", func(t *testing.T) {
		s := newSumsTest(t)
		f, err := tensor.OpenFS(fstest.MapFS{"model.safetensors": {Data: weightsOf(t)}}, "model.safetensors")
		require.NoError(t, err)
		got, want := s.sumOf(f)
		assert.Equal(t, want, got)
		assert.Empty(t, s.kept())
	})
	t.Run("canceled", func(t *testing.T) {
		s := newSumsTest(t)
		f, err := tensor.Open(s.path)
		require.NoError(t, err)
		defer f.Close() //nolint:errcheck
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		team := parallel.NewTeam(1)
		defer team.Close()
		_, err = sumFile(ctx, f, team)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, s.kept())
	})
}
