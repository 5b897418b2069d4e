package command

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var sentences = []string{"summer", `a "river", deep`, "das Öl; вопрос 你好"}

// inputs returns the path of a file of sentences in each format, with ids where it has them.
func inputs(t *testing.T) map[string]string {
	paths := map[string]string{"text": write(t, "in.txt", strings.Join(sentences, "\n")+"\n")}
	var lines, table bytes.Buffer
	columns := csv.NewWriter(&table)
	require.NoError(t, columns.Write([]string{"id", "other", "text"}))
	type fields struct {
		Other int64  `parquet:"other"`
		Text  string `parquet:"text"`
		ID    string `parquet:"id"`
	}
	var rows []fields
	for i, s := range sentences {
		id := fmt.Sprint("no", i)
		require.NoError(t, json.NewEncoder(&lines).Encode(map[string]any{"text": s, "id": id, "more": []int{1}}))
		require.NoError(t, columns.Write([]string{id, "x", s}))
		rows = append(rows, fields{Other: 7, Text: s, ID: id})
	}
	columns.Flush()
	paths["jsonl"] = write(t, "in.jsonl", lines.String())
	paths["csv"] = write(t, "in.csv", table.String())
	paths["parquet"] = filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(paths["parquet"], rows))
	return paths
}

// read returns the rows of an output file. Only jsonl and json tell everything.
func read(t *testing.T, format, path string) []row {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var rows []row
	switch format {
	case "json":
		require.NoError(t, json.Unmarshal(data, &rows))
	case "jsonl":
		rows = parseLines(t, string(data))
	case "csv":
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(t, err)
		assert.Equal(t, []string{"index", "id", "embedding", "tokens", "truncated"}, lines[0])
		for _, line := range lines[1:] {
			var r row
			r.Index, err = strconv.Atoi(line[0])
			require.NoError(t, err)
			if line[1] != "" {
				r.ID = quote(line[1])
			}
			require.NoError(t, json.Unmarshal([]byte(line[2]), &r.Embedding))
			r.Tokens, err = strconv.Atoi(line[3])
			require.NoError(t, err)
			rows = append(rows, r)
		}
	case "parquet":
		type element struct {
			Element float32 `parquet:"element"`
		}
		type list struct {
			List []element `parquet:"list"`
		}
		type fields struct {
			Index     int64   `parquet:"index"`
			ID        *string `parquet:"id"`
			Embedding list    `parquet:"embedding"`
			Tokens    int32   `parquet:"tokens"`
		}
		lines, err := parquet.ReadFile[fields](path)
		require.NoError(t, err)
		for _, line := range lines {
			r := row{Index: int(line.Index), Tokens: int(line.Tokens)}
			for _, e := range line.Embedding.List {
				r.Embedding = append(r.Embedding, e.Element)
			}
			if line.ID != nil {
				r.ID = quote(*line.ID)
			}
			rows = append(rows, r)
		}
	case "npy":
		// The header is byte for byte the one of numpy.save (NumPy 2.4) for this shape.
		header := "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 24), }"
		header += strings.Repeat(" ", 127-len(header)) + "\n"
		require.Equal(t, header, string(data[:128]))
		require.Len(t, data, 128+3*24*4)
		values := make([]float32, 3*24)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[128+4*i:]))
		}
		for i := range 3 {
			rows = append(rows, row{Index: i, Embedding: values[24*i : 24*i+24]})
		}
	}
	return rows
}

func TestFormats(t *testing.T) {
	want := library(t, sentences...)
	for from, path := range inputs(t) {
		for _, to := range []string{"json", "jsonl", "npy", "csv", "parquet"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out."+to)
				code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--output", out)
				require.Zero(t, code, stderr)
				assert.Empty(t, stdout+stderr)
				rows := read(t, to, out)
				require.Len(t, rows, len(want))
				for i, r := range rows {
					assert.Equal(t, i, r.Index)
					assert.Equal(t, want[i].Float32, r.Embedding)
					if to != "npy" {
						assert.Equal(t, want[i].Tokens, r.Tokens)
						if from == "text" {
							assert.Nil(t, r.ID)
						} else {
							assert.Equal(t, fmt.Sprintf("%q", fmt.Sprint("no", i)), string(r.ID))
						}
					}
				}
			})
		}
	}
}

func TestStdout(t *testing.T) {
	stdin := strings.Join(sentences, "\n")
	for _, format := range []string{"json", "jsonl", "npy", "csv", "parquet"} {
		t.Run(format, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out."+format)
			code, _, stderr := rhumb(t, stdin, "embed", "--model", tiny, "--output", out)
			require.Zero(t, code, stderr)
			want, err := os.ReadFile(out)
			require.NoError(t, err)
			code, stdout, stderr := rhumb(t, stdin, "embed", "--model", tiny, "--input", "-", "--output-format", format)
			require.Zero(t, code, stderr)
			assert.Equal(t, string(want), stdout)
		})
	}
	t.Run("table", func(t *testing.T) {
		code, stdout, _ := rhumb(t, stdin, "embed", "--model", tiny, "--output-format", "table")
		require.Zero(t, code)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		require.Len(t, lines, 4)
		assert.Contains(t, lines[0], "24 dimensions")
		assert.Contains(t, lines[1], " 1.0000 ")
		assert.Contains(t, lines[2], sentences[1])
	})
}

// A closed pipe ends the process before it can remove anything.
func TestStdoutLeavesNoFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open keeps its name")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	to, err := (&console{stdout: &out}).create("", true)
	require.NoError(t, err)
	defer to.discard()
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, found)
	_, err = to.Write([]byte("rows"))
	require.NoError(t, err)
	require.NoError(t, to.commit())
	assert.Equal(t, "rows", out.String())
}

// The tokens of a text that passes through a chat template are those that it is embedded
// by: what sentence-transformers 6.2 makes of it.
func TestTokensOfChat(t *testing.T) {
	const folder, text = "../../testdata/chats/model", "a short text"
	content, err := os.ReadFile("../../testdata/chats/answers.json")
	require.NoError(t, err)
	var answers map[string]struct {
		Cases []struct {
			Texts []string
			IDs   [][]int32 `json:"ids"`
		}
	}
	require.NoError(t, json.Unmarshal(content, &answers))
	first := answers["plain"].Cases[0]
	require.Equal(t, text, first.Texts[0])
	ids := func(flags ...string) (ids []int32) {
		code, stdout, stderr := rhumb(t, "", append([]string{"tokenize", "--ids", text}, flags...)...)
		require.Zero(t, code, stderr)
		require.NoError(t, json.Unmarshal([]byte(stdout), &ids))
		return ids
	}
	assert.Equal(t, first.IDs[0], ids("--model", folder))
	bare := ids("--tokenizer", folder+"/tokenizer.json", "--no-special")
	assert.Equal(t, bare, ids("--model", folder, "--no-special"))
	assert.Less(t, len(bare), len(first.IDs[0]))
}

func TestTokens(t *testing.T) {
	code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "tokenize", "--model", tiny)
	require.Zero(t, code, stderr)
	want := library(t, sentences...)
	var lists []string
	var rows []struct{ Tokens []int32 }
	for line := range strings.Lines(stdout) {
		var r struct {
			Index  int      `json:"index"`
			Tokens []int32  `json:"tokens"`
			Pieces []string `json:"pieces"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		assert.Equal(t, len(rows), r.Index)
		assert.Len(t, r.Pieces, len(r.Tokens))
		assert.Equal(t, "[CLS]", r.Pieces[0])
		rows = append(rows, struct{ Tokens []int32 }{r.Tokens})
		list, err := json.Marshal(r.Tokens)
		require.NoError(t, err)
		lists = append(lists, string(list)+"\n")
	}
	ids := strings.Join(lists, "")
	type listed struct {
		Tokens []int32 `parquet:"tokens,list"`
	}
	type repeated struct {
		Tokens []int64 `parquet:"tokens"`
	}
	var group []listed
	var wide []repeated
	for _, r := range rows {
		group = append(group, listed{r.Tokens})
		var long []int64
		for _, id := range r.Tokens {
			long = append(long, int64(id))
		}
		wide = append(wide, repeated{long})
	}
	listPath, repeatedPath := filepath.Join(t.TempDir(), "list.parquet"), filepath.Join(t.TempDir(), "repeated.parquet")
	require.NoError(t, parquet.WriteFile(listPath, group))
	require.NoError(t, parquet.WriteFile(repeatedPath, wide))

	for name, path := range map[string]string{
		"objects": write(t, "objects.jsonl", stdout), "lists": write(t, "lists.jsonl", ids),
		"parquet lists": listPath, "parquet repeated": repeatedPath,
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path)
			require.Zero(t, code, stderr)
			got := parseLines(t, stdout)
			require.Len(t, got, len(want))
			for i, r := range got {
				assert.Equal(t, want[i].Float32, r.Embedding)
			}
			code, stdout, stderr = rhumb(t, "", "tokenize", "--model", tiny, "--ids", "--input", path)
			require.Zero(t, code, stderr)
			assert.Equal(t, ids, stdout)
		})
	}
	t.Run("mixed with texts", func(t *testing.T) {
		lines := strings.SplitAfter(ids, "\n")
		mixed := lines[0] + string(quote(sentences[1])) + "\n" + lines[2]
		code, stdout, stderr := rhumb(t, mixed, "embed", "--model", tiny, "--input-format", "jsonl")
		require.Zero(t, code, stderr)
		for i, r := range parseLines(t, stdout) {
			assert.Equal(t, want[i].Float32, r.Embedding)
		}
	})
	t.Run("without special tokens, by tokenizer.json", func(t *testing.T) {
		code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "tokenize", "--ids", "--no-special",
			"--tokenizer", filepath.Join(tiny, "tokenizer.json"))
		require.Zero(t, code, stderr)
		var bare strings.Builder
		for _, r := range rows {
			list, err := json.Marshal(r.Tokens[1 : len(r.Tokens)-1])
			require.NoError(t, err)
			bare.Write(append(list, '\n'))
		}
		assert.Equal(t, bare.String(), stdout)
	})
}

func TestSimilarity(t *testing.T) {
	v := library(t, sentences...)
	want := func(i, j int) float64 {
		dot, a, b := 0.0, 0.0, 0.0
		for k := range v[i].Float32 {
			x, y := float64(v[i].Float32[k]), float64(v[j].Float32[k])
			dot, a, b = dot+x*y, a+x*x, b+y*y
		}
		return dot / math.Sqrt(a*b)
	}
	for _, format := range []string{"json", "jsonl", "csv"} {
		code, stdout, stderr := rhumb(t, "", append([]string{"similarity", "--model", tiny, "--output-format", format}, sentences...)...)
		require.Zero(t, code, stderr)
		switch format {
		case "jsonl":
			stdout = "[" + strings.ReplaceAll(strings.TrimSpace(stdout), "\n", ",") + "]"
		case "csv":
			stdout = "[[" + strings.ReplaceAll(strings.TrimSpace(stdout), "\n", "],[") + "]]"
		}
		var cosines [][]float64
		require.NoError(t, json.Unmarshal([]byte(stdout), &cosines), format)
		require.Len(t, cosines, 3)
		for i, row := range cosines {
			require.Len(t, row, 3)
			for j, c := range row {
				assert.InDelta(t, want(i, j), c, 6e-8, "a float32's last digit below 1") // printed as float32
			}
		}
	}
	code, stdout, _ := rhumb(t, "", append([]string{"similarity", "--model", tiny, "--output-format", "table"}, sentences...)...)
	require.Zero(t, code)
	assert.Contains(t, stdout, fmt.Sprintf("%8.4f%8.4f%8.4f  0 summer\n", 1.0, want(0, 1), want(0, 2)))
}

// quote returns s as a JSON string.
func quote(s string) json.RawMessage { return rows.Quote(s) }
