package disk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/rhumb-go/rhumb/embed"
)

var _ embed.Cache = (*Store)(nil)

// others is how many rows another process puts.
const others = 6000

// Another process puts rows into the file that RHUMB_TEST_CACHE names, one after the
// other and again and again, and says how many it has put, until it is killed.
func TestMain(m *testing.M) {
	path := os.Getenv("RHUMB_TEST_CACHE")
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := Open(path, Config{MaxBytes: LeastMaxBytes})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		s.Put(keyOf(i%others), rowOf(i%others))
		if i%100 == 99 {
			fmt.Println(i)
		}
	}
}

const components = 200

// keyOf returns the key of entry i, as even as a SHA-256, and rowOf its row.
func keyOf(i int) (k key) {
	random := rand.New(rand.NewPCG(uint64(i), 3))
	for at := 0; at < len(k); at += 8 {
		binary.LittleEndian.PutUint64(k[at:], random.Uint64())
	}
	return k
}

func rowOf(i int) []float32 {
	row := make([]float32, components)
	for j := range row {
		row[j] = float32(i) + float32(j)/1000
	}
	return row
}

// has reports whether s has entry i, and checks it.
func has(t testing.TB, s *Store, i int) bool {
	row := make([]float32, components)
	if !s.Get(keyOf(i), row) {
		return false
	}
	require.Equal(t, rowOf(i), row)
	return true
}

func open(t testing.TB, path string, cfg Config) *Store {
	s, err := Open(path, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// A row is there as soon as it was put, and when the file is opened again.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	for round := range 3 {
		s := open(t, path, Config{})
		for i := range 300 {
			assert.Equal(t, round > 0, has(t, s, i))
			s.Put(keyOf(i), rowOf(i))
			require.True(t, has(t, s, i))
		}
		assert.False(t, s.Get(keyOf(1), make([]float32, components+1)), "another length")
		require.NoError(t, s.Close())
		assert.Positive(t, s.Stats().Bytes)
		assert.Equal(t, int64(601), s.Stats().Hits+s.Stats().Misses)
		assert.False(t, has(t, s, 1), "closed")
		s.Put(keyOf(1), rowOf(1))
		require.NoError(t, s.Close())
	}
}

// The file stays within its bound, and what is used stays in it.
func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	s := open(t, path, Config{MaxBytes: LeastMaxBytes})
	const n = 40000 // 32 MB
	for i := range n {
		s.Put(keyOf(i), rowOf(i))
		if i%1000 == 0 {
			require.True(t, has(t, s, 0) || i == 0, "%d", i)
			s.writers.Wait() // as a disk that is fast enough
		}
	}
	require.NoError(t, s.Close())
	s = open(t, path, Config{MaxBytes: LeastMaxBytes})
	assert.True(t, has(t, s, 0))
	assert.False(t, has(t, s, 1))
	assert.True(t, has(t, s, n-1)) // before it looks for all, which makes room for those found
	kept := 0
	for i := range n {
		if has(t, s, i) {
			kept++
		}
	}
	assert.Greater(t, kept, 3000) // half of the file where the older rows went just now
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(2*LeastMaxBytes))
	assert.LessOrEqual(t, s.Stats().Bytes, info.Size())
}

func TestAtTheSameTime(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rows"), Config{})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for range 1500 {
				if i := random.IntN(400); !has(t, s, i) {
					s.Put(keyOf(i), rowOf(i))
				}
			}
		})
	}
	wg.Wait()
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	foreign := filepath.Join(dir, "foreign")
	db, err := bbolt.Open(foreign, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("users"))
		return err
	}))
	require.NoError(t, db.Close())
	for path, want := range map[string]string{
		write("text", "some text"):                           "not a cache",
		write("long", strings.Repeat("some text\n", 100000)): "not a cache",
		write("zeros", string(make([]byte, 1<<16))):          "not a cache",
		foreign:                            `a database of another program or version: bucket "users"`,
		dir:                                "is a directory",
		filepath.Join(dir, "none", "rows"): "no such file",
	} {
		before, _ := os.ReadFile(path)
		_, err := Open(path, Config{})
		require.ErrorContains(t, err, want, path)
		assert.ErrorContains(t, err, path)
		after, _ := os.ReadFile(path)
		assert.Equal(t, before, after, "%s is as it was", path)
	}
	_, err = Open(filepath.Join(dir, "a"), Config{MaxBytes: 1000})
	assert.ErrorContains(t, err, "expected at least")
}

// start starts a process that puts rows into the file at path, and returns once it has.
func start(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RHUMB_TEST_CACHE="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	return cmd, lines
}

// A file that another process has open is refused; that one goes on. Killed at any
// moment, it leaves a file that opens, with rows as they were put.
func TestTwoProcessesAndKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	found := 0
	for round := range 6 {
		cmd, lines := start(t, path)
		require.Equal(t, "99", lines.Text(), "round %d", round)
		_, err := Open(path, Config{})
		require.ErrorIs(t, err, ErrInUse)
		for range round * 15 {
			require.True(t, lines.Scan())
		}
		if round == 5 {
			time.Sleep(8 * writeTime) // so that some are on disk
		}
		require.NoError(t, cmd.Process.Kill())
		_, _ = io.Copy(io.Discard, cmd.Stdout.(io.Reader))
		_ = cmd.Wait()
		s := open(t, path, Config{})
		found = 0
		for i := range others {
			if has(t, s, i) {
				found++
			}
		}
		require.NoError(t, s.Close())
	}
	assert.Positive(t, found)
	_, err := Open(path, Config{})
	assert.NoError(t, err)
}

// A file that was cut, or of which bytes changed, is refused, or gives rows as they were
// put: never others, and it ends no process.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	s := open(t, whole, Config{})
	for i := range 250 {
		s.Put(keyOf(i), rowOf(i))
	}
	require.NoError(t, s.Close())
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(5, 5))
	refused, found := 0, 0
	try := func(name string, content []byte) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		s, err := Open(path, Config{})
		if err != nil {
			refused++
			assert.ErrorContains(t, err, path)
			return
		}
		for i := range 250 {
			if has(t, s, i) {
				found++
			}
			s.Put(keyOf(1000+i), rowOf(1000+i))
		}
		_ = s.Close()
	}
	for i := range 25 {
		try(fmt.Sprint("cut", i), data[:1+random.IntN(len(data)-1)])
	}
	assert.Positive(t, refused) // some are cut behind the last page
	for i := range 25 {
		content := append([]byte{}, data...)
		for range 1 + i*5 {
			content[random.IntN(len(content))] ^= byte(1 + random.IntN(255))
		}
		try(fmt.Sprint("changed", i), content)
	}
	assert.Positive(t, found)
}

// Where the file is cut while it is in use, nothing is found and the caller is told.
func TestCutInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is mapped cannot be cut on Windows")
	}
	path := filepath.Join(t.TempDir(), "rows")
	s := open(t, path, Config{})
	for i := range 2000 {
		s.Put(keyOf(i), rowOf(i))
	}
	require.NoError(t, s.Close())
	var told error
	s, err := Open(path, Config{Failed: func(err error) { told = err }})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 1<<14))
	for i := range 2000 {
		has(t, s, i)
	}
	require.ErrorContains(t, told, "damaged")
	assert.False(t, has(t, s, 1))
	s.Put(keyOf(1), rowOf(1))
	assert.False(t, has(t, s, 1))
	assert.ErrorIs(t, s.Close(), told)
}
