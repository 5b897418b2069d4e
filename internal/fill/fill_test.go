package fill

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// tiny has 24 dimensions and reads 32 tokens.
const tiny = "../../testdata/goldens/bert/model"

func load(t *testing.T) *embed.Model { return loadFrom(t, tiny) }

func loadFrom(t *testing.T, dir string) *embed.Model {
	t.Helper()
	m, err := embed.Load(t.Context(), dir, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// fillIn returns the results of texts.
func fillIn(t *testing.T, m *embed.Model, how How, texts ...string) []*rows.Result {
	t.Helper()
	f, err := New(t.Context(), m, how)
	require.NoError(t, err)
	var all []*rows.Result
	for i, text := range texts {
		all = append(all, &rows.Result{Index: i, Input: rows.Input{Text: text}})
	}
	require.NoError(t, f.Fill(t.Context(), all, func(_ *rows.Result, err error) error { return err }))
	return all
}

var words = []string{
	"the river ", "is deep. ", "We came ", "by night", "\n\n", "winter's day? ", "köstlich ", "中文 ", "字", "👩‍👩‍👧‍👦 ", "e\u0301", "...", " ",
	"unbelievablylongword", "\x01\x02 ", "\u200b", "\ufffd", "[SEP] ", "\t", "\u0301",
}

func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	some := words[r.IntN(8):]
	for range n {
		b.WriteString(some[r.IntN(len(some))])
	}
	return b.String()
}

// Windows of late chunking: the chunks have every byte of the text, each window is within
// the limit and embeds some of them, and its context is at most a quarter of it. The model
// refuses none, and gives each chunk the bits that its window's text gives its span.
func TestWindows(t *testing.T) {
	for _, name := range []string{"bert", "xlm-roberta", "modernbert", "qwen3", "t5", "gemma3", "mistral"} {
		t.Run(name, func(t *testing.T) { testWindows(t, loadFrom(t, "../../testdata/goldens/"+name+"/model"), 24) })
	}
	t.Run("a chat template", func(t *testing.T) { testWindows(t, loadFrom(t, "../../testdata/chats/model"), 64) })
}

func testWindows(t *testing.T, m *embed.Model, limit int) {
	r := rand.New(rand.NewPCG(5, 6))
	several := 0
	for range 60 {
		how := How{Options: embed.Options{MaxTokens: limit}, ChunkTokens: 3 + r.IntN(15), Late: true}
		if r.IntN(3) == 0 {
			how.Options.Prompt = "the night: "
			how.ChunkTokens += 6
		}
		if frame := m.Tokenizer().Count(how.Options.Prompt, tokenizer.Options{}); r.IntN(2) == 0 && how.ChunkTokens > frame+1 {
			how.ChunkOverlap = r.IntN(how.ChunkTokens - frame)
		}
		text := randomText(r, 1+r.IntN(60))
		f, err := New(t.Context(), m, how)
		if err != nil {
			require.ErrorContains(t, err, "expected more than the")
			continue
		}
		result := &rows.Result{Input: rows.Input{Text: text}}
		var all parts
		err = f.cut(t.Context(), &all, result)
		if err != nil {
			require.ErrorContains(t, err, "has more tokens than the limit")
			continue
		}
		require.NoError(t, f.Fill(t.Context(), []*rows.Result{result}, func(_ *rows.Result, err error) error { return err }), "%+v %q", how, text)
		if len(all.late) > 1 {
			several++
		}
		at, next := 0, 0
		for _, p := range all.late {
			require.NotEmpty(t, p.spans)
			require.LessOrEqual(t, m.Tokenizer().Count(how.Options.Prompt+p.text, tokenizer.Options{}), limit)
			require.Equal(t, len(p.text), p.spans[len(p.spans)-1].End)
			opts := how.Options
			opts.Spans, opts.Truncate = [][]tokenizer.Span{p.spans}, embed.TruncateNone
			want, err := m.Embed(t.Context(), []string{p.text}, opts)
			require.NoError(t, err)
			for i, s := range p.spans {
				k := result.Chunks[next]
				require.Equal(t, p.text[s.Start:s.End], text[k.Start:k.End])
				require.LessOrEqual(t, k.Start, at)
				require.Greater(t, k.End, at)
				require.Equal(t, want.Embeddings[i].Float32, k.Float32)
				at = k.End
				next++
			}
		}
		require.Equal(t, len(text), at)
		require.Len(t, result.Chunks, next)
	}
	assert.Greater(t, several, 10)
}

// Each window is as large as the limit allows, and begins with some of what was before.
func TestWindowContext(t *testing.T) {
	m := load(t)
	text := strings.Repeat("winter. ", 200)
	f, err := New(t.Context(), m, How{ChunkTokens: 8, Late: true})
	require.NoError(t, err)
	var all parts
	result := &rows.Result{Input: rows.Input{Text: text}}
	require.NoError(t, f.cut(t.Context(), &all, result))
	require.Greater(t, len(all.late), 2)
	each := m.Tokenizer().Count("winter. ", tokenizer.Options{}) - 2
	chunks, err := chunk.Split(m.Tokenizer(), text, chunk.Config{MaxTokens: 8})
	require.NoError(t, err)
	require.Equal(t, len(chunks), len(result.Chunks))
	for i, p := range all.late[:len(all.late)-1] {
		n := m.Tokenizer().Count(p.text, tokenizer.Options{})
		assert.Greater(t, n, 32-(chunks[0].Tokens-2), "window %d has room for another chunk", i)
		if i > 0 {
			before := m.Tokenizer().Count(p.text[:p.spans[0].Start], tokenizer.Options{}) - 2
			assert.Greater(t, before, 0)
			assert.LessOrEqual(t, before, 30/4)
			assert.Zero(t, before%each)
		}
	}
}

// What is refused is one input, with all of its parts; the others are filled in.
func TestFaults(t *testing.T) {
	m := load(t)
	for _, how := range []How{{}, {ChunkTokens: 8}, {ChunkTokens: 8, Late: true}, {Mean: true}} {
		how.Options.MaxTokens = 20
		f, err := New(t.Context(), m, how)
		require.NoError(t, err)
		long := strings.Repeat("winter river ", 30)
		good := []string{"night", long, "river"}
		want := fillIn(t, m, how, good...)
		var all []*rows.Result
		for _, text := range []string{"", good[0], "", good[1], "", good[2], ""} {
			all = append(all, &rows.Result{Input: rows.Input{Text: text}})
		}
		all = append(all, &rows.Result{Err: errors.New("bad already")}, &rows.Result{Input: rows.Input{IDs: []int32{1 << 30}}})
		faults := 0
		require.NoError(t, f.Fill(t.Context(), all, func(r *rows.Result, err error) error {
			faults++
			return nil
		}))
		assert.Equal(t, 5, faults)
		for i, r := range want {
			assert.Equal(t, r.Embedding, all[2*i+1].Embedding)
			assert.Equal(t, r.Chunks, all[2*i+1].Chunks)
			assert.ErrorContains(t, all[2*i].Err, "empty text")
			assert.Nil(t, all[2*i].Chunks)
		}
		stop := errors.New("stop")
		assert.ErrorIs(t, f.Fill(t.Context(), []*rows.Result{{}}, func(*rows.Result, error) error { return stop }), stop)
	}
}

// Chunks of a model with several routes have the tokens that the request's route counts.
func TestChunksOfRoutes(t *testing.T) {
	m, err := sparse.Load(t.Context(), "../../testdata/heads/sparse-inference-free/model", embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	text := strings.Repeat("the ", 60)
	for _, name := range []string{"query", "document"} {
		const most = 9
		f, err := NewSparse(m, How{Options: embed.Options{PromptName: name}, ChunkTokens: most})
		require.NoError(t, err)
		r := &rows.Result{Input: rows.Input{Text: text}}
		require.NoError(t, f.Fill(t.Context(), []*rows.Result{r}, func(_ *rows.Result, err error) error { return err }))
		require.NotEmpty(t, r.Chunks)
		longest := 0
		for _, c := range r.Chunks {
			made, err := m.Embed(t.Context(), []string{text[c.Start:c.End]}, sparse.Options{PromptName: name})
			require.NoError(t, err)
			assert.LessOrEqual(t, made[0].Tokens, most, name)
			longest = max(longest, made[0].Tokens)
		}
		assert.Equal(t, most, longest, name)
	}
}
