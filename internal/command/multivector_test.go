package command

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

const colBERT = "../../testdata/heads/mv-stanford/model"

// A multi-vector model ranks documents by MaxSim, equal ones by index.
func TestRerankByMaxSim(t *testing.T) {
	g := readCross(t, colBERT)
	args := append([]string{"rerank", "--model", colBERT, "--query", g.Queries[0]}, g.Documents[:4]...)
	args = append(args, g.Documents[0])
	code, stdout, stderr := rhumb(t, "", args...)
	require.Zero(t, code, stderr)
	type line struct {
		Index     int
		Score     float32
		Text      string
		Truncated int
	}
	lines := parse[line](t, stdout)
	require.Len(t, lines, 5)
	for i, l := range lines {
		assert.InDelta(t, g.answers["maxsim"][l.Index%4], l.Score, 1e-4) // as in package multivector
		if i > 0 {
			last := lines[i-1]
			assert.True(t, last.Score > l.Score || last.Score == l.Score && last.Index < l.Index)
		}
	}
	for _, test := range []struct{ args, message string }{
		{"classify summer --model " + colBERT, "a multi-vector model, expected a reranker or a classifier; multivector.Load, rhumb embed, search and rerank serve it"},
		{"bench --model " + colBERT, "a multi-vector model, expected an embedding model"},
	} {
		code, _, stderr := rhumb(t, "", strings.Fields(test.args)...)
		assert.Equal(t, 1, code, test.args)
		assert.Contains(t, stderr, test.message)
	}
}

func TestInfoOfMultiVectorModels(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "info", "--json", colBERT)
	require.Zero(t, code, stderr)
	var info struct {
		Kinds       []string
		MaxTokens   int            `json:"max_tokens"`
		MultiVector map[string]int `json:"multi_vector"`
		Fingerprint string
		Labels      []string
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	assert.Equal(t, []string{"multi-vector"}, info.Kinds)
	assert.Equal(t, map[string]int{"dimensions": 16, "query_tokens": 12, "expanded_tokens": 12}, info.MultiVector)
	assert.Equal(t, 36, info.MaxTokens)
	assert.Len(t, info.Fingerprint, 32)
	assert.Nil(t, info.Labels)
	code, stdout, stderr = rhumb(t, "", "info", colBERT)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `kind +multi-vector\n(.*\n)*dimensions +16, of the vector of each token\nquery tokens +12 to 12\n`, stdout)
}

// POST /v1/rerank has the library's scores of a multi-vector model.
func TestServeMultiVectorModel(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "colbert="+colBERT)
	model, err := multivector.Load(context.Background(), colBERT, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	want, err := model.Rank(t.Context(), "a query", []string{"summer", "winter", "", "summer"}, 0, rerank.Options{})
	require.NoError(t, err)
	resp, err := s.client.Post(s.url+"/v1/rerank", "application/json", strings.NewReader(`{"model":"colbert","query":"a query","documents":["summer","winter","","summer"]}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	var got struct {
		Results []struct {
			Index int
			Score float32 `json:"relevance_score"`
		}
		Usage struct {
			Tokens int `json:"total_tokens"`
		}
	}
	require.NoError(t, json.Unmarshal(body, &got))
	require.Len(t, got.Results, 4)
	tokens := 0 // of the query with each document, as of pairs
	for i, r := range got.Results {
		assert.Equal(t, want[i].Index, r.Index)
		assert.Equal(t, want[i].Value, r.Score)
		tokens += want[i].Tokens
	}
	assert.Equal(t, tokens, got.Usage.Tokens)
	assert.Greater(t, tokens, 4*model.Info().ExpandedTokens)
	assert.Contains(t, s.get(t, "/v1/models"), `"kind":"multi-vector"`)
}

// embed writes the vectors of the reference, of documents where --query does not say else,
// in each encoding.
func TestEmbedByMultiVectorModel(t *testing.T) {
	const tol = 5e-5 // as in package multivector
	for name, dimensions := range map[string]int{"mv-bert": 24, "mv-modernbert": 20, "mv-pylate": 20, "mv-pylate-noexpand": 20, "mv-stanford": 16} {
		dir := filepath.Join(colBERT, "../..", name, "model")
		g := readCross(t, dir)
		documents, queries := write(t, "d.jsonl", jsonLines(t, g.Documents...)), write(t, "q.jsonl", jsonLines(t, g.Queries...))
		run := func(args ...string) string {
			code, stdout, stderr := rhumb(t, "", append([]string{"embed", "--model", dir}, args...)...)
			require.Zero(t, code, stderr)
			return stdout
		}
		got := vectorsIn[float64](t, run("--input", documents), len(g.Documents))
		require.Len(t, got, len(g.answers["document"]), name)
		for i, want := range g.answers["document"] {
			require.InDelta(t, want, got[i], tol, "%s: %d", name, i)
		}
		assert.Equal(t, got, vectorsIn[float64](t, run("--document", "--input", documents), len(g.Documents)))
		got = vectorsIn[float64](t, run("--query", "--input", queries), len(g.Queries))
		require.Len(t, got, len(g.answers["query"]), name)
		for i, want := range g.answers["query"] {
			require.InDelta(t, want, got[i], tol, "%s: %d", name, i)
		}

		halves := vectorsIn[float64](t, run("--query", "--input", queries, "--encoding", "float16"), len(g.Queries))
		bytes := vectorsIn[float64](t, run("--query", "--input", queries, "--encoding", "int8"), len(g.Queries))
		bits := vectorsIn[uint16](t, run("--query", "--input", queries, "--encoding", "ubinary"), len(g.Queries))
		size := (dimensions + 7) / 8 // of the bits of a vector
		require.Len(t, bits, len(got)/dimensions*size)
		for i, x := range got {
			require.InDelta(t, x, halves[i], math.Abs(x)/2048+1e-7, "%s: %d", name, i) // 11 bits
			require.InDelta(t, x, bytes[i], 0.5/127+1e-6, "%s: %d", name, i)           // half a step of unit vectors
			row, at := i/dimensions, i%dimensions
			require.Equal(t, x > 0, bits[row*size+at/8]>>(7-at%8)&1 == 1, "%s: %d", name, i)
		}
	}
	code, stdout, stderr := rhumb(t, "", "embed", "--model", colBERT, "--output-format", "table", "--encoding", "int8", "summer", "winter")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `^ +0 +\d+ tokens +\d+ vectors( +-?\d+){6}  summer\n.*winter\n$`, stdout)
}

// vectorsIn returns the components of all lines, one behind the other, times their scales.
func vectorsIn[E float64 | uint16](t *testing.T, lines string, n int) (all []E) {
	t.Helper()
	list := parse[struct {
		Index, Tokens, Truncated int
		Embeddings               [][]E
		Scales                   []E
	}](t, lines)
	require.Len(t, list, n)
	for i, l := range list {
		assert.Equal(t, i, l.Index)
		assert.GreaterOrEqual(t, l.Tokens, len(l.Embeddings))
		if l.Scales != nil {
			require.Len(t, l.Scales, len(l.Embeddings))
		}
		for j, v := range l.Embeddings {
			for _, x := range v {
				if l.Scales != nil {
					x *= l.Scales[j]
				}
				all = append(all, x)
			}
		}
	}
	return all
}

// What does not go with several vectors is refused.
func TestMultiVectorFlags(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"--dimensions 8 a", 1, "dimensions: given for a multi-vector model, expected none"},
		{"--layers 1 a", 1, "layers: given for a multi-vector model"},
		{"--max-active 1 a", 1, "max active: given for a multi-vector model"},
		{"--pieces a", 1, "pieces: given for a multi-vector model"},
		{"--no-normalize a", 1, "given for a multi-vector model"},
		{"--tokens a", 1, "tokens: given for a multi-vector model"},
		{"--chunk-tokens 9 --late a", 1, "chunks: given for a multi-vector model"},
		{"--long mean a", 1, "mean: given for a multi-vector model"},
		{"--encoding base64 a", 1, "formats: base64 for a multi-vector model, expected float, float16, int8 or ubinary"},
		{"--prompt-name nobody a", 1, "nobody"},
		{"--query --prompt b: a", 0, ""},
		{"--output out.npy a", 2, "npy has no place for the vectors of a multi-vector model, expected json, jsonl, parquet or table"},
		{"--output out.csv a", 2, "csv has no place for"},
	} {
		code, _, stderr := rhumb(t, "", append([]string{"embed", "--model", colBERT}, strings.Fields(test.args)...)...)
		assert.Equal(t, test.code, code, "%s: %s", test.args, stderr)
		assert.Contains(t, stderr, test.want, test.args)
	}
	code, stdout, stderr := rhumb(t, "[5, 6]\n\"\"\n", "embed", "--model", colBERT, "--input-format", "jsonl", "--on-error", "skip")
	assert.Equal(t, 1, code, stderr)
	assert.Contains(t, stdout, `{"index":0,"error":"token ids, expected a text"}`)
	assert.Contains(t, stdout, `{"index":1,"error":`)
}

// A search finds the lines with the reference's highest MaxSim, equal ones by index, with the
// scores of rerank.
func TestSearchByMaxSim(t *testing.T) {
	g := readCross(t, colBERT)
	n := len(g.Documents)
	corpus := write(t, "d.jsonl", jsonLines(t, append(g.Documents[:n:n], g.Documents[0])...))
	args := []string{"search", "--model", colBERT, "--corpus", corpus, "--top", "100"}
	code, stdout, stderr := rhumb(t, "", append(args, g.Queries...)...)
	require.Zero(t, code, stderr)
	list := parse[found](t, stdout)
	require.Len(t, list, len(g.Queries))
	model, err := multivector.Load(t.Context(), colBERT, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	for q, got := range list {
		scores, err := model.Score(t.Context(), g.Queries[q], g.Documents, rerank.Options{})
		require.NoError(t, err)
		require.Len(t, got.Matches, n+1)
		for i, m := range got.Matches {
			assert.InDelta(t, g.answers["maxsim"][q*n+m.Index%n], m.Score, 1e-4) // as in package multivector
			assert.Equal(t, scores[m.Index%n].Value, float32(m.Score))
			assert.Equal(t, g.Documents[m.Index%n], m.Text)
			if i > 0 {
				last := got.Matches[i-1]
				assert.True(t, last.Score > m.Score || last.Score == m.Score && last.Index < m.Index)
			}
		}
	}
	for _, encoding := range []string{"int8", "binary"} { // which binary orders by, of all these few lines
		code, stdout, stderr := rhumb(t, "", append(append(args, "--encoding", encoding), g.Queries...)...)
		require.Zero(t, code, stderr)
		near := parse[found](t, stdout)
		for q, got := range near {
			scorer, err := model.NewScorer(asked(t, model, g.Queries[q]))
			require.NoError(t, err)
			require.Len(t, got.Matches, n+1)
			made, err := model.EmbedDocuments(t.Context(), g.Documents, multivector.Options{})
			require.NoError(t, err)
			for i, m := range got.Matches {
				vectors := made[m.Index%n].Vectors
				var bytes []int8
				var scales []float32
				for r := range vectors.Rows {
					var scale float32
					bytes, scale, err = quant.AppendScaled(bytes, vectors.Row(r))
					require.NoError(t, err)
					scales = append(scales, scale)
				}
				want, err := scorer.ScoreInt8(bytes, scales)
				require.NoError(t, err)
				assert.Equal(t, want, float32(m.Score), encoding)
				assert.True(t, i == 0 || got.Matches[i-1].Score >= m.Score)
			}
		}
	}
}

func asked(t *testing.T, m *multivector.Model, query string) tensor.Matrix {
	made, err := m.EmbedQuery(t.Context(), query, multivector.Options{})
	require.NoError(t, err)
	return made.Vectors
}

// A matrix of similarities has MaxSim of each text with each, as package multivector has it.
func TestSimilarityByMaxSim(t *testing.T) {
	g := readCross(t, colBERT)
	code, stdout, stderr := rhumb(t, "", append([]string{"similarity", "--model", colBERT, "--output-format", "jsonl"}, g.Queries...)...)
	require.Zero(t, code, stderr)
	model, err := multivector.Load(t.Context(), colBERT, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	made, err := model.EmbedDocuments(t.Context(), g.Queries, multivector.Options{})
	require.NoError(t, err)
	list := parse[[]float32](t, stdout)
	require.Len(t, list, len(made))
	for i, row := range list {
		require.Len(t, row, len(made))
		for j, got := range row {
			want, err := multivector.MaxSim(made[i].Vectors, made[j].Vectors)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%d %d", i, j)
		}
	}
}

// Chunks are cut by the limit and the prompt of documents.
func TestChunkForMultiVectorModel(t *testing.T) {
	text := strings.Repeat("The river is deep. We came by night. ", 30)
	code, stdout, stderr := rhumb(t, text, "chunk", "--model", colBERT)
	require.Zero(t, code, stderr)
	model, err := multivector.Load(t.Context(), colBERT, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	reading, err := model.Reading(multivector.Options{})
	require.NoError(t, err)
	require.Equal(t, model.Info().MaxTokens, reading.MaxTokens)
	rows := parse[struct {
		Index, Chunk, Start, End, Tokens int
		Text                             string
	}](t, stdout)
	require.Greater(t, len(rows), 1)
	whole := ""
	for _, r := range rows {
		made, err := model.EmbedDocuments(t.Context(), []string{r.Text}, multivector.Options{Truncate: embed.TruncateNone})
		require.NoError(t, err)
		assert.Equal(t, made[0].Tokens, r.Tokens)
		whole += r.Text
	}
	assert.Equal(t, text, whole)
}

// A job writes what embed does, and refuses formats that have no place for it.
func TestBatchOfMultiVectorModel(t *testing.T) {
	g := readCross(t, colBERT)
	in := write(t, "d.jsonl", jsonLines(t, g.Documents...))
	out := filepath.Join(t.TempDir(), "out.jsonl")
	code, _, stderr := rhumb(t, "", "batch", "--model", colBERT, in, out)
	require.Zero(t, code, stderr)
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	code, want, stderr := rhumb(t, "", "embed", "--model", colBERT, "--document", "--input", in)
	require.Zero(t, code, stderr)
	assert.Equal(t, want, string(got))
	code, _, stderr = rhumb(t, "", "batch", "--model", colBERT, in, filepath.Join(t.TempDir(), "out.npy"))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "npy has no place for the vectors of a multi-vector model, expected jsonl or parquet")
}

// A Parquet file has the numbers of jsonl, null where a text is bad.
func TestParquetOfMultiVectorModel(t *testing.T) {
	in := write(t, "d.jsonl", jsonLines(t, append(readCross(t, colBERT).Documents, "")...))
	flags := []string{"--model", colBERT, "--on-error", "skip", "--encoding", "float,int8"}
	_, lines, _ := rhumb(t, "", append([]string{"embed", "--document", "--input", in}, flags...)...)
	want := parse[struct {
		Index      int
		Embeddings []struct {
			Float []float32
			Int8  []int8
		}
		Scales    []float32
		Tokens    int32
		Truncated int32
		Error     string
	}](t, lines)
	dir := t.TempDir()
	for _, command := range [][]string{
		{"batch", in, filepath.Join(dir, "a.parquet")},
		{"embed", "--document", "--input", in, "--output", filepath.Join(dir, "b.parquet")},
	} {
		code, _, stderr := rhumb(t, "", append(command, flags...)...)
		require.Equal(t, 1, code, stderr)
		type row struct {
			Floats [][]float32 `parquet:"embeddings_float,optional,list"`
			Int8s  [][]int32   `parquet:"embeddings_int8,optional,list"`
			Scales []float32   `parquet:"scales,optional,list"`
			Tokens int32       `parquet:"tokens"`
			Error  *string     `parquet:"error,optional"`
		}
		rows, err := parquet.ReadFile[row](command[len(command)-1])
		require.NoError(t, err)
		require.Len(t, rows, len(want))
		for i, w := range want {
			require.Len(t, rows[i].Floats, len(w.Embeddings))
			require.Len(t, rows[i].Int8s, len(w.Embeddings))
			for j, e := range w.Embeddings {
				assert.Equal(t, e.Float, rows[i].Floats[j])
				for k, v := range e.Int8 {
					assert.EqualValues(t, v, rows[i].Int8s[j][k])
				}
			}
			assert.Equal(t, w.Scales, rows[i].Scales)
			assert.Equal(t, w.Tokens, rows[i].Tokens)
		}
		assert.NotEmpty(t, *rows[len(want)-1].Error)
	}
}

// The folder of bge-m3 is served as all that it is, by one model.
func TestServeSeveralOutputs(t *testing.T) {
	needSignals(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "m3"), os.DirFS(bgeM3)))
	for _, args := range [][]string{{"--model", "m3=" + bgeM3}, {"--models-dir", dir}} {
		s := serve(t, args...)
		for path, body := range map[string]string{
			"/v1/embeddings": `{"model":"m3","input":"summer","outputs":["dense","sparse"]}`,
			"/embed":         `{"model":"m3","inputs":"summer"}`,
			"/embed_sparse":  `{"model":"m3","inputs":"summer"}`,
			"/v1/rerank":     `{"model":"m3","query":"summer","documents":["winter"]}`,
		} {
			resp, err := s.client.Post(s.url+path, "application/json", strings.NewReader(body))
			require.NoError(t, err)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", path, answer)
		}
		assert.Contains(t, s.get(t, "/v1/models"), `"kinds":["embedding","sparse","multi-vector"]`)
		s.end(t, syscall.SIGTERM)
	}
}
