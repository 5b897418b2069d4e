package command

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// a chunkRow is a line of jsonl output about a chunk.
type chunkRow struct {
	Index     int
	ID        json.RawMessage
	Chunk     *int
	Start     *int
	End       *int
	Embedding []float32
	Tokens    int
	Error     string
}

func chunkRows(t *testing.T, lines string) (all []chunkRow) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var r chunkRow
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r), "%s", line)
		all = append(all, r)
	}
	return all
}

// story is a text of some 60 tokens of the tiny model, which reads 32; tale is one of some 20.
const (
	story = "The river is deep. We came by night, and the summer was long.\n\nA doctor looked at the battery. It was winter again. " +
		"The old people of the village told us about the sea, and about a winter's day."
	tale = "The summer was long. The river is deep."
)

func loadTiny(t *testing.T) *embed.Model {
	t.Helper()
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func split(t *testing.T, m *embed.Model, text string, most, overlap int) []chunk.Chunk {
	t.Helper()
	prompt, err := m.Prompt(embed.Options{})
	require.NoError(t, err)
	chunks, err := chunk.Split(m.Tokenizer(), text, chunk.Config{MaxTokens: most, Overlap: overlap, Prompt: prompt})
	require.NoError(t, err)
	require.Greater(t, len(chunks), 2)
	return chunks
}

// Each chunk is embedded as a text of its own.
func TestEmbedChunks(t *testing.T) {
	m := loadTiny(t)
	chunks := split(t, m, story, 16, 3)
	in := write(t, "in.jsonl", `{"id": "a", "text": "winter"}`+"\n"+`{"id": "b", "text": `+string(quoted(t, story))+"}\n")
	args := []string{"embed", "--model", tiny, "--input", in, "--chunk-tokens", "16", "--chunk-overlap", "3"}
	code, stdout, stderr := rhumb(t, "", args...)
	require.Zero(t, code, stderr)
	got := chunkRows(t, stdout)
	require.Len(t, got, 1+len(chunks))
	assert.Equal(t, []int{0, 0, 0, 6}, []int{got[0].Index, *got[0].Chunk, *got[0].Start, *got[0].End}, "a text of one chunk has one, too")
	for i, k := range chunks {
		r := got[1+i]
		assert.Equal(t, []int{1, i, k.Start, k.End, k.Tokens}, []int{r.Index, *r.Chunk, *r.Start, *r.End, r.Tokens})
		assert.Equal(t, `"b"`, string(r.ID))
		assert.Equal(t, library(t, story[k.Start:k.End])[0].Float32, r.Embedding)
	}

	code, stdout, stderr = rhumb(t, "", append(args, "--output-format", "csv")...)
	require.Zero(t, code, stderr)
	records, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"index", "id", "chunk", "start", "end", "embedding", "tokens", "truncated"}, records[0])
	assert.Equal(t, []string{"1", "b", "0", "0"}, records[2][:4])
	assert.Len(t, records, 2+len(chunks))

	code, stdout, stderr = rhumb(t, "", "embed", "--model", tiny, "--chunk-tokens", "16", "--on-error", "skip", "--input-format", "jsonl", "--input",
		write(t, "bad.jsonl", `[5, 6]`+"\n"+`""`+"\n"+`"winter"`))
	assert.Equal(t, 1, code, stderr)
	got = chunkRows(t, stdout)
	require.Len(t, got, 3)
	assert.Equal(t, "token ids, expected a text to cut into chunks", got[0].Error)
	assert.Equal(t, "empty text", got[1].Error)
	assert.Nil(t, got[1].Chunk)
	assert.Equal(t, 2, got[2].Index)
}

func quoted(t *testing.T, s string) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return b
}

// Late chunks of a text that the model reads at once are its spans.
func TestEmbedLate(t *testing.T) {
	m := loadTiny(t)
	chunks := split(t, m, tale, 8, 0)
	var spans []tokenizer.Span
	for _, k := range chunks {
		spans = append(spans, tokenizer.Span{Start: k.Start, End: k.End})
	}
	want, err := m.Embed(t.Context(), []string{tale}, embed.Options{Spans: [][]tokenizer.Span{spans}})
	require.NoError(t, err)
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--chunk-tokens", "8", "--late", tale)
	require.Zero(t, code, stderr)
	got := chunkRows(t, stdout)
	require.Len(t, got, len(chunks))
	for i, r := range got {
		assert.Equal(t, []int{i, chunks[i].Start, chunks[i].End}, []int{*r.Chunk, *r.Start, *r.End})
		assert.Equal(t, want.Embeddings[i].Float32, r.Embedding)
		assert.Equal(t, want.Embeddings[i].Tokens, r.Tokens)
	}
}

// The mean of a long text is that of its parts, each as often as it has tokens.
func TestEmbedLongMean(t *testing.T) {
	m := loadTiny(t)
	parts := split(t, m, story+" "+story, 32, 0)
	var texts []string
	for _, k := range parts {
		texts = append(texts, (story + " " + story)[k.Start:k.End])
	}
	r, err := m.Embed(t.Context(), texts, embed.Options{Unnormalized: true})
	require.NoError(t, err)
	want, tokens, norm := make([]float64, 24), 0, 0.0
	for _, e := range r.Embeddings {
		tokens += e.Tokens
	}
	for i := range want {
		for _, e := range r.Embeddings {
			want[i] += float64(e.Float32[i]) * float64(e.Tokens) / float64(tokens)
		}
		norm += want[i] * want[i]
	}
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--long", "mean", tale, story+" "+story)
	require.Zero(t, code, stderr)
	got := parseLines(t, stdout)
	require.Len(t, got, 2)
	assert.Equal(t, library(t, tale)[0].Float32, got[0].Embedding, "a short text is what it is")
	assert.Equal(t, tokens, got[1].Tokens)
	assert.Zero(t, got[1].Truncated)
	for i, x := range got[1].Embedding {
		assert.InDelta(t, want[i]/math.Sqrt(norm), x, 1e-7) // the rounding of float32, below 1
	}
	code, stdout, stderr = rhumb(t, "", "embed", "--model", tiny, "--long", "mean", "--encoding", "int8", story+" "+story)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, `"scale":`)
}

// A job writes the rows of embed, in every format.
func TestBatchChunks(t *testing.T) {
	in := write(t, "in.jsonl", `{"id": 1, "start": 7, "text": "winter"}`+"\n"+`{"id": 2, "text": `+string(quoted(t, story))+"}\n"+string(quoted(t, story))+"\n")
	dir := t.TempDir()
	for i, flags := range [][]string{{"--chunk-tokens", "16"}, {"--chunk-tokens", "16", "--chunk-overlap", "2", "--late"}, {"--long", "mean"}} {
		flags = append(flags, "--model", tiny)
		code, want, stderr := rhumb(t, "", append([]string{"embed", "--input", in}, flags...)...)
		require.Zero(t, code, stderr)
		out := filepath.Join(dir, fmt.Sprint(i, ".jsonl"))
		code, stdout, stderr := rhumb(t, "", append([]string{"batch", in, out}, flags...)...)
		require.Zero(t, code, stderr)
		got, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
		if flags[0] == "--chunk-tokens" {
			assert.Regexp(t, `: 3 rows, \d+ chunks\n$`, stdout)
		}
		code, _, stderr = rhumb(t, "", append([]string{"batch", in, out, "--max-tokens", "31"}, flags...)...)
		assert.Equal(t, 1, code, stderr)
	}
	out := filepath.Join(dir, "out.parquet")
	code, _, stderr := rhumb(t, "", "batch", in, out, "--model", tiny, "--chunk-tokens", "16", "--on-error", "skip")
	require.Zero(t, code, stderr)
	type row struct {
		Index     int64     `parquet:"index"`
		Chunk     *int64    `parquet:"chunk,optional"`
		Start     *int64    `parquet:"start,optional"`
		End       *int64    `parquet:"end,optional"`
		Embedding []float32 `parquet:"embedding,list"`
	}
	rows, err := parquet.ReadFile[row](out)
	require.NoError(t, err)
	chunks := split(t, loadTiny(t), story, 16, 0)
	require.Len(t, rows, 1+2*len(chunks))
	for i, k := range chunks {
		r := rows[1+i]
		assert.Equal(t, []int64{1, int64(i), int64(k.Start), int64(k.End)}, []int64{r.Index, *r.Chunk, *r.Start, *r.End})
		assert.Len(t, r.Embedding, 24)
	}
	code, _, stderr = rhumb(t, "", "batch", in, filepath.Join(dir, "kept.jsonl"), "--model", tiny, "--chunk-tokens", "16", "--keep", "start")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, `column "start": the output has one of that name`)
	code, _, stderr = rhumb(t, "", "batch", in, filepath.Join(dir, "kept.jsonl"), "--model", tiny, "--keep", "start")
	assert.Zero(t, code, stderr)
}

// Search finds chunks of lines.
func TestSearchChunks(t *testing.T) {
	in := write(t, "in.jsonl", `"winter"`+"\n"+string(quoted(t, story))+"\n")
	for _, late := range [][]string{nil, {"--late"}} {
		code, stdout, stderr := rhumb(t, "", append([]string{"search", "--model", tiny, "--corpus", in, "--chunk-tokens", "16", "--top", "100", "a doctor"}, late...)...)
		require.Zero(t, code, stderr)
		var found struct {
			Matches []struct {
				Index             int
				Chunk, Start, End *int
				Text              string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &found))
		bytes := 0
		for _, m := range found.Matches {
			if m.Index == 1 {
				assert.Equal(t, story[*m.Start:*m.End], m.Text)
				bytes += len(m.Text)
			} else {
				assert.Equal(t, "winter", m.Text)
			}
		}
		assert.Equal(t, len(story), bytes)
	}
}

func TestPartFlags(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--late", 2, "--late: no --chunk-tokens, expected both"},
		{"--chunk-overlap 3", 2, "--chunk-overlap: no --chunk-tokens"},
		{"--chunk-tokens 0", 2, "--chunk-tokens 0: must be 1 or more"},
		{"--chunk-tokens 33", 1, "chunks of 33 tokens, expected 1 to 32, which the model reads"},
		{"--chunk-tokens 2", 1, "limit of 2 tokens, expected more than the 2 special tokens"},
		{"--chunk-tokens 16 --max-tokens 12", 1, "chunks of 16 tokens, expected 1 to 12"},
		{"--chunk-tokens 8 --chunk-overlap 6", 1, "overlap of 6 tokens, expected 0 to 5"},
		{"--chunk-tokens 8 --long mean", 2, "chunk-tokens"},
		{"--truncate end --long mean", 2, "truncate"},
		{"--long long", 2, "there is cut, mean"},
	} {
		for _, command := range []string{"embed", "batch in.txt out.jsonl"} {
			t.Run(command+" "+tt.args, func(t *testing.T) {
				dir, err := filepath.Abs(tiny)
				require.NoError(t, err)
				t.Chdir(t.TempDir())
				require.NoError(t, os.WriteFile("in.txt", []byte("winter\n"), 0o666))
				args := append(strings.Fields(command), "--model", dir)
				code, _, stderr := rhumb(t, "winter\n", append(args, strings.Fields(tt.args)...)...)
				assert.Equal(t, tt.code, code, stderr)
				assert.Contains(t, stderr, tt.want)
			})
		}
	}
}
