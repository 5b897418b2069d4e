package job

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What changes no row that is done goes on, and the output is that of a run that had
// it from the start.
func TestGoingOn(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	bad, moved, more := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "moved.jsonl"), filepath.Join(dir, "more.txt")
	writeInput(t, bad, makeTexts(60))
	lines := strings.SplitAfter(string(read(t, bad)), "\n")
	writeInput(t, moved, makeTexts(60))
	writeInput(t, more, makeTexts(10))
	lines[37] = "oops\n"
	require.NoError(t, os.WriteFile(bad, []byte(strings.Join(lines, "")), 0o666))
	for _, name := range outputs {
		for what, change := range map[string]func(*Config){
			"skip":         func(c *Config) { c.OnError = Skip },
			"input format": func(c *Config) { c.Inputs, c.InputFormat = []string{moved}, "jsonl" },
			"inputs":       func(c *Config) { c.Inputs = []string{moved, more} },
			"chunk rows":   func(c *Config) { c.Inputs, c.ChunkRows = []string{moved}, 13 },
			"blank lines":  func(c *Config) { c.Inputs, c.KeepBlank = []string{moved}, true },
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				cfg := Config{Inputs: []string{bad}, Output: filepath.Join(t.TempDir(), name), ChunkRows: 16, rowGroup: 3 << 10}
				if name == "out.npy" && what == "skip" {
					t.Skip("npy has no place for errors")
				}
				_, err := Run(t.Context(), m, cfg)
				require.ErrorContains(t, err, "in.jsonl:38: ")
				change(&cfg)
				report, err := Run(t.Context(), m, cfg)
				require.NoError(t, err)
				assert.Equal(t, 32, report.Resumed)
				got := read(t, cfg.Output)

				cfg.Output = filepath.Join(t.TempDir(), name)
				_, err = Run(t.Context(), m, cfg)
				require.NoError(t, err)
				if what != "chunk rows" || name != "out.parquet" && filepath.Ext(name) != ".gz" && filepath.Ext(name) != ".zst" { // else the blocks of chunks show
					assert.Equal(t, read(t, cfg.Output), got)
				}
			})
		}
	}
}

// A job that skipped bad rows, and goes on without, has them in its output still.
func TestErrorsStay(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	cfg := Config{Inputs: []string{filepath.Join(dir, "in.txt")}, Output: filepath.Join(dir, "out.parquet"), ChunkRows: 4, OnError: Skip}
	require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte("a\n\xff\n"+strings.Join(makeTexts(400), "\n")), 0o666))
	stopped, cancel := context.WithCancel(t.Context())
	cfg.interval, cfg.Progress = 1, func(Progress) { cancel() }
	_, err := Run(stopped, m, cfg)
	require.Error(t, err)
	cfg.Progress, cfg.OnError = nil, Stop
	report, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, 1, report.Failed)
	assert.Less(t, report.Resumed, report.Rows)
	assert.Equal(t, 402, report.Rows)
	data := read(t, cfg.Output)
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	_, ok := file.Schema().Lookup("error")
	assert.True(t, ok)
}

// The types of columns are those that the job began with: a row that no longer fits is a
// bad one.
func TestTypesStay(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	cfg := Config{Inputs: []string{filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.jsonl")}, Output: filepath.Join(dir, "out.parquet"), ChunkRows: 2, Keep: []string{"n", "at"}}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	write("a.jsonl", `{"text": "a", "n": 1, "at": "2024-05-06T07:08:09Z"}`+"\n"+`{"text": "b", "n": null, "at": null}`+"\noops\n")
	write("b.jsonl", `{"text": "c", "n": 2.5, "at": "2024-05-06T07:08:10Z"}`)
	_, err := Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "a.jsonl:3: ")
	write("a.jsonl", `{"text": "a", "n": 1, "at": "2024-05-06T07:08:09Z"}`+"\n"+`{"text": "b", "n": null, "at": null}`+"\n"+`{"text": "x", "n": "one"}`+"\n")
	_, err = Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, `a.jsonl:3: column "n": "one": expected float or null, which the column has elsewhere`)
	cfg.OnError = Skip
	report, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, 1, report.Failed)
	type row struct {
		N  *float64 `parquet:"n"`
		At *int64   `parquet:"at,timestamp(microsecond)"`
	}
	got, err := parquet.ReadFile[row](cfg.Output)
	require.NoError(t, err)
	require.Len(t, got, 4)
	assert.Equal(t, 1.0, *got[0].N)
	assert.Nil(t, got[1].N)
	assert.Nil(t, got[1].At)
	assert.Equal(t, 2.5, *got[3].N)
	assert.Equal(t, int64(1714979290000000), *got[3].At)
}
