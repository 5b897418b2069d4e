package folderindex

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// tiny is a model of 24 dimensions and 32 tokens.
const tiny = "../../testdata/goldens/bert/model"

// A counter counts the texts that a model embeds.
type counter struct {
	*embed.Model
	texts  int
	before func() // each call; nil = nothing
}

func (c *counter) Embed(ctx context.Context, inputs []string, opts embed.Options) (*embed.Result, error) {
	if c.before != nil {
		c.before()
	}
	c.texts += len(inputs)
	return c.Model.Embed(ctx, inputs, opts)
}

func loadTiny(t testing.TB) *counter {
	t.Helper()
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return &counter{Model: m}
}

// open returns the index of a folder, and what it left out so far.
func open(t testing.TB, c *counter, folder, cache string) (*Index, map[string]string) {
	t.Helper()
	left := map[string]string{}
	x, err := Open(t.Context(), folder, Config{Model: c.Model, Run: c, Cache: cache, Left: func(path, reason string) { left[path] = reason }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.Close() })
	return x, left
}

// old is a time at which files count as settled.
var old = time.Now().Add(-time.Hour)

// put writes a file that was changed long ago.
func put(t testing.TB, folder, name, content string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	require.NoError(t, os.Chtimes(path, old, old))
}

func paths(x *Index) []string {
	var list []string
	for _, f := range x.now.Load().files {
		list = append(list, f.Path)
	}
	return list
}

func ask(t testing.TB, x *Index, c *counter, query string, k int, filter Filter) []Hit {
	t.Helper()
	r, err := c.Model.Embed(t.Context(), []string{query}, embed.Options{PromptName: "query"})
	require.NoError(t, err)
	hits, err := x.Search(t.Context(), r.Embeddings[0].Float32, k, filter)
	require.NoError(t, err)
	return hits
}

// A search finds what cosines in float64 of the texts that it gives say, in their order,
// and each text is in the lines that it names.
func TestSearch(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	for i := range 20 {
		var text strings.Builder
		for n := range 30 {
			fmt.Fprintf(&text, "\tsummer %d and winter %d\n", i*n, n)
			if n%7 == 0 {
				text.WriteString("\n\n")
			}
		}
		put(t, folder, fmt.Sprintf("d%d/f%d.txt", i%3, i), text.String())
	}
	put(t, folder, "d1/blank.txt", "\n\n \n")
	x, left := open(t, c, folder, "")
	require.NoError(t, x.Refresh(t.Context(), nil))
	assert.Empty(t, left)
	files, parts := x.Counts()
	assert.Equal(t, 20, files)
	all := ask(t, x, c, "winter 3", 10000, Filter{})
	require.Len(t, all, parts)
	require.Greater(t, parts, 100)

	query, err := c.Model.Embed(t.Context(), []string{"winter 3"}, embed.Options{PromptName: "query"})
	require.NoError(t, err)
	var texts []string
	covered := map[string]int{}
	for _, h := range all {
		texts = append(texts, h.Text)
		data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(h.Path)))
		require.NoError(t, err)
		lines := strings.SplitAfter(string(data), "\n")[h.First-1 : h.Last]
		assert.Contains(t, strings.Join(lines, ""), h.Text)
		assert.NotContains(t, strings.Join(lines[1:], ""), h.Text)
		covered[h.Path] += len(strings.Fields(h.Text))
	}
	for path, words := range covered {
		assert.Equal(t, 150, words, "%s: each word is in one part", path)
	}
	made, err := c.Model.Embed(t.Context(), texts, embed.Options{PromptName: "document"})
	require.NoError(t, err)
	const tol = 0.01 // a component in 8 bits is off by up to 1/254 of the largest, at 24 dimensions
	for i, h := range all {
		var dot, q, d float64
		for j, v := range made.Embeddings[i].Float32 {
			w := query.Embeddings[0].Float32[j]
			dot, q, d = dot+float64(v)*float64(w), q+float64(w)*float64(w), d+float64(v)*float64(v)
		}
		assert.InDelta(t, dot/math.Sqrt(q*d), h.Score, tol)
	}
	assert.True(t, slices.IsSortedFunc(all, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) }))

	for _, filter := range []Filter{{Path: "d1"}, {Path: "d2/f5.txt"}, {Glob: "f1*"}, {Glob: "d2/"}, {Glob: "/d2/**"}, {Path: "d0", Glob: "f?.txt"}, {Path: "d"}} {
		var want []Hit
		for _, h := range all {
			in := filter.Path == "" || h.Path == filter.Path || strings.HasPrefix(h.Path, filter.Path+"/")
			switch filter.Glob {
			case "f1*":
				in = in && strings.Contains(h.Path, "/f1")
			case "d2/", "/d2/**":
				in = in && strings.HasPrefix(h.Path, "d2/")
			case "f?.txt":
				in = in && len(h.Path) == len("d0/f0.txt")
			}
			if in {
				want = append(want, h)
			}
		}
		got := ask(t, x, c, "winter 3", 7, filter)
		assert.Equal(t, want[:min(7, len(want))], got[:len(got):len(got)], "%v", filter)
		assert.Equal(t, len(want) > 0, filter.Path == "" || x.Has(filter.Path))
	}
	for _, glob := range []string{"!a", "#a", "[a", "a\nb"} {
		_, err := x.Search(t.Context(), query.Embeddings[0].Float32, 1, Filter{Glob: glob})
		assert.ErrorContains(t, err, "glob")
	}
	_, err = x.Search(t.Context(), nil, 1, Filter{})
	assert.ErrorContains(t, err, "0 dimensions")
	_, err = x.Search(t.Context(), query.Embeddings[0].Float32, 0, Filter{})
	assert.ErrorContains(t, err, "k is 0")
}

// Parts are of whole lines where these fit, and have all of a text but blank lines.
func TestSplit(t *testing.T) {
	c := loadTiny(t)
	x, _ := open(t, c, t.TempDir(), "")
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"if err != nil {", "summer. And winter!", "\t", "\n", "\n", "\r\n", "\n\n", "é", " ", "x", "\t\treturn a.b(c)", strings.Repeat("long ", 60)}
	for range 200 {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		text := b.String()
		parts, err := x.split(text, nil)
		require.NoError(t, err)
		at := 0
		for _, p := range parts {
			assert.Empty(t, strings.TrimSpace(text[at:p.Start]))
			assert.Equal(t, 1+strings.Count(text[:p.Start], "\n"), p.First)
			assert.Equal(t, 1+strings.Count(text[:p.End], "\n"), p.Last)
			of := text[p.Start:p.End]
			e, err := x.tok.Encode(x.chunks.Prompt+of, tokenizer.Options{})
			require.NoError(t, err)
			assert.LessOrEqual(t, len(e.IDs), 32)
			if p.Start > 0 && text[p.Start-1] != '\n' { // inside a line that is over the limit by itself
				from := strings.LastIndexByte(text[:p.Start], '\n') + 1
				whole, _, _ := strings.Cut(text[from:], "\n")
				e, err := x.tok.Encode(x.chunks.Prompt+whole, tokenizer.Options{})
				require.NoError(t, err)
				assert.Greater(t, len(e.IDs), 32, "%q", whole)
			}
			at = p.End
		}
		assert.Empty(t, strings.TrimSpace(text[at:]))
	}
}

// Only what changed is read and embedded again, and what is kept serves another process.
func TestRefresh(t *testing.T) {
	c, folder, cache := loadTiny(t), t.TempDir(), t.TempDir()
	put(t, folder, "a.txt", "summer")
	put(t, folder, "b/c.txt", "winter")
	put(t, folder, "d.txt", "spring")
	x, _ := open(t, c, folder, cache)
	refresh := func(x *Index, texts int, want ...string) {
		t.Helper()
		c.texts = 0
		require.NoError(t, x.Refresh(t.Context(), nil))
		assert.Equal(t, texts, c.texts, "texts embedded")
		assert.Equal(t, want, paths(x))
	}
	refresh(x, 3, "a.txt", "b/c.txt", "d.txt")
	refresh(x, 0, "a.txt", "b/c.txt", "d.txt")

	put(t, folder, "a.txt", "autumn leaves") // another size
	refresh(x, 1, "a.txt", "b/c.txt", "d.txt")
	assert.Equal(t, "autumn leaves", ask(t, x, c, "autumn leaves", 1, Filter{Path: "a.txt"})[0].Text)

	touched := filepath.Join(folder, "d.txt")
	require.NoError(t, os.Chtimes(touched, old.Add(time.Second), old.Add(time.Second)))
	refresh(x, 0, "a.txt", "b/c.txt", "d.txt")

	require.NoError(t, os.Rename(touched, filepath.Join(folder, "b", "e.txt")))
	put(t, folder, "copy.txt", "winter")
	refresh(x, 0, "a.txt", "b/c.txt", "b/e.txt", "copy.txt")

	require.NoError(t, os.Remove(filepath.Join(folder, "b", "c.txt")))
	refresh(x, 0, "a.txt", "b/e.txt", "copy.txt")
	assert.False(t, x.Has("b/c.txt"))

	y, _ := open(t, c, folder, cache) // as another process
	refresh(y, 0, "a.txt", "b/e.txt", "copy.txt")
	assert.Equal(t, ask(t, x, c, "winter", 9, Filter{}), ask(t, y, c, "winter", 9, Filter{}))
	put(t, folder, "new.txt", "rain")
	refresh(y, 1, "a.txt", "b/e.txt", "copy.txt", "new.txt")
	refresh(x, 0, "a.txt", "b/e.txt", "copy.txt", "new.txt") // what y made
}

// A file that was changed a moment ago may be changed again in the same tick of its clock.
func TestUnsettled(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	path := filepath.Join(folder, "a.txt")
	now := time.Now()
	for _, text := range []string{"summer", "winter"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		require.NoError(t, os.Chtimes(path, now, now))
	}
	x, _ := open(t, c, folder, "")
	for _, text := range []string{"summer", "winter", "spring"} { // of one length and time
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		require.NoError(t, os.Chtimes(path, now, now))
		require.NoError(t, x.Refresh(t.Context(), nil))
		hits := ask(t, x, c, "winter", 1, Filter{})
		require.Len(t, hits, 1)
		assert.Equal(t, text, hits[0].Text)
	}
}

// Between a refresh and a search, files may change: their parts are not what is there.
func TestChangedMeanwhile(t *testing.T) {
	c, folder := loadTiny(t), t.TempDir()
	put(t, folder, "a.txt", "summer")
	put(t, folder, "b.txt", "winter")
	x, _ := open(t, c, folder, "")
	require.NoError(t, x.Refresh(t.Context(), nil))
	put(t, folder, "a.txt", "rain")
	hits := ask(t, x, c, "summer", 9, Filter{})
	require.Len(t, hits, 1)
	assert.Equal(t, "b.txt", hits[0].Path)
	require.NoError(t, os.Remove(filepath.Join(folder, "b.txt")))
	assert.Empty(t, ask(t, x, c, "summer", 9, Filter{}))
}

// What a refresh made until it was stopped is there for the next one.
func TestCancel(t *testing.T) {
	c, folder, cache := loadTiny(t), t.TempDir(), t.TempDir()
	for i := range 300 {
		put(t, folder, fmt.Sprintf("f%03d.txt", i), fmt.Sprintf("summer %d", i))
	}
	x, _ := open(t, c, folder, cache)
	ctx, cancel := context.WithCancel(t.Context())
	var steps [][2]int
	err := x.Refresh(ctx, func(done, total int) {
		steps = append(steps, [2]int{done, total})
		if done >= 128 {
			cancel()
		}
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, [][2]int{{0, 300}, {64, 300}, {128, 300}}, steps)
	assert.Equal(t, 128, c.texts)
	y, _ := open(t, c, folder, cache)
	files, parts := y.Counts()
	assert.Equal(t, []int{128, 128}, []int{files, parts})
	c.texts = 0
	require.NoError(t, y.Refresh(t.Context(), nil))
	assert.Equal(t, 300-128, c.texts)
}
