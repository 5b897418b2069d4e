package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A shelf is a Store in memory.
type shelf struct {
	objects fstest.MapFS // names without the scheme
	full    error        // of Put
}

type shelved struct {
	*bytes.Reader
	fs.File
}

func (s shelved) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func (s *shelf) Remove(_ context.Context, name string) error {
	delete(s.objects, name[len("mem://"):])
	return nil
}

func (s *shelf) Open(_ context.Context, name string) (Object, error) {
	file, err := s.objects.Open(name[len("mem://"):])
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return shelved{bytes.NewReader(data), file}, err
}

func (s *shelf) Glob(_ context.Context, pattern string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if ok, _ := path.Match(pattern, "mem://"+name); ok {
			names = append(names, "mem://"+name)
		}
	}
	return names, nil
}

func (s *shelf) Put(_ context.Context, name string, file *os.File) error {
	data, err := io.ReadAll(file)
	if err = errors.Join(err, s.full); err == nil {
		s.objects[name[len("mem://"):]] = &fstest.MapFile{Data: data}
	}
	return err
}

// TestObjects holds jobs over objects to those over files of the same content.
func TestObjects(t *testing.T) {
	m := loadModel(t)
	for _, kind := range []string{"txt", "jsonl.gz", "csv", "parquet"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			store := &shelf{objects: fstest.MapFS{}}
			texts := makeTexts(3000)
			var files []string
			for i := range 2 {
				name := filepath.Join(dir, fmt.Sprint("in", i, ".", kind))
				writeInput(t, name, texts[i*1500:][:1500])
				store.objects["bucket/in/"+filepath.Base(name)] = &fstest.MapFile{Data: read(t, name)}
				files = append(files, name)
			}
			want := filepath.Join(dir, "want.parquet")
			_, err := Run(t.Context(), m, Config{Inputs: files, Output: want})
			require.NoError(t, err)

			work := t.TempDir()
			cfg := Config{Inputs: []string{"mem://bucket/in/*." + kind}, Output: "mem://bucket/out.parquet", Store: store, Work: work}
			ctx, stop := context.WithCancel(t.Context())
			cfg.Progress = func(Progress) { stop() }
			_, err = Run(ctx, m, cfg)
			require.ErrorIs(t, err, context.Canceled)
			assert.NotContains(t, store.objects, "bucket/out.parquet", "as a whole or not at all")

			cfg.Progress = nil
			store.full = errors.New("the wire is cut")
			report, err := Run(t.Context(), m, cfg)
			require.ErrorIs(t, err, store.full)
			assert.NotZero(t, report.Resumed)

			store.full = nil
			report, err = Run(t.Context(), m, cfg)
			require.NoError(t, err)
			assert.Equal(t, 3000, report.Resumed, "what could not be put is not made again")
			assert.Equal(t, read(t, want), store.objects["bucket/out.parquet"].Data)
			left, err := os.ReadDir(work)
			require.NoError(t, err)
			assert.Empty(t, left)
			assert.Contains(t, store.objects, "bucket/.out.parquet.job", "the record of a job that is done")

			store.full = errors.New("put again")
			cfg.Work = t.TempDir() // another machine
			report, err = Run(t.Context(), m, cfg)
			require.NoError(t, err, "complete already")
			assert.Equal(t, 3000, report.Resumed)

			delete(store.objects, "bucket/.out.parquet.job")
			_, err = Run(t.Context(), m, cfg)
			var old *StaleError
			require.ErrorAs(t, err, &old)
			assert.EqualError(t, err, "mem://bucket/out.parquet: exists already, and no job is on record that wrote it")
		})
	}
}

func TestObjectsAway(t *testing.T) {
	m := loadModel(t)
	file := filepath.Join(t.TempDir(), "in.txt")
	writeInput(t, file, makeTexts(3))
	store := &shelf{objects: fstest.MapFS{"bucket/in.txt": {Data: []byte("a text\n")}}}
	expected := ": an object, expected a file; the command rhumb-cloud takes it, as do programs with a job.Config.Store and pipelines such as examples/beam"
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"input":     {Config{Inputs: []string{"s3://bucket/in.txt"}, Output: "out.npy"}, "s3://bucket/in.txt" + expected},
		"output":    {Config{Inputs: []string{file}, Output: "gs://bucket/out.npy"}, "gs://bucket/out.npy" + expected},
		"not there": {Config{Inputs: []string{"mem://bucket/no.txt"}, Output: "out.npy", Store: store}, "open bucket/no.txt: file does not exist"},
		"no match":  {Config{Inputs: []string{"mem://bucket/*.csv"}, Output: "out.npy", Store: store}, "mem://bucket/*.csv: no file matches"},
		"same":      {Config{Inputs: []string{"mem://bucket/in.txt"}, Output: "mem://bucket/in.txt", OutputFormat: "npy", Store: store}, "mem://bucket/in.txt: input and output"},
		"no folder": {Config{Inputs: []string{file}, Output: "mem://b/o.npy", Store: store, Work: "none"}, "mkdir " + filepath.Join("none", "mem%3A%2F%2Fb%2Fo.npy.job") + ": no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, err := Run(t.Context(), m, test.cfg)
			assert.EqualError(t, err, test.want)
			left, err := filepath.Glob("*")
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// TestObjectShards merges the objects of shards that ran on machines of their own.
func TestObjectShards(t *testing.T) {
	m := loadModel(t)
	for _, kind := range []string{"jsonl.gz", "parquet", "npy"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			input := filepath.Join(dir, "in.jsonl")
			texts := makeTexts(500)
			cfg := Config{Inputs: []string{input}, Output: filepath.Join(dir, "want."+kind)}
			if kind != "npy" {
				texts[7], texts[400], cfg.OnError = "", "", Skip
			}
			writeInput(t, input, texts)
			_, err := Run(t.Context(), m, cfg)
			require.NoError(t, err)

			store := &shelf{objects: fstest.MapFS{"bucket/in.jsonl": {Data: read(t, input)}}}
			cfg.Inputs, cfg.Store, cfg.Shards = []string{"mem://bucket/in.jsonl"}, store, 2
			for i := range 2 {
				cfg.Shard, cfg.Work = i+1, t.TempDir()
				cfg.Output = fmt.Sprintf("mem://bucket/part%d.%s", i, kind)
				report, err := Run(t.Context(), m, cfg)
				require.NoError(t, err)
				if kind != "npy" {
					assert.Equal(t, cfg.Output+".errors.jsonl", report.Errors)
				}
			}
			work := t.TempDir()
			merged := Config{Output: "mem://bucket/out." + kind, Store: store, Work: work}
			report, err := Merge(t.Context(), merged, []string{"mem://bucket/part*." + kind})
			require.NoError(t, err)
			assert.Equal(t, 500, report.Rows)
			want := filepath.Join(dir, "want."+kind)
			assert.Equal(t, read(t, want), store.objects["bucket/out."+kind].Data)
			if kind != "npy" {
				errors := bytes.ReplaceAll(read(t, want+".errors.jsonl"), []byte(input), []byte("mem://bucket/in.jsonl"))
				assert.Equal(t, string(errors), string(store.objects["bucket/out."+kind+".errors.jsonl"].Data))
			}
			left, err := os.ReadDir(work)
			require.NoError(t, err)
			assert.Empty(t, left)

			cfg.Inputs, cfg.Output, cfg.Shards, cfg.Shard = []string{input}, merged.Output, 0, 0
			cfg.Restart = true
			delete(store.objects, "bucket/out."+kind)
			_, err = Run(t.Context(), m, cfg)
			require.NoError(t, err)
			assert.Equal(t, read(t, want), store.objects["bucket/out."+kind].Data)
		})
	}
}

// TestObjectVersion changes an object so that neither its size nor its time tells.
func TestObjectVersion(t *testing.T) {
	m := loadModel(t)
	store := &shelf{objects: fstest.MapFS{"bucket/in.txt": {Data: []byte("a text\n"), Sys: "one"}}}
	cfg := Config{Inputs: []string{"mem://bucket/in.txt"}, Output: filepath.Join(t.TempDir(), "out.npy"), Store: store}
	for range 2 {
		_, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
	}
	store.objects["bucket/in.txt"] = &fstest.MapFile{Data: []byte("b text\n"), Sys: "two"}
	_, err := Run(t.Context(), m, cfg)
	assert.EqualError(t, err, cfg.Output+": the job is done, but since then mem://bucket/in.txt has changed")
}

func TestNamesBeside(t *testing.T) {
	f := newFolder(&Config{Output: "s3://bucket/a/out.npy?region=x"})
	assert.Equal(t, "s3://bucket/a/.out.npy.job?region=x", f.besideFile())
	assert.Equal(t, "s3://bucket/a/out.npy.errors.jsonl?region=x", f.errorsPath())
	one, two := &Config{Output: "s3://" + strings.Repeat("é/", 500) + "1"}, &Config{Output: "s3://" + strings.Repeat("é/", 500) + "2"}
	assert.Less(t, len(one.local()), 250)
	assert.NotEqual(t, one.local(), two.local())
}
