package command

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

const splade = "../../testdata/heads/sparse-bert-max/model"

// sparseLine is a line of jsonl output of a sparse model.
type sparseLine struct {
	Index  int
	ID     json.RawMessage
	Chunk  *int
	Start  *int
	End    *int
	Sparse *struct {
		Indices []int32
		Values  []float32
		Pieces  []string
	}
	Tokens    int
	Truncated int
	Error     string
}

func sparseLines(t *testing.T, lines string) (all []sparseLine) {
	t.Helper()
	for s := range strings.Lines(lines) {
		var l sparseLine
		d := json.NewDecoder(strings.NewReader(s))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&l), s)
		all = append(all, l)
	}
	return all
}

// spladeTexts are those of the model's golden.
func spladeTexts(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/heads/sparse-bert-max/cases.json")
	require.NoError(t, err)
	var cases struct{ Texts []string }
	require.NoError(t, json.Unmarshal(data, &cases))
	return cases.Texts
}

func loadSparse(t *testing.T) *sparse.Model {
	t.Helper()
	m, err := sparse.Load(t.Context(), splade, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// The command writes what the library, which is held to goldens, makes of texts.
func TestEmbedSparse(t *testing.T) {
	texts := spladeTexts(t)
	m := loadSparse(t)
	var in strings.Builder
	for _, text := range texts {
		require.NoError(t, json.NewEncoder(&in).Encode(map[string]any{"id": "x", "text": text}))
	}
	path := write(t, "in.jsonl", in.String())
	for _, tt := range []struct {
		flags []string
		opts  sparse.Options
	}{
		{nil, sparse.Options{}},
		{[]string{"--max-active", "7", "--pieces"}, sparse.Options{MaxActive: 7}},
		{[]string{"--query"}, sparse.Options{PromptName: "query"}},
		{[]string{"--max-tokens", "9", "--truncate", "start"}, sparse.Options{MaxTokens: 9, Truncate: embed.TruncateStart}},
	} {
		want, err := m.Embed(t.Context(), texts, tt.opts)
		require.NoError(t, err)
		code, stdout, stderr := rhumb(t, "", append([]string{"embed", "--model", splade, "--input", path}, tt.flags...)...)
		require.Zero(t, code, stderr)
		lines := sparseLines(t, stdout)
		require.Len(t, lines, len(texts))
		for i, l := range lines {
			assert.Equal(t, i, l.Index)
			assert.Equal(t, `"x"`, string(l.ID))
			assert.Equal(t, want[i].Indices, l.Sparse.Indices)
			assert.Equal(t, want[i].Values, l.Sparse.Values)
			assert.Equal(t, []int{want[i].Tokens, want[i].Truncated}, []int{l.Tokens, l.Truncated})
			if len(tt.flags) > 2 && tt.flags[2] == "--pieces" {
				for j, index := range l.Sparse.Indices {
					piece, ok := m.Tokenizer().Token(index)
					require.True(t, ok)
					assert.Equal(t, piece, l.Sparse.Pieces[j])
				}
			} else {
				assert.Nil(t, l.Sparse.Pieces)
			}
		}
	}

	want, err := m.Embed(t.Context(), texts, sparse.Options{})
	require.NoError(t, err)
	code, stdout, stderr := rhumb(t, "", "embed", "--model", splade, "--input", path, "--output-format", "csv")
	require.Zero(t, code, stderr)
	records, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"index", "id", "indices", "values", "tokens", "truncated"}, records[0])
	for i, r := range records[1:] {
		var indices []int32
		require.NoError(t, json.Unmarshal([]byte(r[2]), &indices))
		assert.Equal(t, want[i].Indices, indices)
	}
	code, stdout, stderr = rhumb(t, "", "embed", "--model", splade, "--input", path, "--output-format", "table", "--pieces")
	require.Zero(t, code, stderr)
	assert.Equal(t, len(texts), strings.Count(stdout, "\n"))
}

// A job writes the lines of embed, and into Parquet two columns of lists.
func TestBatchSparse(t *testing.T) {
	texts := append(spladeTexts(t), "")
	want, err := loadSparse(t).Embed(t.Context(), texts[:len(texts)-1], sparse.Options{MaxActive: 9})
	require.NoError(t, err)
	var in strings.Builder
	for _, text := range texts {
		require.NoError(t, json.NewEncoder(&in).Encode(text))
	}
	path, dir := write(t, "in.jsonl", in.String()), t.TempDir()
	flags := []string{"--model", splade, "--max-active", "9", "--on-error", "skip"}
	code, lines, _ := rhumb(t, "", append([]string{"embed", "--input", path}, flags...)...)
	require.Equal(t, 1, code)
	out := filepath.Join(dir, "out.jsonl")
	code, _, stderr := rhumb(t, "", append([]string{"batch", path, out}, flags...)...)
	require.Equal(t, 1, code, stderr)
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, lines, string(got))

	for _, command := range [][]string{{"batch", path, filepath.Join(dir, "a.parquet")}, {"embed", "--input", path, "--output", filepath.Join(dir, "b.parquet")}} {
		code, _, stderr = rhumb(t, "", append(command, flags...)...)
		require.Equal(t, 1, code, stderr)
		type row struct {
			Index   int64     `parquet:"index"`
			Indices []int32   `parquet:"indices,optional,list"`
			Values  []float32 `parquet:"values,optional,list"`
			Tokens  int32     `parquet:"tokens"`
			Error   *string   `parquet:"error,optional"`
		}
		rows, err := parquet.ReadFile[row](command[len(command)-1])
		require.NoError(t, err)
		require.Len(t, rows, len(texts))
		for i, v := range want {
			assert.Equal(t, v.Indices, rows[i].Indices)
			assert.Equal(t, v.Values, rows[i].Values)
			assert.Equal(t, int32(v.Tokens), rows[i].Tokens)
		}
		assert.Equal(t, "empty text", *rows[len(want)].Error)
	}
	flags[3] = "8"
	code, _, stderr = rhumb(t, "", append([]string{"batch", path, out}, flags...)...)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "max active was 9, is 8")
	code, _, stderr = rhumb(t, "", "batch", path, filepath.Join(dir, "out.npy"), "--model", splade)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "npy has no place for sparse embeddings")
}

func TestSimilaritySparse(t *testing.T) {
	texts := spladeTexts(t)[:5]
	vectors, err := loadSparse(t).Embed(t.Context(), texts, sparse.Options{})
	require.NoError(t, err)
	product := func(a, b sparse.Vector) (sum float64) {
		weights := map[int32]float64{}
		for i, index := range a.Indices {
			weights[index] = float64(a.Values[i])
		}
		for i, index := range b.Indices {
			sum += weights[index] * float64(b.Values[i])
		}
		return sum
	}
	code, stdout, stderr := rhumb(t, "", append([]string{"similarity", "--model", splade, "--output-format", "json"}, texts...)...)
	require.Zero(t, code, stderr)
	var cosines [][]float64
	require.NoError(t, json.Unmarshal([]byte(stdout), &cosines))
	for i, a := range vectors {
		for j, b := range vectors {
			assert.InDelta(t, product(a, b)/math.Sqrt(product(a, a)*product(b, b)), cosines[i][j], 3e-7) // three roundings of float32
		}
	}
}

// Chunks of a text have sparse embeddings of their own.
func TestEmbedSparseChunks(t *testing.T) {
	text := strings.Join(spladeTexts(t), ". ")
	m := loadSparse(t)
	code, stdout, stderr := rhumb(t, "", "embed", "--model", splade, "--chunk-tokens", "20", text)
	require.Zero(t, code, stderr)
	lines := sparseLines(t, stdout)
	require.Greater(t, len(lines), 3)
	at := 0
	for i, l := range lines {
		assert.Equal(t, []int{i, at}, []int{*l.Chunk, *l.Start})
		at = *l.End
		want, err := m.Embed(t.Context(), []string{text[*l.Start:*l.End]}, sparse.Options{})
		require.NoError(t, err)
		assert.Equal(t, want[0].Values, l.Sparse.Values)
	}
	assert.Equal(t, len(text), at)
	code, stdout, stderr = rhumb(t, text, "chunk", "--model", splade, "--max-tokens", "20")
	require.Zero(t, code, stderr)
	assert.Equal(t, len(lines), strings.Count(stdout, "\n"))
}

func TestSparseFlags(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"embed --model SPLADE --dimensions 8 a", 1, "dimensions: given for a sparse model, expected none"},
		{"embed --model SPLADE --layers 1 a", 1, "layers: given for a sparse model"},
		{"embed --model SPLADE --encoding int8 a", 1, "formats: given for a sparse model"},
		{"embed --model SPLADE --no-normalize a", 1, "given for a sparse model"},
		{"embed --model SPLADE --tokens a", 1, "tokens: given for a sparse model"},
		{"embed --model SPLADE --chunk-tokens 9 --late a", 1, "late: given for a sparse model"},
		{"embed --model SPLADE --long mean a", 1, "mean: given for a sparse model"},
		{"embed --model SPLADE --prompt-name nobody a", 1, "nobody"},
		{"embed --model SPLADE --pooling mean a", 1, "pooling"},
		{"embed --model SPLADE --max-active 0 a", 2, "--max-active 0: must be 1 or more"},
		{"embed --model SPLADE --output out.npy a", 2, "npy has no place for sparse embeddings"},
		{"embed --model TINY --max-active 3 a", 1, "max active: given, expected none: the model is not sparse"},
		{"embed --model TINY --pieces a", 1, "pieces: given, expected none: the model is not sparse"},
		{"embed --model LATENTS --pieces a", 1, "pieces: given, expected none: the entries are latents"},
		{"embed --model LATENTS a", 0, ""},
		{"search --model SPLADE --encoding int8 --corpus cases.json a", 2, "--encoding: given for a sparse model, expected none"},
		{"calibrate --model SPLADE --input cases.json", 1, "sparse model, expected an embedding model; sparse.Load and rhumb embed serve it"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("SPLADE", splade, "TINY", tiny, "LATENTS", "../../testdata/heads/sparse-csr/model", "cases.json", write(t, "c.txt", "a")).Replace(tt.args))
			code, _, stderr := rhumb(t, "", args...)
			assert.Equal(t, tt.code, code, stderr)
			assert.Contains(t, stderr, tt.want)
		})
	}
	code, stdout, stderr := rhumb(t, "[5, 6]\n\"a\"\n", "embed", "--model", splade, "--input-format", "jsonl", "--on-error", "skip")
	assert.Equal(t, 1, code, stderr)
	lines := sparseLines(t, stdout)
	require.Len(t, lines, 2)
	assert.Equal(t, "token ids, expected a text", lines[0].Error)
}

// A search finds the lines with the highest inner products, each by the prompt of its kind.
func TestSearchSparse(t *testing.T) {
	texts := spladeTexts(t)
	m := loadSparse(t)
	query := texts[5]
	q, err := m.Embed(t.Context(), []string{query}, sparse.Options{PromptName: "query", MaxActive: 40})
	require.NoError(t, err)
	d, err := m.Embed(t.Context(), texts, sparse.Options{PromptName: "document", MaxActive: 40})
	require.NoError(t, err)
	var in strings.Builder
	for _, text := range texts {
		require.NoError(t, json.NewEncoder(&in).Encode(text))
	}
	code, stdout, stderr := rhumb(t, "", "search", "--model", splade, "--max-active", "40", "--top", "4", "--corpus", write(t, "in.jsonl", in.String()), query)
	require.Zero(t, code, stderr)
	var got found
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got.Matches, 4)
	for i, match := range got.Matches {
		assert.Equal(t, texts[match.Index], match.Text)
		assert.Equal(t, sparse.Dot(q[0], d[match.Index]), float32(match.Score))
		better := 0
		for _, v := range d {
			if sparse.Dot(q[0], v) > float32(match.Score) {
				better++
			}
		}
		assert.LessOrEqual(t, better, i)
	}
}
