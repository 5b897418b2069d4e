package job

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// outputs are names of outputs of every kind.
var outputs = []string{"out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.csv", "out.csv.gz", "out.npy", "out.parquet", "out.elasticsearch", "out.milvus", "out.pgvector-binary"}

// newJob returns the Config of a job in a new folder, and the output of a run
// of it that nothing disturbed.
func newJob(t *testing.T, m *embed.Model, output string, texts []string) (Config, []byte) {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{Inputs: []string{filepath.Join(dir, "in.jsonl")}, ChunkRows: 16, rowGroup: 3 << 10}
	writeInput(t, cfg.Inputs[0], texts)
	cfg.Output = filepath.Join(dir, "whole", output)
	require.NoError(t, os.Mkdir(filepath.Dir(cfg.Output), 0o777))
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	whole := read(t, cfg.Output)
	cfg.Output = filepath.Join(dir, output)
	return cfg, whole
}

// A snapshot is the files of a job's folder.
type snapshot map[string][]byte

func take(t *testing.T, dir string) snapshot {
	t.Helper()
	s := snapshot{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			s[name], err = os.ReadFile(filepath.Join(dir, name))
		}
		return err
	})
	require.NoError(t, err)
	return s
}

func (s snapshot) restore(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Mkdir(dir, 0o777))
	for name, data := range s {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}

func (s snapshot) state(t *testing.T) (st state) {
	t.Helper()
	require.NoError(t, json.Unmarshal(s[recordFile], &st))
	return st
}

// A crash leaves the record of one commit, and of what was written on the way to
// the next any part: the output comes out the same.
func TestCrash(t *testing.T) {
	m := loadModel(t)
	for _, output := range outputs {
		t.Run(output, func(t *testing.T) {
			cfg, whole := newJob(t, m, output, makeTexts(60))
			dir := cfg.Output + ".job"
			var taken []snapshot
			every := cfg
			every.interval = 1
			every.Progress = func(Progress) { taken = append(taken, take(t, dir)) }
			_, err := Run(t.Context(), m, every)
			require.NoError(t, err)
			assert.Equal(t, whole, read(t, cfg.Output))
			require.Len(t, taken, 4)

			resumed := func(s snapshot, rows int, what string) {
				t.Helper()
				require.NoError(t, os.RemoveAll(cfg.Output))
				s.restore(t, dir)
				report, err := Run(t.Context(), m, cfg)
				require.NoError(t, err, what)
				require.Equal(t, rows, report.Resumed, what)
				require.Equal(t, whole, read(t, cfg.Output), what)
			}
			for i, was := range taken {
				then, rows := was.state(t), min(16*(i+1), 60)
				require.Equal(t, rows, then.Rows)
				next := was
				if i+1 < len(taken) {
					next = taken[i+1]
				}
				for name, size := range then.Files {
					// What lies behind the recorded size may be anything: cut what comes next at
					// several points, and put noise in its place.
					for _, part := range []int{0, 30, 100} {
						crashed := snapshot{}
						for other, data := range was {
							crashed[other] = data
						}
						data := next[name]
						n := int(size) + part*max(0, len(data)-int(size))/100
						crashed[name] = data[:n]
						resumed(crashed, rows, fmt.Sprintf("chunk %d, %s of %d bytes, %d recorded", i, name, n, size))
					}
				}
				noise := snapshot{newRecord: []byte(`{"settings": {"inp`)}
				for name, data := range was {
					noise[name] = data
					if size, ok := then.Files[name]; ok {
						noise[name] = append(bytes.Clone(data[:size]), "noise of any length"...)
					}
				}
				resumed(noise, rows, fmt.Sprintf("chunk %d, noise", i))
				delete(noise, recordFile)
				resumed(noise, 0, fmt.Sprintf("chunk %d, no record", i))

				for name, size := range then.Files {
					if size == 0 {
						continue
					}
					short := snapshot{}
					for other, data := range was {
						short[other] = data
					}
					short[name] = short[name][:size-1]
					require.NoError(t, os.RemoveAll(cfg.Output))
					short.restore(t, dir)
					_, err := Run(t.Context(), m, cfg)
					require.ErrorAs(t, err, new(*StaleError))
					require.ErrorContains(t, err, fmt.Sprintf("%s: %d bytes, the job wrote %d", name, size-1, size))
				}
			}
			broken := taken[0]
			broken[recordFile] = broken[recordFile][:100]
			broken.restore(t, dir)
			_, err = Run(t.Context(), m, cfg)
			require.ErrorAs(t, err, new(*StaleError))
			cfg.Restart = true
			_, err = Run(t.Context(), m, cfg)
			require.NoError(t, err)
			assert.Equal(t, whole, read(t, cfg.Output))
		})
	}
}

// A crash between the last commits leaves the output in the folder, or under its
// name without a record of that.
func TestCrashAtTheEnd(t *testing.T) {
	m := loadModel(t)
	cfg, whole := newJob(t, m, "out.npy", makeTexts(40))
	cfg.KeepJob = true
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	dir := cfg.Output + ".job"
	done := take(t, dir)
	written := done.state(t)
	written.Stage = stageWritten
	record, err := json.Marshal(written)
	require.NoError(t, err)
	before := snapshot{recordFile: record, outputFile: whole}
	before.restore(t, dir)
	require.NoError(t, os.Remove(cfg.Output))
	for range 2 { // with the file in the folder, then with the output there
		report, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
		assert.Equal(t, 40, report.Resumed)
		assert.Equal(t, whole, read(t, cfg.Output))
		assert.Equal(t, stageDone, take(t, dir).state(t).Stage)
		snapshot{recordFile: record}.restore(t, dir)
	}
	require.NoError(t, os.Remove(cfg.Output))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "no longer there")
	require.ErrorAs(t, err, new(*StaleError))
}

func TestDone(t *testing.T) {
	m := loadModel(t)
	for _, keep := range []bool{true, false} {
		testDone(t, m, keep)
	}
}

func testDone(t *testing.T, m *embed.Model, keep bool) {
	cfg, _ := newJob(t, m, "out.parquet", makeTexts(40))
	cfg.KeepJob = keep
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	info, err := os.Stat(cfg.Output)
	require.NoError(t, err)
	cfg.Progress = func(Progress) { t.Error("embeds again") }
	report, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, Report{Rows: 40, Resumed: 40}, report)
	again, err := os.Stat(cfg.Output)
	require.NoError(t, err)
	assert.Equal(t, info.ModTime(), again.ModTime())
	record := filepath.Join(cfg.Output+".job", recordFile)
	if keep {
		entries, err := os.ReadDir(filepath.Dir(record))
		require.NoError(t, err)
		assert.Len(t, entries, 2, "the record and the lock")
	} else {
		assert.NoDirExists(t, filepath.Dir(record))
		record = filepath.Join(filepath.Dir(cfg.Output), ".out.parquet.job")
		assert.FileExists(t, record)
	}

	writeInput(t, cfg.Inputs[0], makeTexts(50))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorAs(t, err, new(*StaleError))
	require.ErrorContains(t, err, "in.jsonl has changed")
	cfg.Progress, cfg.Restart = nil, true
	report, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, Report{Rows: 50}, report)

	cfg.Restart = false
	require.NoError(t, os.Remove(record))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorAs(t, err, new(*StaleError))
	require.ErrorContains(t, err, "exists already")
	assert.NoFileExists(t, record)
	if keep {
		return
	}
	assert.NoDirExists(t, cfg.Output+".job")

	// Without its output, a job that left nothing else begins anew.
	cfg.Restart = true
	_, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	cfg.Restart = false
	require.NoError(t, os.Remove(cfg.Output))
	report, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, Report{Rows: 50}, report)
}

func TestOtherSettings(t *testing.T) {
	m := loadModel(t)
	cfg, whole := newJob(t, m, "out.jsonl", makeTexts(40))
	ctx, cancel := context.WithCancel(t.Context())
	cfg.interval = 1
	cfg.Progress = func(Progress) { cancel() }
	_, err := Run(ctx, m, cfg)
	require.ErrorIs(t, err, context.Canceled)
	cfg.Progress = nil
	for name, change := range map[string]func(*Config){
		"dimensions was 16, is 8":             func(c *Config) { c.Options.Dimensions = 8 },
		`prompt was "", is "query: "`:         func(c *Config) { c.Options.Prompt = "query: " },
		"normalize was true, is false":        func(c *Config) { c.Options.Unnormalized = true },
		`truncate was "default", is "start"`:  func(c *Config) { c.Options.Truncate = embed.TruncateStart },
		"max tokens was 0, is 4":              func(c *Config) { c.Options.MaxTokens = 4 },
		`output format was "jsonl", is "npy"`: func(c *Config) { c.OutputFormat = "npy" },
		`shard was "none", is "1/2 by size"`:  func(c *Config) { c.Shard, c.Shards = 1, 2 },
		`keep was null, is ["n"]`:             func(c *Config) { c.Keep = []string{"n"} },
		`drop was null, is []`:                func(c *Config) { c.Drop = []string{} },
		`text field was "text", is "note"`:    func(c *Config) { c.TextField = "note" },
	} {
		changed := cfg
		change(&changed)
		_, err := Run(t.Context(), m, changed)
		require.ErrorAs(t, err, new(*StaleError), name)
		require.ErrorContains(t, err, "other settings: "+name)
		assert.NotContains(t, err.Error(), ";", "nothing else")
	}
	bert, err := embed.Load(t.Context(), filepath.Join(goldens, "bert", "model"), embed.Config{})
	require.NoError(t, err)
	defer bert.Close()
	_, err = Run(t.Context(), bert, cfg)
	require.ErrorContains(t, err, "fingerprint was")

	// The rows that are done must be the same; those that come may change.
	text := string(read(t, cfg.Inputs[0]))
	require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte(strings.Replace(text, "row3", "rowX", 1)), 0o666))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorAs(t, err, new(*StaleError))
	require.ErrorContains(t, err, "are not those that the job has embedded")
	require.NoError(t, os.WriteFile(cfg.Inputs[0], nil, 0o666))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorAs(t, err, new(*StaleError))

	require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte(text), 0o666))
	report, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Positive(t, report.Resumed)
	assert.Equal(t, whole, read(t, cfg.Output))
}

func TestTwoAtOnce(t *testing.T) {
	m := loadModel(t)
	cfg, whole := newJob(t, m, "out.jsonl", makeTexts(40))
	second := cfg
	cfg.Progress = func(Progress) {
		_, err := Run(t.Context(), m, second)
		assert.ErrorIs(t, err, ErrRunning)
		second.Restart = true
		_, err = Run(t.Context(), m, second)
		assert.ErrorIs(t, err, ErrRunning)
	}
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, whole, read(t, cfg.Output))
}

func TestBadRows(t *testing.T) {
	m := loadModel(t)
	texts := makeTexts(50)
	cfg, whole := newJob(t, m, "out.jsonl", texts)
	good := string(read(t, cfg.Inputs[0]))
	lines := strings.SplitAfter(good, "\n")
	lines[20] = "oops\n"
	lines[37] = `{"text": "", "id": "x", "note": "kept"}` + "\n"
	bad := []byte(strings.Join(lines, ""))
	require.NoError(t, os.WriteFile(cfg.Inputs[0], bad, 0o666))

	// What is done before the bad row stays done.
	report, err := Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "in.jsonl:21: expected a JSON string")
	assert.Equal(t, Report{Rows: 16}, report)
	assert.NoFileExists(t, cfg.Output)
	lines[20] = strings.SplitAfter(good, "\n")[20]
	require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte(strings.Join(lines, "")), 0o666))
	report, err = Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "in.jsonl:38: empty text")
	assert.Equal(t, Report{Rows: 32, Resumed: 16}, report)
	require.NoError(t, os.WriteFile(cfg.Inputs[0], []byte(good), 0o666))
	report, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, Report{Rows: 50, Resumed: 32}, report)
	assert.Equal(t, whole, read(t, cfg.Output))

	require.NoError(t, os.WriteFile(cfg.Inputs[0], bad, 0o666))
	want := readLines(t, cfg.Output)
	for _, ext := range []string{"jsonl", "parquet"} {
		skip := cfg
		skip.OnError, skip.Keep = Skip, []string{"note"}
		skip.Output = filepath.Join(filepath.Dir(cfg.Output), "skipped."+ext)
		report, err := Run(t.Context(), m, skip)
		require.NoError(t, err)
		assert.Equal(t, Report{Rows: 50, Failed: 2, Errors: skip.Output + ".errors.jsonl"}, report)
		in, err := json.Marshal(cfg.Inputs[0])
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf(`{"index":20,"input":%s,"line":21,"error":"expected a JSON string, a list of token ids or an object"}
{"index":37,"id":"x","input":%s,"line":38,"error":"empty text"}
`, in, in), string(read(t, report.Errors)))
		again, err := Run(t.Context(), m, skip)
		require.NoError(t, err)
		report.Resumed = 50
		assert.Equal(t, report, again, "the report stays")
		if ext == "jsonl" {
			for i, l := range readLines(t, skip.Output) {
				assert.Equal(t, i, l.Index)
				if i == 20 || i == 37 {
					assert.NotEmpty(t, l.Error)
					assert.Nil(t, l.Embedding)
				} else {
					assert.Equal(t, want[i].Embedding, l.Embedding)
				}
				if i == 37 {
					assert.Equal(t, "kept", l.Note)
				}
			}
			continue
		}
		type row struct {
			Note      *string   `parquet:"note"`
			Embedding []float32 `parquet:"embedding,list,optional"`
			Error     *string   `parquet:"error"`
		}
		got, err := parquet.ReadFile[row](skip.Output)
		require.NoError(t, err)
		require.Len(t, got, 50)
		for i, r := range got {
			if i == 20 || i == 37 {
				assert.NotEmpty(t, *r.Error)
				assert.Nil(t, r.Embedding)
			} else {
				assert.Nil(t, r.Error)
				assert.Equal(t, want[i].Embedding, r.Embedding)
			}
		}
		assert.Nil(t, got[20].Note)
		assert.Equal(t, "kept", *got[37].Note)
	}
}

// A file that is gone, or cut off, ends the run; back again, the job goes on.
func TestLostInput(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	cfg := Config{Inputs: []string{filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt.gz")}, Output: filepath.Join(dir, "whole.npy"), ChunkRows: 16, interval: 1}
	for i, name := range cfg.Inputs {
		writeInput(t, name, makeTexts(100*(i+1)))
	}
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	whole := read(t, cfg.Output)

	cfg.Output = filepath.Join(dir, "out.npy")
	packed := read(t, cfg.Inputs[1])
	require.NoError(t, os.WriteFile(cfg.Inputs[1], packed[:len(packed)/2], 0o666))
	report, err := Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "b.txt.gz: unexpected EOF")
	assert.GreaterOrEqual(t, report.Rows, 96)
	require.NoError(t, os.Remove(cfg.Inputs[1]))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "b.txt.gz")
	require.NoError(t, os.WriteFile(cfg.Inputs[1], packed, 0o666))
	again, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, report.Rows, again.Resumed)
	assert.Equal(t, whole, read(t, cfg.Output))
}
