package job

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
)

const goldens = "../../testdata/goldens"

// loadModel returns a table of token vectors, 16 dimensions: thousands of texts a second.
func loadModel(t testing.TB) *embed.Model {
	t.Helper()
	m, err := embed.Load(t.Context(), modelFolder(t), embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

// makeTexts returns n texts, some of them several times.
func makeTexts(n int) []string {
	random := rand.New(rand.NewPCG(9, 9))
	words := strings.Fields("summer winter river a deep das Öl вопрос 你好 \"quoted\" one two three")
	all := make([]string, n)
	for i := range all {
		if i > 10 && i%7 == 0 {
			all[i] = all[i-10]
			continue
		}
		for range 1 + random.IntN(12) {
			all[i] += words[random.IntN(len(words))] + " "
		}
		all[i] += fmt.Sprint(random.IntN(1000))
	}
	return all
}

// writeInput writes texts in the format of a file's name, with an id and two more columns.
func writeInput(t testing.TB, path string, texts []string) {
	t.Helper()
	var b bytes.Buffer
	base := strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
	if filepath.Ext(base) == ".csv" {
		b.WriteString("n,id,text,note\n")
	}
	type row struct {
		Note string  `parquet:"note"`
		Text string  `parquet:"text"`
		ID   int64   `parquet:"id"`
		N    float64 `parquet:"n"`
	}
	var table []row
	for i, text := range texts {
		note := fmt.Sprint("note ", i)
		switch filepath.Ext(base) {
		case ".txt":
			b.WriteString(text + "\n")
		case ".jsonl":
			fmt.Fprintf(&b, `{"n": %d.5, "id": "row%d", "text": %s, "note": "%s"}`+"\n", i, i, rows.Quote(text), note)
		case ".csv":
			fmt.Fprintf(&b, `%d.5,row%d,"%s",%s`+"\n", i, i, strings.ReplaceAll(text, `"`, `""`), note)
		case ".parquet":
			table = append(table, row{note, text, int64(i), float64(i) + 0.5})
		}
	}
	switch filepath.Ext(path) {
	case ".parquet":
		require.NoError(t, parquet.WriteFile(path, table))
		return
	case ".gz":
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(b.Bytes())
		require.NoError(t, err)
		require.NoError(t, w.Close())
		b = packed
	case ".zst":
		w, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		b = *bytes.NewBuffer(w.EncodeAll(b.Bytes(), nil))
	}
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o666))
}

// unpacked returns the content of a file, without its compression.
func unpacked(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var r io.Reader = file
	switch filepath.Ext(path) {
	case ".gz":
		r, err = gzip.NewReader(file)
		require.NoError(t, err)
	case ".zst":
		d, err := zstd.NewReader(file)
		require.NoError(t, err)
		defer d.Close()
		r = d
	}
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

type line struct {
	Index     int
	ID        any
	N         any
	Note      string
	Embedding []float32
	Tokens    int
	Error     string
}

func readLines(t testing.TB, path string) (all []line) {
	t.Helper()
	for data := range bytes.Lines(unpacked(t, path)) {
		var l line
		require.NoError(t, json.Unmarshal(data, &l), "%s", data)
		all = append(all, l)
	}
	return all
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func TestInputs(t *testing.T) {
	m := loadModel(t)
	texts := makeTexts(300)
	want, err := m.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)
	for _, name := range []string{"in.txt", "in.jsonl", "in.csv", "in.parquet", "in.txt.gz", "in.jsonl.zst", "in.csv.GZ"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			name = strings.ToLower(name)
			cfg := Config{Inputs: []string{filepath.Join(dir, name)}, Output: filepath.Join(dir, "out.jsonl"), ChunkRows: 64}
			writeInput(t, cfg.Inputs[0], texts)
			if !strings.HasPrefix(name, "in.txt") {
				cfg.Keep = []string{"note", "n"}
			}
			var last Progress
			cfg.Progress = func(p Progress) {
				assert.Equal(t, min(last.Rows+64, 300), p.Rows)
				assert.GreaterOrEqual(t, p.Fraction, last.Fraction)
				last = p
			}
			report, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)
			assert.Equal(t, Report{Rows: 300}, report)
			assert.Equal(t, 300, last.Rows)
			assert.InDelta(t, 1, last.Fraction, 1e-6)
			got := readLines(t, cfg.Output)
			require.Len(t, got, 300)
			for i, l := range got {
				assert.Equal(t, i, l.Index)
				assert.Equal(t, want.Embeddings[i].Float32, l.Embedding)
				assert.Equal(t, want.Embeddings[i].Tokens, l.Tokens)
				if cfg.Keep == nil {
					continue
				}
				assert.Equal(t, fmt.Sprint("note ", i), l.Note)
				switch {
				case strings.HasPrefix(name, "in.csv"):
					assert.Equal(t, fmt.Sprintf("%d.5", i), l.N)
				default:
					assert.Equal(t, float64(i)+0.5, l.N)
				}
				if name == "in.parquet" {
					assert.Equal(t, float64(i), l.ID)
				} else {
					assert.Equal(t, fmt.Sprint("row", i), l.ID)
				}
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	texts := makeTexts(500)
	in := filepath.Join(dir, "in.jsonl")
	writeInput(t, in, texts)
	formats := []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary, encoding.Base64}
	want, err := m.Embed(t.Context(), texts, embed.Options{Formats: formats})
	require.NoError(t, err)
	t.Run("compressed lines", func(t *testing.T) {
		var plain []byte
		for _, name := range []string{"out.jsonl", "out.jsonl.gz", "out.ndjson.zst"} {
			cfg := Config{Inputs: []string{in}, Output: filepath.Join(dir, name), ChunkRows: 100}
			_, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)
			if plain == nil {
				plain = read(t, cfg.Output)
			}
			assert.Equal(t, plain, unpacked(t, cfg.Output))
		}
	})
	t.Run("parquet", func(t *testing.T) {
		// Groups of a chunk, of several, and one of all.
		for _, group := range []int64{1, 24 << 10, 1 << 30} {
			cfg := Config{Inputs: []string{in}, Output: filepath.Join(dir, fmt.Sprint("out", group, ".parquet")), ChunkRows: 60, rowGroup: group}
			cfg.Options.Formats = formats
			cfg.Keep = []string{"note"}
			if group == 1 {
				cfg.Keep, cfg.Drop = nil, []string{"n", "text"} // the same
			}
			_, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)
			type row struct {
				Index   int64     `parquet:"index"`
				ID      *string   `parquet:"id"`
				Note    *string   `parquet:"note"`
				Float   []float32 `parquet:"embedding_float,list"`
				Half    [][2]byte `parquet:"embedding_float16,list"`
				Int8    []int32   `parquet:"embedding_int8,list"`
				Ubinary []uint32  `parquet:"embedding_ubinary,list"`
				Base64  string    `parquet:"embedding_base64"`
				Scale   float32   `parquet:"scale"`
				Tokens  int32     `parquet:"tokens"`
			}
			file, err := parquet.OpenFile(bytes.NewReader(read(t, cfg.Output)), int64(len(read(t, cfg.Output))))
			require.NoError(t, err)
			assert.Equal(t, map[int64]int{1: 9, 24 << 10: len(file.RowGroups()), 1 << 30: 1}[group], len(file.RowGroups()))
			if group == 10<<10 {
				assert.Greater(t, len(file.RowGroups()), 1)
				assert.Less(t, len(file.RowGroups()), 9)
			}
			got, err := parquet.ReadFile[row](cfg.Output)
			require.NoError(t, err)
			require.Len(t, got, len(texts))
			for i, r := range got {
				e := want.Embeddings[i]
				assert.Equal(t, int64(i), r.Index)
				assert.Equal(t, fmt.Sprint("row", i), *r.ID)
				assert.Equal(t, fmt.Sprintf("note %d", i), *r.Note)
				assert.Equal(t, e.Float32, r.Float)
				assert.Equal(t, e.Base64, r.Base64)
				assert.Equal(t, e.Scale, r.Scale)
				for k := range e.Float16 {
					assert.Equal(t, e.Float16[k].Bits(), uint16(r.Half[k][0])|uint16(r.Half[k][1])<<8)
					assert.EqualValues(t, e.Int8[k], r.Int8[k])
				}
				for k := range e.Ubinary {
					assert.EqualValues(t, e.Ubinary[k], r.Ubinary[k])
				}
			}
		}
	})
	t.Run("csv", func(t *testing.T) {
		lines := strings.SplitAfter(string(read(t, in)), "\n")
		lines[7] = `{"text": "", "note": "a, \"b\"\nc", "n": null}` + "\n"
		bad := filepath.Join(dir, "bad.jsonl")
		require.NoError(t, os.WriteFile(bad, []byte(strings.Join(lines, "")), 0o666))
		for _, name := range []string{"out.csv", "out.csv.gz", "out.csv.zst"} {
			cfg := Config{Inputs: []string{bad}, Output: filepath.Join(dir, name), ChunkRows: 60, Keep: []string{"note", "n"}, OnError: Skip}
			cfg.Options.Formats = formats
			_, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)
			got, err := csv.NewReader(bytes.NewReader(unpacked(t, cfg.Output))).ReadAll()
			require.NoError(t, err)
			require.Len(t, got, 1+len(texts))
			assert.Equal(t, []string{"index", "id", "note", "n", "embedding_float", "embedding_float16", "embedding_int8",
				"embedding_ubinary", "embedding_base64", "scale", "tokens", "truncated", "error"}, got[0])
			for i, row := range got[1:] {
				if i == 7 {
					assert.Equal(t, []string{"7", "", "a, \"b\"\nc", "", "", "", "", "", "", "", "", "", "empty text"}, row)
					continue
				}
				e := want.Embeddings[i]
				assert.Equal(t, []string{fmt.Sprint(i), fmt.Sprint("row", i), fmt.Sprint("note ", i), fmt.Sprint(i, ".5")}, row[:4])
				var float []float32
				require.NoError(t, json.Unmarshal([]byte(row[4]), &float))
				assert.Equal(t, e.Float32, float)
				var whole []int8
				require.NoError(t, json.Unmarshal([]byte(row[6]), &whole))
				assert.Equal(t, e.Int8, whole)
				assert.Equal(t, []string{e.Base64, fmt.Sprint(e.Scale), fmt.Sprint(e.Tokens), "0", ""}, row[8:])
			}
		}
	})
	t.Run("no rows", func(t *testing.T) {
		empty := filepath.Join(dir, "empty.txt")
		require.NoError(t, os.WriteFile(empty, nil, 0o666))
		for _, name := range []string{"none.jsonl", "none.jsonl.gz", "none.jsonl.zst", "none.csv", "none.npy", "none.parquet"} {
			cfg := Config{Inputs: []string{empty}, Output: filepath.Join(dir, name)}
			for range 2 {
				report, err := Run(t.Context(), m, cfg)
				require.NoError(t, err, name)
				assert.Equal(t, Report{}, report)
			}
			switch filepath.Ext(name) {
			case ".csv":
				assert.Equal(t, "index,id,embedding,tokens,truncated,error\n", string(read(t, cfg.Output)))
			case ".npy":
				assert.Contains(t, string(read(t, cfg.Output)), "'shape': (0, 16)")
			case ".parquet":
				file, err := parquet.OpenFile(bytes.NewReader(read(t, cfg.Output)), int64(len(read(t, cfg.Output))))
				require.NoError(t, err)
				assert.Zero(t, file.NumRows())
			default:
				assert.Empty(t, unpacked(t, cfg.Output))
			}
		}
	})
}

// A text that rows have several times is for each of them what it is for one, cut into chunks and
// from a cache, too; where it is a bad one, each is.
func TestDuplicates(t *testing.T) {
	dir := modelFolder(t)
	for _, store := range []embed.Cache{nil, cache.NewMemory(1 << 20)} {
		m, err := embed.Load(t.Context(), dir, embed.Config{Cache: store})
		require.NoError(t, err)
		for _, how := range []fill.How{{}, {ChunkTokens: 5}} {
			f, err := fill.New(t.Context(), m, how)
			require.NoError(t, err)
			j := &job{filler: f, folder: &folder{}}
			texts := []string{"summer", "river and winter, summer and river", "summer", "", "", "river and winter, summer and river"}
			results := make([]rows.Result, len(texts))
			for i, text := range texts {
				results[i].Input = rows.Input{Text: text, File: "in", Line: i + 1}
			}
			require.EqualError(t, j.embed(t.Context(), slices.Clone(results)), "in:4: empty text")
			j.cfg.OnError = Skip
			require.NoError(t, j.embed(t.Context(), results))
			for i, first := range []int{0, 1, 0, 3, 3, 1} {
				assert.Equal(t, results[first].Embedding, results[i].Embedding)
				assert.Equal(t, results[first].Chunks, results[i].Chunks)
				assert.Equal(t, texts[i] == "", results[i].Err != nil)
			}
			assert.Equal(t, how.ChunkTokens > 0, len(results[5].Chunks) > 1)
		}
		require.NoError(t, m.Close())
	}
}

func TestMistakes(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	t.Chdir(dir)
	writeInput(t, "in.txt", makeTexts(3))
	writeInput(t, "in.jsonl", makeTexts(3))
	writeInput(t, "in.csv", makeTexts(3))
	require.NoError(t, os.WriteFile("more.csv", []byte("text\none\n"), 0o666))
	require.NoError(t, os.WriteFile("cut.jsonl.gz", []byte("\x1f\x8b\x08"), 0o666))
	require.NoError(t, os.WriteFile("empty.jsonl.zst", nil, 0o666))
	for _, test := range []struct {
		message string
		change  func(*Config)
	}{
		{"no inputs", func(c *Config) { c.Inputs = nil }},
		{"none.txt", func(c *Config) { c.Inputs = []string{"in.txt", "none.txt"} }},
		{"*.md: no file matches", func(c *Config) { c.Inputs = []string{"*.md"} }},
		{"syntax error in pattern", func(c *Config) { c.Inputs = []string{"[.txt"} }},
		{".: not a regular file", func(c *Config) { c.Inputs = []string{"."} }},
		{"in.pdf", func(c *Config) { c.Inputs = []string{"in.pdf"} }},
		{"in.csv: input and output", func(c *Config) { c.Inputs, c.Output, c.OutputFormat = []string{"in.csv"}, "in.csv", "jsonl" }},
		{"does not tell the format of the output", func(c *Config) { c.Output = "out.npy.gz" }},
		{"output format \"xml\"", func(c *Config) { c.OutputFormat = "xml" }},
		{"input format \"xml\"", func(c *Config) { c.InputFormat = "xml" }},
		{"shard 3 of 2", func(c *Config) { c.Shard, c.Shards = 3, 2 }},
		{"shard 0 of 2", func(c *Config) { c.Shards = 2 }},
		{"chunks of -1 rows", func(c *Config) { c.ChunkRows = -1 }},
		{"expected either", func(c *Config) { c.Keep, c.Drop = []string{"a"}, []string{"b"} }},
		{"npy has no place", func(c *Config) { c.OnError, c.Output = Skip, "out.npy" }},
		{"npy has no place", func(c *Config) { c.Keep, c.Output = []string{"a"}, "out.npy" }},
		{"out.scales.npy: a name of scales", func(c *Config) {
			c.Options.Formats, c.Output = []encoding.Format{encoding.Int8}, "out.scales.npy"
		}},
		{"in.txt: a text a line has no columns", func(c *Config) { c.Keep = []string{"a"} }},
		{"in.csv: no column \"a\" to keep", func(c *Config) { c.Inputs, c.Keep = []string{"in.csv"}, []string{"a"} }},
		{"in.csv: no column \"a\" to drop", func(c *Config) { c.Inputs, c.Drop = []string{"in.csv"}, []string{"a"} }},
		{"column \"id\": the output has one", func(c *Config) { c.Inputs, c.Keep = []string{"in.csv"}, []string{"id"} }},
		{"in.csv: its columns are not those of in.jsonl", func(c *Config) {
			c.Inputs, c.Keep, c.Output = []string{"in.jsonl", "in.csv"}, []string{"n"}, "out.parquet"
		}},
		{"in.csv:1: no column \"body\"", func(c *Config) { c.Inputs, c.TextField = []string{"in.csv"}, "body" }},
		{"cut.jsonl.gz: ", func(c *Config) { c.Inputs = []string{"cut.jsonl.gz"} }},
		{"dimensions: 99", func(c *Config) { c.Options.Dimensions = 99 }},
		{"pgvector: no place for embeddings as int8", func(c *Config) {
			c.Output, c.Options.Formats = "out.pgvector", []encoding.Format{encoding.Int8}
		}},
		{"weaviate: no collection", func(c *Config) { c.Output = "out.weaviate" }},
		{"collection \"docs\": jsonl goes into none", func(c *Config) { c.Collection = "docs" }},
		{"name those to keep", func(c *Config) {
			c.Inputs, c.Drop, c.Output = []string{"in.jsonl"}, []string{}, "out.pgvector"
		}},
		{"more.csv: its columns are not those of in.csv: none; expected n, note", func(c *Config) {
			c.Inputs, c.Drop, c.Output = []string{"in.csv", "more.csv"}, []string{"text"}, "out.pgvector"
		}},
		{"no-folder", func(c *Config) { c.Output = "no-folder/out.jsonl" }},
	} {
		t.Run(test.message, func(t *testing.T) {
			cfg := Config{Inputs: []string{"in.txt"}, Output: "out.jsonl"}
			test.change(&cfg)
			_, err := Run(t.Context(), m, cfg)
			require.ErrorContains(t, err, test.message)
			assert.False(t, errors.As(err, new(*StaleError)))
			require.NoError(t, os.RemoveAll(cfg.Output+".job"))
		})
	}
}
