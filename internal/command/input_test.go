package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadInput(t *testing.T) {
	for _, test := range []struct{ name, file, content, message string }{
		{"empty line", "in.txt", "a\n\nb\n", "in.txt:2: "},
		{"empty line with CR", "in.txt", "a\r\n\r\nb\r\n", "in.txt:2: "},
		{"UTF-16", "in.txt", "\xff\xfea\x00\n\x00", "in.txt: UTF-16; expected UTF-8"},
		{"empty text", "in.jsonl", "\"a\"\n{\"text\": \"\"}\n", "in.jsonl:2: "},
		{"empty list", "in.jsonl", "\"a\"\n\n[]\n", "in.jsonl:3: "},
		{"id out of range", "in.jsonl", "\"a\"\n[2, 99999999]\n", "in.jsonl:2: "},
		{"negative id", "in.jsonl", "[-1]\n", "in.jsonl:1: "},
		{"fraction", "in.jsonl", "\"a\"\n[1.5]\n", "in.jsonl:2: number 1.5: expected a token id"},
		{"id beyond 32 bits", "in.jsonl", "[4294967297]\n", "in.jsonl:1: number 4294967297: expected a token id"},
		{"null id", "in.jsonl", "[1, null]\n", "in.jsonl:1: "},
		{"number", "in.jsonl", "\"a\"\n7\n", "in.jsonl:2: expected a JSON string, a list of token ids or an object"},
		{"broken JSON", "in.jsonl", "\"a\"\n{\"text\": \"b\"\n", "in.jsonl:2: JSON: "},
		{"two values", "in.jsonl", "\"a\" \"b\"\n", "in.jsonl:1: JSON: "},
		{"no text", "in.jsonl", "{\"body\": \"b\"}\n", `in.jsonl:1: no "text" and no "tokens"`},
		{"other case", "in.jsonl", "{\"Text\": \"b\"}\n", `in.jsonl:1: no "text" and no "tokens"`},
		{"null text", "in.jsonl", "{\"text\": null}\n", `in.jsonl:1: "text": expected a string`},
		{"both", "in.jsonl", "{\"text\": \"a\", \"tokens\": [1]}\n", `in.jsonl:1: "text" and "tokens": expected one of them`},
		{"tokens as text", "in.jsonl", "{\"tokens\": \"a\"}\n", `in.jsonl:1: "tokens": expected a list of token ids`},
		{"not UTF-8", "in.jsonl", "\"a\"\n\"b\xff\"\n", "in.jsonl:2: not UTF-8"},
		{"Latin-1", "in.txt", "caf\xe9\n", "in.txt:1: not UTF-8: byte 4 is 0xe9"},
		{"GB 18030", "in.txt", "a\n\xc4\xe3\xba\xc3\n", "in.txt:2: not UTF-8: byte 1 is 0xc4"},
		{"UTF-16 without a mark", "in.txt", "c\x00a\x00f\x00\n\x00", "in.txt:1: not UTF-8: byte 2 is 0x00, as in UTF-16"},
		{"UTF-16 of Cyrillic", "in.txt", "\x14\x040\x04\n\x00=\x045\x04B\x04\n\x00", "in.txt:2: not UTF-8: byte 1 is 0x00, as in UTF-16"},
		{"UTF-16 without a mark", "in.jsonl", "\"\x00c\x00\"\x00\n\x00", "in.jsonl:1: not UTF-8: byte 2 is 0x00, as in UTF-16"},
		{"Latin-1", "in.csv", "id,text\n1,a\n2,caf\xe9\n", "in.csv:3: not UTF-8: byte 4 is 0xe9"},
		{"Latin-1 id", "in.csv", "id,text\n\xe9,a\n", `in.csv:2: column "id": not UTF-8: byte 1 is 0xe9`},
		{"Latin-1 header", "in.csv", "id,text,caf\xe9\n1,a,b\n", "in.csv:1: name of column 3: not UTF-8: byte 4 is 0xe9"},
		{"two columns", "in.csv", "text,id,text\na,1,b\n", `in.csv:1: column "text": there are two`},
		{"UTF-16 of columns", "in.csv", "t\x00e\x00x\x00t\x00\n\x00a\x00\n\x00", "in.csv:1: name of column 1: not UTF-8: byte 2 is 0x00, as in UTF-16"},
		{"no header", "in.csv", "", "in.csv: no header row"},
		{"no column", "in.csv", "id,body\n1,a\n", `in.csv:1: no column "text"; there is id, body`},
		{"empty field", "in.csv", "id,text\n1,a\n2,\n", "in.csv:3: "},
		{"lines in a field", "in.csv", "id,text\n1,\"a\nb\"\n2,\n", "in.csv:4: "},
		{"missing field", "in.csv", "id,text\n1,a\n2\n", "in.csv:3: wrong number of fields"},
		{"bare quote", "in.csv", "text\na\nb\"c\n", "in.csv:3: "},
		{"not Parquet", "in.parquet", "PAR1 and so on, but not to the end", "in.parquet: "},
		{"empty Parquet", "in.parquet", "", "in.parquet: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			out := filepath.Join(filepath.Dir(path), "out.jsonl")
			code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--output", out, "--keep-blank")
			assert.Equal(t, 1, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, test.message)
			left, err := os.ReadDir(filepath.Dir(path))
			require.NoError(t, err)
			assert.Len(t, left, 1, "nothing half-written")
		})
	}
	t.Run("stdin", func(t *testing.T) {
		_, _, stderr := rhumb(t, "a\n\n", "embed", "--model", tiny, "--keep-blank")
		assert.Contains(t, stderr, "stdin:2: ")
	})
	t.Run("argument", func(t *testing.T) {
		_, _, stderr := rhumb(t, "", "embed", "--model", tiny, "a", "")
		assert.Contains(t, stderr, "argument 2: ")
	})
}

func TestSkip(t *testing.T) {
	lines := []string{`{"text": "summer", "id": 7}`, `{"text": "", "id": "x"}`, `oops`, `[99999999]`, `"river"`, `{"id": 1.50}`, `"a"`}
	want := library(t, "summer", "river", "a")
	path := write(t, "in.jsonl", strings.Join(lines, "\n"))
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--on-error", "skip")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "4 of 7 inputs are bad")
	rows := parseLines(t, stdout)
	require.Len(t, rows, len(lines))
	for i, r := range rows {
		assert.Equal(t, i, r.Index)
		switch i {
		case 0, 4, 6:
			assert.Equal(t, want[i/3].Float32, r.Embedding)
			assert.Empty(t, r.Error)
		default:
			assert.NotEmpty(t, r.Error)
			assert.Nil(t, r.Embedding)
		}
	}
	assert.Equal(t, "7", string(rows[0].ID))
	assert.Equal(t, `"x"`, string(rows[1].ID))
	assert.Equal(t, "1.50", string(rows[5].ID))

	for _, format := range []string{"json", "csv", "parquet", "table"} {
		code, stdout, _ := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--on-error", "skip", "--output-format", format)
		assert.Equal(t, 1, code)
		if format == "parquet" {
			rows := records(t, format, []byte(stdout))
			assert.Contains(t, rows[2]["error"], "expected a JSON string")
			assert.Equal(t, []any{nil}, rows[2]["embedding"], "null")
			continue
		}
		assert.Contains(t, stdout, "expected a JSON string", format)
	}
}

func TestSkippedTexts(t *testing.T) {
	for name, bad := range map[string]func(i int) bool{
		"all":        func(int) bool { return true },
		"every":      func(i int) bool { return i%3 == 1 },
		"first":      func(i int) bool { return i == 0 },
		"last":       func(i int) bool { return i == 99 },
		"none":       func(int) bool { return false },
		"neighbours": func(i int) bool { return i/10 == 4 },
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			failed := 0
			for i := range 100 {
				if bad(i) {
					failed++
				} else {
					fmt.Fprintf(&text, "summer %d", i)
				}
				text.WriteString("\n")
			}
			code, stdout, _ := rhumb(t, text.String(), "embed", "--model", tiny, "--keep-blank", "--on-error", "skip")
			assert.Equal(t, min(failed, 1), code)
			rows := parseLines(t, stdout)
			require.Len(t, rows, 100)
			for i, r := range rows {
				assert.Equal(t, i, r.Index)
				assert.Equal(t, bad(i), r.Error != "")
				assert.Equal(t, bad(i), r.Embedding == nil)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	const n = 2*mostInputs + 100 // chunks of every size
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	lengths := make([]int, n)
	for i := range n {
		lengths[i] = 1 + random.IntN(20)
		text.WriteString(strings.Repeat("a ", lengths[i]) + "\n")
	}
	code, stdout, stderr := rhumb(t, text.String(), "embed", "--model", tiny, "--progress", "always")
	require.Zero(t, code, stderr)
	assert.Contains(t, stderr, fmt.Sprint(leastInputs, " inputs"))
	rows := parseLines(t, stdout)
	require.Len(t, rows, n)
	for i, r := range rows {
		require.Equal(t, i, r.Index)
		require.Equal(t, rows[0].Tokens-lengths[0]+lengths[i], r.Tokens)
	}
}

func TestNoInput(t *testing.T) {
	for format, want := range map[string]string{
		"jsonl": "", "json": "[]\n", "csv": "index,id,embedding,tokens,truncated\n", "table": "",
		"npy": "(0, 24)", "parquet": "PAR1",
	} {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--output-format", format)
		assert.Zero(t, code, stderr)
		if format == "npy" || format == "parquet" {
			assert.Contains(t, stdout, want)
		} else {
			assert.Equal(t, want, stdout)
		}
	}
}

func TestLineEnds(t *testing.T) {
	want := library(t, "summer", "das Öl")
	for name, content := range map[string]string{
		"LF":               "summer\ndas Öl\n",
		"no end":           "summer\ndas Öl",
		"CR LF":            "summer\r\ndas Öl\r\n",
		"byte order mark":  "\ufeffsummer\ndas Öl\n",
		"both, and no end": "\ufeffsummer\r\ndas Öl",
		"jsonl":            "\ufeff\"summer\"\r\n\r\n \t\n{\"text\": \"das Öl\"}",
		"csv":              "\ufefftext\r\nsummer\r\n\"das Öl\"\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			format := name
			if name != "jsonl" && name != "csv" {
				format = "text"
			}
			code, stdout, stderr := rhumb(t, content, "embed", "--model", tiny, "--input-format", format)
			require.Zero(t, code, stderr)
			rows := parseLines(t, stdout)
			require.Len(t, rows, 2)
			assert.Equal(t, want[0].Float32, rows[0].Embedding)
			assert.Equal(t, want[1].Float32, rows[1].Embedding)
		})
	}
}

func TestLongLine(t *testing.T) {
	long := strings.Repeat("summer ", 1<<20/7)
	code, stdout, stderr := rhumb(t, "a\n"+long+"\nb\n", "embed", "--model", tiny)
	require.Zero(t, code, stderr)
	rows := parseLines(t, stdout)
	require.Len(t, rows, 3)
	assert.Equal(t, 32, rows[1].Tokens)
	assert.Positive(t, rows[1].Truncated)
}

func TestTextField(t *testing.T) {
	want := library(t, "summer")[0].Float32
	for name, content := range map[string]string{
		"in.jsonl": `{"text": "no", "body": "summer"}`, "in.csv": "text,body\nno,summer\n",
	} {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--text-field", "body", "--input", write(t, name, content))
		require.Zero(t, code, stderr)
		assert.Equal(t, want, parseLines(t, stdout)[0].Embedding)
	}
}

func TestParquetNulls(t *testing.T) {
	type fields struct {
		ID     *int64  `parquet:"id,optional"`
		Text   *string `parquet:"text,optional"`
		Tokens []int32 `parquet:"tokens,list,optional"`
	}
	id, text := int64(5), "summer"
	rows := []fields{{ID: &id, Text: &text}, {Tokens: []int32{2, 3}}, {}, {Text: &text, Tokens: []int32{2}}, {Tokens: []int32{3}}}
	path := filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(path, rows))
	code, stdout, _ := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--on-error", "skip")
	assert.Equal(t, 1, code)
	got := parseLines(t, stdout)
	require.Len(t, got, len(rows))
	assert.Equal(t, library(t, "summer")[0].Float32, got[0].Embedding)
	assert.Equal(t, "5", string(got[0].ID))
	assert.Equal(t, 2, got[1].Tokens)
	assert.Equal(t, `no "text" and no "tokens"`, got[2].Error)
	assert.Contains(t, got[3].Error, "expected one of them")
	assert.Equal(t, 1, got[4].Tokens)
	_, _, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path)
	assert.Contains(t, stderr, "in.parquet:3: ")
}

func TestParquetUnsignedIDs(t *testing.T) {
	type short struct {
		ID   uint32 `parquet:"id"`
		Text string `parquet:"text"`
	}
	type long struct {
		ID   uint64 `parquet:"id"`
		Text string `parquet:"text"`
	}
	dir := t.TempDir()
	shorts, longs := filepath.Join(dir, "short.parquet"), filepath.Join(dir, "long.parquet")
	require.NoError(t, parquet.WriteFile(shorts, []short{{1<<32 - 1, "a"}}))
	require.NoError(t, parquet.WriteFile(longs, []long{{1<<64 - 1, "a"}}))
	for path, want := range map[string]string{shorts: "4294967295", longs: "18446744073709551615"} {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path)
		require.Zero(t, code, stderr)
		assert.Equal(t, want, string(parseLines(t, stdout)[0].ID))
	}
}

func TestParquetWrongColumns(t *testing.T) {
	type fields struct {
		Text   int64  `parquet:"text"`
		Tokens string `parquet:"tokens"`
	}
	path := filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(path, []fields{{1, "a"}}))
	for _, field := range []string{"text", "tokens", "nope"} {
		code, _, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", path, "--text-field", field)
		if field == "tokens" {
			assert.Zero(t, code, stderr) // a column of texts, whatever its name
			continue
		}
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "column")
	}
}

// A damaged file is an error or other rows, never a panic.
func TestParquetDamaged(t *testing.T) {
	whole, err := os.ReadFile(inputs(t)["parquet"])
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		data := bytes.Clone(whole)
		if i%4 == 0 {
			data = data[:random.IntN(len(data))]
		} else {
			for range 1 + i%3 {
				data[random.IntN(len(data))] ^= byte(1 << random.IntN(8))
			}
		}
		path := filepath.Join(t.TempDir(), "in.parquet")
		require.NoError(t, os.WriteFile(path, data, 0o666))
		code, _, _ := rhumb(t, "", "tokenize", "--tokenizer", filepath.Join(tiny, "tokenizer.json"), "--input", path)
		assert.Less(t, code, 2)
	}
}

func TestOutputFile(t *testing.T) {
	t.Run("a failure leaves the old file", func(t *testing.T) {
		path := write(t, "out.npy", "old")
		code, _, _ := rhumb(t, "a\n\n", "embed", "--model", tiny, "--keep-blank", "--output", path)
		assert.Equal(t, 1, code)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "old", string(data))
		left, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		assert.Len(t, left, 1)
	})
	t.Run("keeps mode and link", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no modes on Windows")
		}
		path := write(t, "out.npy", "old")
		require.NoError(t, os.Chmod(path, 0o600))
		link := filepath.Join(t.TempDir(), "link.npy")
		require.NoError(t, os.Symlink(path, link))
		code, _, stderr := rhumb(t, "a\n", "embed", "--model", tiny, "--output", link)
		require.Zero(t, code, stderr)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
		assert.Equal(t, int64(rows.NPYHeader+4*24), info.Size())
	})
	t.Run("device", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no /dev/null on Windows")
		}
		for _, format := range []string{"npy", "jsonl"} {
			code, _, stderr := rhumb(t, "a\n", "embed", "--model", tiny, "--output", os.DevNull, "--output-format", format)
			assert.Zero(t, code, stderr)
			info, err := os.Stat(os.DevNull)
			require.NoError(t, err)
			assert.NotZero(t, info.Mode()&os.ModeDevice)
		}
	})
}

// Text that is not UTF-8 is an error wherever a command takes it, and a bad row
// for those that go on.
func TestNotUTF8(t *testing.T) {
	const line = "not UTF-8: byte 4 is 0xe9"
	for name, args := range map[string][]string{
		"argument 2: ":  {"embed", "--model", tiny, "good", "caf\xe9"},
		"query 1: ":     {"search", "--model", tiny, "--corpus", "-", "caf\xe9"},
		"--prompt: ":    {"embed", "--model", tiny, "--prompt", "caf\xe9", "good"},
		"stdin:1: ":     {"embed", "--model", tiny},
		"argument 1: ":  {"similarity", "--model", tiny, "caf\xe9", "good"},
		"stdin:1: not":  {"similarity", "--model", tiny},
		"argument 1: n": {"tokenize", "--model", tiny, "caf\xe9"},
		"stdin:1: n":    {"tokenize", "--model", tiny},
		"stdin:1: no":   {"calibrate", "--model", tiny},
		"stdin:1":       {"search", "--model", tiny, "--corpus", "-", "good"},
		"stdin:":        {"bench", "--model", tiny, "--input", "-"},
		"in.txt:1: ":    {"batch", "--model", tiny, write(t, "in.txt", "caf\xe9\n"), filepath.Join(t.TempDir(), "out.npy")},
	} {
		code, stdout, stderr := rhumb(t, "caf\xe9\n", args...)
		assert.Contains(t, []int{1, 2}, code, name)
		assert.Contains(t, stderr, name, args)
		assert.Contains(t, stderr, line, args)
		assert.Empty(t, stdout, args)
	}
	code, stdout, _ := rhumb(t, "\xef\xbb\xbfgood\ncaf\xe9\ngood\n", "embed", "--model", tiny, "--on-error", "skip")
	assert.Equal(t, 1, code)
	all := parseLines(t, stdout)
	require.Len(t, all, 3)
	assert.Equal(t, line, all[1].Error)
	assert.Equal(t, all[0].Embedding, all[2].Embedding, "a mark at the beginning is no text")
	code, stdout, _ = rhumb(t, "", "embed", "--model", tiny, "--on-error", "skip", "caf\xe9", "good")
	assert.Equal(t, 1, code)
	all = parseLines(t, stdout)
	require.Len(t, all, 2)
	assert.Equal(t, line, all[0].Error)
}
