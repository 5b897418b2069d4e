package command

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names returns what a file may be called besides its own name.
func names(t *testing.T, path string) map[string]string {
	dir, base := filepath.Split(path)
	all := map[string]string{"its name": path, "a longer way": dir + "." + string(filepath.Separator) + base}
	symbolic, hard := filepath.Join(dir, "symbolic"+filepath.Ext(base)), filepath.Join(dir, "hard"+filepath.Ext(base))
	if os.Symlink(path, symbolic) == nil {
		all["a symbolic link"] = symbolic
	}
	require.NoError(t, os.Link(path, hard))
	all["a hard link"] = hard
	if other := dir + strings.ToUpper(base); sameFile(path, other) {
		all["another case"] = other
	}
	return all
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func TestOutputIsInput(t *testing.T) {
	const lines = "one\ntwo\n"
	for name, args := range map[string]func(in, out string) []string{
		"embed":      func(in, out string) []string { return []string{"embed", "--input", in, "--output", out} },
		"batch":      func(in, out string) []string { return []string{"batch", in, out, "--restart"} },
		"similarity": func(in, out string) []string { return []string{"similarity", "--input", in, "--output", out} },
		"search":     func(in, out string) []string { return []string{"search", "--corpus", in, "--output", out, "one"} },
		"calibrate":  func(in, out string) []string { return []string{"calibrate", "--input", in, "--output", out} },
		"tokenize":   func(in, out string) []string { return []string{"tokenize", "--input", in, "--output", out} },
		"tokenizer": func(in, out string) []string {
			return []string{"tokenize", "--tokenizer", in, "--output", out, "one"}
		},
		"ranges": func(in, out string) []string {
			return []string{"embed", "--ranges", in, "--encoding", "int8", "--output", out, "one"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.txt")
			before := lines
			switch name {
			case "tokenizer":
				before = content(t, filepath.Join(tiny, "tokenizer.json"))
			case "ranges":
				_, before, _ = rhumb(t, "one\n", "calibrate", "--model", tiny)
			}
			require.NoError(t, os.WriteFile(path, []byte(before), 0o666))
			for how, out := range names(t, path) {
				command := args(path, out)
				if name != "tokenizer" {
					command = append(command, "--model", tiny)
				}
				switch name {
				case "embed", "ranges", "similarity", "search", "tokenize", "tokenizer":
					command = append(command, "--output-format", "jsonl")
				case "batch":
					command = append(command, "--output-format", "jsonl", "--input-format", "text")
				}
				code, _, stderr := rhumb(t, "", command...)
				assert.Equal(t, 1, code, how)
				assert.Contains(t, stderr, ": input and output", how)
				assert.Equal(t, before, content(t, path), how)
			}
		})
	}
}

func TestOutputIsStream(t *testing.T) {
	path := write(t, "in.txt", "one\ntwo\n")
	open := func(flags int) *os.File {
		file, err := os.OpenFile(path, flags, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	var stderr strings.Builder
	stdin := strings.NewReader("")
	code := run(context.Background(), []string{"embed", "--model", tiny, "--input", path}, stdin, open(os.O_WRONLY|os.O_APPEND), &stderr)
	assert.Equal(t, 1, code, "standard output is the input")
	code = run(context.Background(), []string{"embed", "--model", tiny, "--output", path, "--output-format", "jsonl"}, open(os.O_RDONLY), io.Discard, &stderr)
	assert.Equal(t, 1, code, "standard input is the output")
	assert.Equal(t, 2, strings.Count(stderr.String(), ": input and output"))
	assert.Equal(t, "one\ntwo\n", content(t, path))
}

// An output takes the place of no file of the model, but of earlier results and
// of the ranges, which calibrate makes.
func TestOutputInModel(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(tiny)))
	for _, name := range []string{"config.json", "model.safetensors", "1_Pooling/config.json"} {
		before := content(t, filepath.Join(dir, name))
		for _, args := range [][]string{
			{"embed", "--output-format", "jsonl", "--output", filepath.Join(dir, name), "one"},
			{"calibrate", "--input", write(t, "in.txt", "one\n"), "--output", filepath.Join(dir, name)},
			{"batch", "--output-format", "jsonl", "--restart", write(t, "in.txt", "one\n"), filepath.Join(dir, name)},
		} {
			code, _, stderr := rhumb(t, "", append(args, "--model", dir)...)
			assert.Equal(t, 1, code, args)
			assert.Contains(t, stderr, "a file of the model's folder", args)
		}
		assert.Equal(t, before, content(t, filepath.Join(dir, name)))
	}
	for range 2 {
		code, _, stderr := rhumb(t, "", "calibrate", "--model", dir, "--input", write(t, "in.txt", "one\n"), "--output", filepath.Join(dir, "quantization_ranges.json"))
		assert.Equal(t, 0, code, stderr)
		code, _, stderr = rhumb(t, "", "embed", "--model", dir, "--output", filepath.Join(dir, "one.npy"), "one")
		assert.Equal(t, 0, code, stderr)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
