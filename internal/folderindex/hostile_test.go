package folderindex

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/filelock"
)

// What is no text, what rules leave out and what is outside the folder is not in the index.
func TestLeftOut(t *testing.T) {
	c, top := loadTiny(t), t.TempDir()
	folder := filepath.Join(top, "folder")
	put(t, top, "outside.txt", "secret")
	put(t, folder, "in.txt", "summer")
	put(t, folder, "a/b/in.txt", "summer")
	put(t, folder, "empty", "")
	put(t, folder, "zero.bin", "a\x00b")
	put(t, folder, "latin1.txt", "\xe9t\xe9")
	put(t, folder, "large.txt", strings.Repeat("summer\n", mostBytes/7+1))
	put(t, folder, "line.min.js", strings.Repeat("a;", mostLine))
	put(t, folder, ".env", "secret")
	put(t, folder, ".git/config", "secret")
	put(t, folder, ".git/info/exclude", "excluded\n")
	put(t, folder, "excluded", "summer")
	put(t, folder, "node_modules/a/index.js", "summer")
	put(t, folder, ".gitignore", "*.log\n/build/\n!/a/keep.log\n")
	put(t, folder, "x.log", "summer")
	put(t, folder, "a/keep.log", "summer")
	put(t, folder, "a/build/in.txt", "summer")
	put(t, folder, "build/out.txt", "summer")
	put(t, folder, "a/.gitignore", "!x.log\nb2\n")
	put(t, folder, "a/x.log", "summer")
	put(t, folder, "a/b2/out.txt", "summer")
	for name, target := range map[string]string{
		"link.txt": filepath.Join(top, "outside.txt"), "folder-link": top, "a/loop": "..", "a/inside.txt": "../in.txt",
	} {
		if err := os.Symlink(target, filepath.Join(folder, filepath.FromSlash(name))); err != nil {
			t.Log("no links here: ", err)
		}
	}
	x, left := open(t, c, folder, "")
	require.NoError(t, x.Refresh(t.Context(), nil))
	var want []string
	for _, f := range x.now.Load().files {
		if len(f.Parts) > 0 {
			want = append(want, f.Path)
		}
	}
	assert.Equal(t, []string{"a/b/in.txt", "a/build/in.txt", "a/keep.log", "a/x.log", "in.txt"}, want)
	assert.Empty(t, left)
}

// Names may have any bytes; those that are no UTF-8 are left out, and folders in a hundred others.
func TestHostileNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names that this system does not have")
	}
	c, folder := loadTiny(t), t.TempDir()
	names := []string{"\x1b[31mred", "a\nb", "-rf", "a b", `back\slash`, "quote\"'", "é", "\u202ertl", "<script>", "..."[:2] + "x"}
	for i, name := range names {
		put(t, folder, "d/"+name, fmt.Sprintf("summer %d", i))
	}
	put(t, folder, "d/\xff", "summer")
	deep := folder
	for range mostDepth + 5 {
		deep = filepath.Join(deep, "d")
	}
	require.NoError(t, os.MkdirAll(deep, 0o777))
	put(t, deep, "deep.txt", "summer")
	x, left := open(t, c, folder, t.TempDir())
	require.NoError(t, x.Refresh(t.Context(), nil))
	assert.Len(t, left, 1)
	assert.Len(t, paths(x), len(names)-1, "all but that with a dot in front")
	for i, name := range names[:len(names)-1] {
		hits := ask(t, x, c, "summer", 1, Filter{Path: "d/" + name})
		require.Len(t, hits, 1, "%q", name)
		assert.Equal(t, fmt.Sprintf("summer %d", i), hits[0].Text)
	}
	for _, path := range []string{"..", "../x", "/etc/passwd", "d/../../x", "\x00"} {
		assert.False(t, x.Has(path))
		assert.Empty(t, ask(t, x, c, "summer", 1, Filter{Path: path}))
	}
	y, _ := open(t, c, folder, x.cfg.Cache)
	assert.Equal(t, paths(x), paths(y))
}

// A file that cannot be read is left out, and does not hold up others.
func TestUnreadable(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	put(t, folder, "a.txt", "summer")
	put(t, folder, "b.txt", "winter")
	put(t, folder, "c/d.txt", "winter")
	require.NoError(t, os.Chmod(filepath.Join(folder, "a.txt"), 0))
	if _, err := os.ReadFile(filepath.Join(folder, "a.txt")); err == nil {
		t.Skip("this user reads all files")
	}
	require.NoError(t, os.Chmod(filepath.Join(folder, "c"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(folder, "c"), 0o700) })
	x, left := open(t, c, folder, "")
	require.NoError(t, x.Refresh(t.Context(), nil))
	assert.Equal(t, []string{"b.txt"}, paths(x))
	assert.Contains(t, left, "a.txt")
	assert.Contains(t, left, "c")
}

// An index that is damaged anywhere is made again, and one of another model is not read.
func TestDamaged(t *testing.T) {
	c, folder, cache := loadTiny(t), t.TempDir(), t.TempDir()
	for i := range 3 {
		put(t, folder, fmt.Sprint(i), fmt.Sprintf("summer %d", i))
	}
	x, _ := open(t, c, folder, cache)
	require.NoError(t, x.Refresh(t.Context(), nil))
	whole, err := os.ReadFile(x.file)
	require.NoError(t, err)
	want := ask(t, x, c, "summer", 9, Filter{})
	damaged := [][]byte{nil, whole[:len(whole)/2], append(bytes.Clone(whole), 0), []byte("something else")}
	for at := 0; at < len(whole); at += max(1, len(whole)/40) {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 4
		damaged = append(damaged, flipped)
	}
	for i, data := range damaged {
		require.NoError(t, os.WriteFile(x.file, data, 0o600))
		y, left := open(t, c, folder, cache)
		assert.Contains(t, left[x.file], "made again", "%d", i)
		c.texts = 0
		require.NoError(t, y.Refresh(t.Context(), nil))
		assert.Equal(t, 3, c.texts)
		assert.Equal(t, want, ask(t, y, c, "summer", 9, Filter{}))
		now, err := os.ReadFile(x.file)
		require.NoError(t, err)
		assert.Equal(t, whole, now)
	}
	_, err = decode(whole, "another", x.width)
	assert.ErrorContains(t, err, "another folder or model")
}

func FuzzDecode(f *testing.F) {
	x := &Index{key: "key", width: 2}
	x.now.Store(newSnapshot([]file{
		{Path: "a", Size: 3, Parts: []part{{0, 1, 1, 1}, {2, 3, 2, 2}}, rows: []int8{1, 2, 3, 4}},
		{Path: "b/c", Size: 1},
	}))
	var b bytes.Buffer
	require.NoError(f, x.encode(&b))
	whole, err := decode(b.Bytes(), x.key, x.width)
	require.NoError(f, err)
	assert.Equal(f, x.now.Load(), whole)
	f.Add(b.Bytes()[:b.Len()-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decode(append(bytes.Clone(body), seal(body)...), x.key, x.width)
		if err == nil {
			assert.Equal(t, s.first[len(s.files)]*x.width, len(s.rows))
		}
	})
}

// A cache folder that cannot be made is no error: the index is in memory.
func TestNothingKept(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	put(t, folder, "a.txt", "summer")
	x, left := open(t, c, folder, filepath.Join(folder, "a.txt", "cache"))
	require.NoError(t, x.Refresh(t.Context(), nil))
	assert.Contains(t, left[x.file], "not kept")
	assert.Len(t, ask(t, x, c, "summer", 1, Filter{}), 1)
}

// While another process reads what changed, a refresh waits, and takes what that made; a
// wait ends with its context.
func TestProcesses(t *testing.T) {
	c, folder, cache := loadTiny(t), t.TempDir(), t.TempDir()
	put(t, folder, "a.txt", "summer")
	x, _ := open(t, c, folder, cache)
	file, err := os.OpenFile(x.file+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer file.Close()
	free, err := filelock.TryLock(file)
	require.NoError(t, err)
	require.True(t, free)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, x.Refresh(ctx, nil), context.DeadlineExceeded)
	assert.Zero(t, c.texts)
	done := make(chan error)
	go func() { done <- x.Refresh(t.Context(), nil) }()
	require.NoError(t, file.Close())
	require.NoError(t, <-done)
	assert.Equal(t, 1, c.texts)

	// What the other one saves is found before it is done.
	y, _ := open(t, c, folder, cache)
	put(t, folder, "b.txt", "winter")
	require.NoError(t, x.Refresh(t.Context(), nil))
	put(t, folder, "c.txt", "spring")
	file, err = os.OpenFile(x.file+".lock", os.O_RDWR, 0)
	require.NoError(t, err)
	free, err = filelock.TryLock(file)
	require.NoError(t, err)
	require.True(t, free)
	go func() { done <- y.Refresh(t.Context(), nil) }()
	require.Eventually(t, func() bool { return y.Has("b.txt") }, time.Minute, time.Millisecond)
	assert.False(t, y.Has("c.txt"))
	require.NoError(t, file.Close())
	require.NoError(t, <-done)
	assert.True(t, y.Has("c.txt"))

	// Many at once embed each text once.
	for i := range 100 {
		put(t, folder, fmt.Sprint(i), fmt.Sprintf("winter %d", i))
	}
	errs := make(chan error)
	counts := make([]*counter, 4)
	for i := range counts {
		counts[i] = &counter{Model: c.Model}
		y, _ := open(t, counts[i], folder, cache)
		go func() { errs <- y.Refresh(t.Context(), nil) }()
	}
	all := 0
	for range counts {
		require.NoError(t, <-errs)
	}
	for _, c := range counts {
		all += c.texts
	}
	assert.Equal(t, 100, all)
}

func TestBounds(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	put(t, folder, "a.txt", "summer")
	x, _ := open(t, c, folder, "")
	w := &walk{x: x, ctx: t.Context(), found: make([]entry, mostFiles)}
	assert.ErrorContains(t, w.enter("", 0), "more than 50000 files")
	w = &walk{x: x, ctx: t.Context(), seen: mostEntries}
	assert.ErrorContains(t, w.enter("", 0), "more than 1000000 files and folders")
	require.NoError(t, os.RemoveAll(folder))
	assert.Error(t, x.Refresh(t.Context(), nil))
	_, err := Open(t.Context(), folder, Config{Model: c.Model, Run: c})
	assert.Error(t, err)
}
