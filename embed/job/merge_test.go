package job

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// runShards runs all shards of a job, and returns their outputs.
func runShards(t *testing.T, m *embed.Model, cfg Config, n int) (outputs []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		part := cfg
		part.Shard, part.Shards = i+1, n
		part.Output = filepath.Join(dir, fmt.Sprint(i, filepath.Base(cfg.Output)))
		_, err := Run(t.Context(), m, part)
		require.NoError(t, err)
		outputs = append(outputs, part.Output)
	}
	return outputs
}

// The outputs of all shards, merged, are that of one job: of inputs that are cut by their
// bytes or by their rows, where they can be entered and where not.
func TestMerge(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	for i, name := range []string{"a.txt", "b.txt.gz", "c.txt", "a.jsonl", "b.jsonl.zst", "a.csv", "a.parquet", "b.parquet"} {
		writeInput(t, filepath.Join(dir, name), makeTexts(60 + 20*i)[10*i:])
	}
	blank := strings.ReplaceAll(string(read(t, filepath.Join(dir, "c.txt"))), "one", "\n \t\r\n") + "\n\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c.txt"), []byte(blank), 0o666))
	for _, output := range outputs {
		for inputs, n := range map[string]int{"[abc].txt*": 7, "*.jsonl*": 3, "*.parquet": 7, "*.csv": 2, "a.txt": 90} {
			if n != 7 && output != "out.jsonl" {
				continue // it is the reading that differs
			}
			t.Run(output+"/"+inputs, func(t *testing.T) {
				all := Config{Inputs: []string{filepath.Join(dir, inputs)}, Output: filepath.Join(t.TempDir(), output), ChunkRows: 16, rowGroup: 3 << 10}
				if inputs == "*.parquet" && output != "out.npy" {
					all.Keep = []string{"note", "n"}
				}
				want, err := Run(t.Context(), m, all)
				require.NoError(t, err)
				parts := runShards(t, m, all, n)
				parts[0], parts[n-1] = parts[n-1], parts[0]
				merged := filepath.Join(t.TempDir(), output)
				report, err := merge(t.Context(), Config{Output: merged, rowGroup: all.rowGroup}, parts)
				if rows.IsStore(strings.TrimPrefix(output, "out.")) && inputs == "[abc].txt*" {
					require.ErrorContains(t, err, "rows have no id, and in its place an index, which is that of the part")
					return
				}
				require.NoError(t, err)
				assert.Equal(t, want, report)
				assert.Equal(t, read(t, all.Output), read(t, merged))

				// It is a job that is complete.
				all.Output = merged
				again, err := Run(t.Context(), m, all)
				require.NoError(t, err)
				assert.Equal(t, want.Rows, again.Resumed)
			})
		}
	}
}

// Bad rows are where they would be of one job, in the output and in the report.
func TestMergeErrors(t *testing.T) {
	m := loadModel(t)
	for _, output := range []string{"out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet", "out.pgvector", "out.milvus"} {
		cfg, _ := newJob(t, m, output, makeTexts(60))
		lines := strings.SplitAfter(string(read(t, cfg.Inputs[0])), "\n")
		lines[20], lines[41] = "oops\n", `{"text": "", "id": "empty", "note": "two\nlines, \"quoted\""}`+"\n"
		cfg.Keep = []string{"note"}
		require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte(strings.Join(lines, "")), 0o666))
		cfg.OnError = Skip
		want, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
		merged := filepath.Join(t.TempDir(), output)
		report, err := merge(t.Context(), Config{Output: merged, rowGroup: cfg.rowGroup}, runShards(t, m, cfg, 3))
		require.NoError(t, err)
		assert.Equal(t, read(t, want.Errors), read(t, report.Errors))
		assert.Equal(t, read(t, cfg.Output), read(t, merged))

		// Without Skip, the message has the line of the file.
		cfg.OnError, cfg.Shard, cfg.Shards, cfg.Output = Stop, 2, 3, filepath.Join(t.TempDir(), output)
		_, err = Run(t.Context(), m, cfg)
		assert.ErrorContains(t, err, "in.jsonl:21: expected a JSON string")
	}
}

// So are the scales of 8 bits without ranges, and what stores import, compressed too.
func TestMergeScales(t *testing.T) {
	m := loadModel(t)
	cfg, _ := newJob(t, m, "out.npy", makeTexts(60))
	cfg.Options.Formats = []encoding.Format{encoding.Uint8}
	want, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	parts := runShards(t, m, cfg, 7)
	merged := filepath.Join(t.TempDir(), "all.npy")
	report, err := Merge(t.Context(), Config{Output: merged}, parts)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(filepath.Dir(merged), "all.scales.npy"), report.Scales)
	assert.Equal(t, read(t, cfg.Output), read(t, merged))
	assert.Equal(t, read(t, want.Scales), read(t, report.Scales))
	cfg.Output = merged
	again, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, 60, again.Resumed)

	require.NoError(t, os.Remove(merged))
	_, err = Merge(t.Context(), Config{Output: merged}, parts)
	require.ErrorContains(t, err, "all.scales.npy: exists already, where the scales of")
	require.NoError(t, os.Remove(report.Scales))
	_, err = Merge(t.Context(), Config{Output: filepath.Join(filepath.Dir(merged), "all.scales.npy")}, parts)
	require.ErrorContains(t, err, "a name of scales")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(parts[3]), "3out.scales.npy"), []byte("short"), 0o666))
	_, err = Merge(t.Context(), Config{Output: merged}, parts)
	require.ErrorContains(t, err, "3out.scales.npy: 5 bytes, the job wrote")
	left, err := fs.ReadDir(os.DirFS(filepath.Dir(merged)), ".")
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestMergeStores(t *testing.T) {
	m := loadModel(t)
	for _, format := range rows.StoreFormats {
		for _, name := range []string{"", ".gz"} {
			cfg, _ := newJob(t, m, "out.jsonl", makeTexts(60))
			cfg.Output = filepath.Join(filepath.Dir(cfg.Output), "out."+format+name)
			cfg.ChunkTokens, cfg.Keep = 5, []string{"note"}
			if format == "weaviate" {
				cfg.Collection = "Docs"
			}
			want, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)
			require.Greater(t, want.Chunks, 60)
			merged := filepath.Join(t.TempDir(), "out."+format+name)
			n := 3
			if format == "milvus" && name == "" {
				n = 61 // one at least is empty
			}
			parts := runShards(t, m, cfg, n)
			report, err := Merge(t.Context(), Config{Output: merged}, parts)
			require.NoError(t, err)
			assert.Equal(t, want, report)
			assert.Equal(t, string(unpacked(t, cfg.Output)), string(unpacked(t, merged)))
			if name != "" {
				continue
			}
			data := read(t, parts[0])
			data[len(data)-1]++
			require.NoError(t, os.WriteFile(parts[0], data, 0o666))
			if _, err = Merge(t.Context(), Config{Output: merged + "2"}, parts); format == "milvus" || format == "pgvector-binary" {
				assert.ErrorContains(t, err, "out."+format+": ends with ")
			}
		}
	}
}

// What is not all of one job is refused, and leaves nothing.
func TestMergeMistakes(t *testing.T) {
	m := loadModel(t)
	cfg, _ := newJob(t, m, "out.jsonl", makeTexts(60))
	parts := runShards(t, m, cfg, 3)
	other := cfg
	other.Options.Dimensions = 8
	otherParts := runShards(t, m, other, 3)
	two := runShards(t, m, cfg, 2)
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(two[1]), ".1out.jsonl.job")))
	whole := filepath.Join(filepath.Dir(filepath.Dir(cfg.Output)), "none.jsonl")
	dir := t.TempDir()
	for want, names := range map[string][]string{
		"shard 2 of 3 is missing":                     {parts[0], parts[2]},
		"shard 3 of 3 is missing":                     {parts[0], parts[1]},
		"both are shard 2 of 3":                       {parts[0], parts[1], parts[1], parts[2]},
		"dimensions was 16, is 8":                     {parts[0], otherParts[1], parts[2]},
		"shard 1 of 2, " + parts[1] + " shard 2 of 3": {two[0], parts[1], parts[2]},
		"no record of a job":                          {two[0], two[1]},
		"no such file":                                {whole, parts[1]},
		"no parts":                                    nil,
	} {
		_, err := Merge(t.Context(), Config{Output: filepath.Join(dir, "out.jsonl")}, names)
		assert.ErrorContains(t, err, want)
	}
	_, err := Merge(t.Context(), Config{Output: filepath.Join(dir, "out.npy")}, parts)
	assert.ErrorContains(t, err, "npy by its name, the parts are jsonl")
	_, err = Merge(t.Context(), Config{Output: parts[0]}, parts)
	assert.ErrorContains(t, err, "is the output of a job already")
	data := read(t, parts[1])
	require.NoError(t, os.WriteFile(parts[1], data[:len(data)-9], 0o666))
	_, err = Merge(t.Context(), Config{Output: filepath.Join(dir, "out.jsonl")}, parts)
	assert.ErrorContains(t, err, "bytes, the job wrote")
	data[5] = 'x'
	require.NoError(t, os.WriteFile(parts[1], data, 0o666))
	_, err = Merge(t.Context(), Config{Output: filepath.Join(dir, "out.jsonl")}, parts)
	assert.ErrorContains(t, err, "1out.jsonl:1: not the line of a result")
	left, err := fs.ReadDir(os.DirFS(dir), ".")
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A job that goes on reads what is behind the rows that are done, unless the input has
// changed or has no place to enter at.
func TestSeek(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	for _, name := range []string{"in.txt", "in.jsonl", "in.csv", "in.parquet", "in.jsonl.gz"} {
		cfg := Config{Inputs: []string{filepath.Join(dir, name)}, Output: filepath.Join(dir, name+".npy"), ChunkRows: 16, interval: 1}
		writeInput(t, cfg.Inputs[0], makeTexts(200))
		_, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
		whole := read(t, cfg.Output)
		cfg.Restart = true
		ctx, cancel := context.WithCancel(t.Context())
		cfg.Progress = func(p Progress) {
			if p.Rows >= 96 {
				cancel()
			}
		}
		_, err = Run(ctx, m, cfg)
		require.ErrorIs(t, err, context.Canceled)
		var s state
		require.NoError(t, json.Unmarshal(read(t, filepath.Join(cfg.Output+".job", recordFile)), &s))
		require.NotNil(t, s.At)
		j := &job{cfg: cfg, inputs: s.Inputs, folder: &folder{state: &s}}
		pieces, err := j.part(t.Context())
		require.NoError(t, err)
		r := newReader(t.Context(), &cfg, pieces)
		r.cfg.TextField = "text"
		require.True(t, r.start(s.At))
		row, err := r.row()
		require.NoError(t, err)
		if name == "in.jsonl.gz" {
			assert.Equal(t, s.Rows, s.At.Again)
			assert.Equal(t, 0, row.Index)
		} else {
			assert.Zero(t, s.At.Again)
			assert.Equal(t, s.Rows, row.Index, "the first row that is read")
			assert.Positive(t, s.At.Offset)
		}
		require.NoError(t, r.close())
		cfg.Progress, cfg.Restart = nil, false
		report, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
		assert.Equal(t, s.Rows, report.Resumed)
		assert.Equal(t, whole, read(t, cfg.Output))
	}
}
