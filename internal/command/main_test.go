package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

// tiny is a model of 24 dimensions and 32 tokens.
const tiny = "../../testdata/goldens/bert/model"

// rhumb runs a command line in this process.
func rhumb(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// write returns the path of a new file of that name and content.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	return path
}

// row is a line of jsonl output, or the same from another format.
type row struct {
	Index     int             `json:"index"`
	ID        json.RawMessage `json:"id"`
	Embedding []float32       `json:"embedding"`
	Tokens    int             `json:"tokens"`
	Truncated int             `json:"truncated"`
	Error     string          `json:"error"`
}

func parseLines(t *testing.T, lines string) []row {
	t.Helper()
	var rows []row
	for line := range strings.Lines(lines) {
		var r row
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r), "%s", line)
		rows = append(rows, r)
	}
	return rows
}

// library returns what the library makes of texts.
func library(t *testing.T, texts ...string) []embed.Embedding {
	t.Helper()
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	r, err := m.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)
	return r.Embeddings
}

func TestFirstLight(t *testing.T) {
	t.Setenv("RHUMB_MODEL", "")
	texts := []string{"The food was delicious", "Das Essen war köstlich"}
	code, stdout, stderr := rhumb(t, "", append([]string{"embed"}, texts...)...)
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	rows := parseLines(t, stdout)
	require.Len(t, rows, 2)
	m, err := minilm.Load(t.Context(), embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	want, err := m.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)
	for i, r := range rows {
		assert.Equal(t, i, r.Index)
		assert.Len(t, r.Embedding, 384)
		assert.Equal(t, want.Embeddings[i].Float32, r.Embedding, "the same bits as the library's")
		assert.Equal(t, want.Embeddings[i].Tokens, r.Tokens)
	}
}

func TestExitCodes(t *testing.T) {
	t.Setenv("RHUMB_MODEL", tiny)
	text := write(t, "in.txt", "summer\n")
	for _, test := range []struct {
		code    int
		message string
		args    string
	}{
		{0, "", "--help"},
		{0, "", "embed --help"},
		{0, "", "version"},
		{0, "", "completion bash"},
		{0, "", "info"},
		{0, "", "info --json"},
		{0, "", "doctor"},
		{0, "", "embed summer"},
		{0, "", "embed --query summer"},
		{0, "", "embed --precision float32 --threads 2 --kernels generic --encoding float summer"},
		{0, "", "embed --progress never --dimensions 8 --max-tokens 4 --no-normalize --truncate start summer"},
		{0, "", "similarity summer winter"},
		{0, "", "tokenize summer"},
		{0, "", "search --corpus - winter"},
		{0, "", "calibrate"},
		{0, "", "embed --layers 1 summer"},
		{2, "unknown command", "serch summer"},
		{2, "unknown flag", "embed --nope"},
		{2, "--layers 0", "embed --layers 0 summer"},
		{2, "there is float32", "embed --precision int3 summer"},
		{2, "float, float16, int8, uint8, binary, ubinary, base64", "embed --encoding float,bits summer"},
		{2, "no format", "embed --encoding= summer"},
		{2, "npy holds one", "embed --encoding float,int8 --output-format npy summer"},
		{2, "npy holds numbers", "embed --encoding base64 --output-format npy summer"},
		{1, "int8 twice", "embed --encoding int8,int8 summer"},
		{2, "invalid argument", "embed --dimensions x summer"},
		{2, "--dimensions 0", "embed --dimensions 0 summer"},
		{2, "--dimensions -1", "embed --dimensions -1 summer"},
		{2, "--max-tokens 0", "embed --max-tokens 0 summer"},
		{2, "--threads -1", "embed --threads -1 summer"},
		{2, "--document and --query: give one of them", "embed --query --document summer"},
		{2, "give one of them", "embed --input " + text + " summer"},
		{2, "--input-format", "embed --input in.json"},
		{2, "--output-format", "embed --output out summer"},
		{2, "no place for an error", "embed --on-error skip --output-format npy summer"},
		{2, "from a file", "embed --input-format parquet"},
		{2, "8x128", "bench --shapes 8by128"},
		{2, "8x128", "bench --shapes 0x128"},
		{2, "--seconds", "bench --seconds -1"},
		{2, "expected one of the two", "info --model minilm extra"},
		{2, "2 arguments, expected [NAME|FILE]", "info a b"},
		{1, "dimensions: 25", "embed --dimensions 25 summer"},
		{1, "layers: 9", "embed --layers 9 summer"},
		{1, "prompt", "embed --prompt a --query summer"},
		{1, "prompt", "embed --prompt-name nope summer"},
		{1, "no such folder", "embed --model no/such/folder summer"},
		{1, "expected the folder of a model, or a GGUF file", "embed --model " + text + " summer"},
		{1, "config.json", "embed --model . summer"},
		{1, "nope", "embed --kernels nope summer"},
		{1, "argument 2", "embed --truncate none summer " + strings.Repeat("word,", 50)},
		{1, "no-file.txt", "embed --input no-file.txt"},
		{1, "a folder", "embed --input-format text --input ."},
		{1, "no-folder", "embed --output no-folder/out.npy summer"},
		{1, "a folder", "embed --output-format npy --output . summer"},
		{1, "no-file.json", "tokenize --tokenizer no-file.json summer"},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, stdout, stderr := rhumb(t, "summer\n", strings.Fields(test.args)...)
			assert.Equal(t, test.code, code, stderr)
			assert.Contains(t, stderr, test.message)
			if test.code == 0 {
				assert.NotEmpty(t, stdout)
				assert.Empty(t, stderr)
			} else {
				assert.Empty(t, stdout)
				assert.True(t, strings.HasPrefix(stderr, "rhumb: "), stderr)
			}
			if test.code == 2 {
				assert.Contains(t, stderr, "--help")
			}
		})
	}
}

// A full device takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestFullDevice(t *testing.T) {
	text := write(t, "in.txt", "summer\n")
	for _, args := range []string{
		"embed summer", "embed --output-format npy summer", "embed --output-format parquet summer", "embed --output-format table summer",
		"similarity summer", "search --corpus " + text + " summer", "calibrate --input " + text, "tokenize summer", "info", "info --json", "doctor", "version",
		"rerank --query winter --model " + reranker + " summer", "rerank --query winter --sort=false --model " + reranker + " summer",
		"classify --model " + classifier + " summer",
		"bench --seconds 0 --shapes 1x16", "bench --seconds 0 --shapes 1x16 --json", "bench --seconds 0 --gemm",
		"--help", "--version", "help embed", "serve --help", "completion bash", "completion zsh",
	} {
		t.Run(args, func(t *testing.T) {
			t.Setenv("RHUMB_MODEL", tiny)
			var stderr bytes.Buffer
			code := run(t.Context(), strings.Fields(args), strings.NewReader(""), full{}, &stderr)
			assert.Equal(t, 1, code)
			assert.Equal(t, "rhumb: no space left\n", stderr.String())
		})
	}
}

func TestInterrupt(t *testing.T) {
	reader, writer, err := os.Pipe() // nothing is ever written to it
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	named := fmt.Sprintf("/dev/fd/%d", reader.Fd())
	for _, args := range [][]string{nil, {"--input-format", "text", "--input", named}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			if _, err := os.Stat(named); err != nil && args != nil {
				t.Skip("no names for open files: ", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			codes := make(chan int)
			var stderr bytes.Buffer
			args := append([]string{"embed", "--model", tiny}, args...)
			go func() { codes <- run(ctx, args, reader, new(bytes.Buffer), &stderr) }()
			cancel()
			select {
			case code := <-codes:
				assert.Equal(t, 1, code)
				assert.Equal(t, "rhumb: interrupted\n", stderr.String())
			case <-time.After(time.Minute):
				t.Fatal("the command goes on after an interrupt")
			}
		})
	}
}

func TestInfo(t *testing.T) {
	code, stdout, _ := rhumb(t, "", "info", "--model", tiny, "--json", "--threads", "2", "--kernels", "generic")
	require.Zero(t, code)
	var info map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	assert.Equal(t, "bert", info["family"])
	assert.EqualValues(t, 24, info["dimensions"])
	assert.EqualValues(t, 32, info["max_tokens"])
	assert.Equal(t, map[string]any{"query": "search_query: ", "document": "passage: "}, info["prompts"])
	assert.Equal(t, []any{"mean"}, info["pooling"])
	assert.Equal(t, true, info["normalized"])
	assert.Equal(t, "float32", info["precision"])
	assert.Equal(t, "generic", info["kernels"])
	assert.EqualValues(t, 2, info["threads"])

	code, stdout, _ = rhumb(t, "", "info", "--model", tiny)
	require.Zero(t, code)
	for _, want := range []string{"bert", "24", "32", `query: "search_query: "`, "mean", "unit length", "float32", "MiB"} {
		assert.Contains(t, stdout, want)
	}
}

func TestDoctor(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "doctor")
	assert.Zero(t, code, stderr)
	assert.Regexp(t, `kernels +generic +ok`, stdout)
	assert.Contains(t, stdout, "used by default")
}

func TestVersion(t *testing.T) {
	_, command, _ := rhumb(t, "", "version")
	_, flag, _ := rhumb(t, "", "--version")
	assert.Contains(t, command, "go1.")
	assert.True(t, strings.HasPrefix(command, strings.TrimSpace(flag)))
}

// run runs the command line args, with files alone.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&console{stdin: stdin, stdout: stdout, stderr: stderr}).run(ctx, args)
}
