package job

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRecord goes on with jobs whose record, and whose files, hold anything, and merges their
// outputs: each is an error or a report, and nothing but the output and what belongs to it is
// written.
func FuzzRecord(f *testing.F) {
	m := loadModel(f)
	inputs := f.TempDir()
	input := filepath.Join(inputs, "in.jsonl")
	writeInput(f, input, makeTexts(12))
	config := func(dir, output string) Config {
		return Config{Inputs: []string{input}, Output: filepath.Join(dir, output), ChunkRows: 4, rowGroup: 3 << 10}
	}
	names := []string{"out.jsonl", "out.csv.gz", "out.npy", "out.parquet"}
	for which, output := range names {
		for _, shards := range []int{0, 2} {
			cfg := config(f.TempDir(), output)
			if cfg.Shards = shards; shards > 0 {
				cfg.Shard = 1
			}
			_, err := Run(f.Context(), m, cfg)
			require.NoError(f, err)
			record, err := os.ReadFile(newFolder(&cfg).besideFile())
			require.NoError(f, err)
			content, err := os.ReadFile(cfg.Output)
			require.NoError(f, err)
			for _, beside := range []bool{false, true} {
				f.Add(uint8(which), record, content, []byte("PAR1"), beside, shards > 0)
			}
		}
		f.Add(uint8(which), []byte(`{"settings":{},"inputs":[{}],"at":{"input":9,"row":-1},"chunks":-1,"rows":-1,"files":{"output":-1,"../x":9}}`), []byte{}, []byte{}, false, true)
	}
	f.Fuzz(func(t *testing.T, which uint8, record, content, spool []byte, beside, shard bool) {
		root := t.TempDir()
		dir := filepath.Join(root, "dir")
		require.NoError(t, os.Mkdir(dir, 0o777))
		cfg := config(dir, names[int(which)%len(names)])
		if shard {
			cfg.Shard, cfg.Shards = 1, 2
		}
		job := newFolder(&cfg)
		put := func(path string, data []byte) { require.NoError(t, os.WriteFile(path, data, 0o666)) }
		if beside {
			put(cfg.Output, content)
			put(job.besideFile(), record)
		} else {
			require.NoError(t, os.Mkdir(job.dir, 0o777))
			put(job.file(recordFile), record)
			put(job.file(outputFile), content)
			for _, name := range []string{spoolFile, groupsFile, scalesFile, errorsFile} {
				put(job.file(name), spool)
			}
		}
		_, _ = Merge(t.Context(), Config{Output: filepath.Join(dir, "merged-"+filepath.Base(cfg.Output))}, []string{cfg.Output})
		_, _ = Run(t.Context(), m, cfg)
		for path, n := range map[string]int{root: 1, inputs: 1} {
			entries, err := os.ReadDir(path)
			require.NoError(t, err)
			require.Len(t, entries, n, path)
		}
	})
}
