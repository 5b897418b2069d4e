package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/command"
)

const tiny = "../../testdata/goldens/bert/model"

// TestMain runs the command itself where a test starts this program as one.
func TestMain(m *testing.M) {
	if os.Getenv("RHUMB_TEST_COMMAND") != "" {
		os.Exit(command.Main(newStore()))
	}
	os.Exit(m.Run())
}

// rhumb returns a run of the command in a folder.
func rhumb(t *testing.T, dir string, args ...string) *exec.Cmd {
	model, err := filepath.Abs(tiny)
	require.NoError(t, err)
	if args[0] != "merge" {
		args = append(args, "--model", model)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RHUMB_TEST_COMMAND=1")
	cmd.Dir = dir
	return cmd
}

func load(t *testing.T) *embed.Model {
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

// texts returns n rows in the format of a file's name, of texts, ids and titles.
func texts(t *testing.T, kind string, n int) []byte {
	type row struct {
		ID    int64  `parquet:"id"`
		Text  string `parquet:"text,snappy"`
		Title string `parquet:"title"`
	}
	var b bytes.Buffer
	var all []row
	if kind == "csv" {
		b.WriteString("id,text,title\n")
	}
	for i := range n {
		r := row{int64(i), fmt.Sprintf("the food was delicious %d times", i*i), fmt.Sprintf("row %d", i)}
		all = append(all, r)
		switch kind {
		case "csv":
			fmt.Fprintf(&b, "%d,%s,%s\n", r.ID, r.Text, r.Title)
		case "jsonl":
			fmt.Fprintf(&b, "{\"id\": %d, \"text\": %q, \"title\": %q}\n", r.ID, r.Text, r.Title)
		}
	}
	if kind == "parquet" {
		require.NoError(t, parquet.Write(&b, all, parquet.PageBufferSize(4<<10), parquet.MaxRowsPerRowGroup(int64(n/3+1))))
	}
	return b.Bytes()
}

// TestFormats holds jobs over objects to those over files.
func TestFormats(t *testing.T) {
	const n = 1500
	m := load(t)
	for name, start := range services {
		for _, kinds := range []string{"jsonl parquet", "csv jsonl.gz", "parquet npy", "parquet parquet"} {
			in, out, _ := strings.Cut(kinds, " ")
			t.Run(name+"/"+in+" to "+out, func(t *testing.T) {
				service, dir := start(t), t.TempDir()
				file := filepath.Join(dir, "in."+in)
				data := texts(t, in, n)
				require.NoError(t, os.WriteFile(file, data, 0o666))
				put(t, service.name("bucket/in/in."+in), data)
				cfg := job.Config{Inputs: []string{file}, Output: filepath.Join(dir, "out."+out), ChunkRows: 500}
				if out != "npy" {
					cfg.Keep = []string{"title"}
				}
				_, err := job.Run(t.Context(), m, cfg)
				require.NoError(t, err)
				want, err := os.ReadFile(cfg.Output)
				require.NoError(t, err)

				cfg.Inputs, cfg.Store, cfg.Work = []string{service.name("bucket/in/*." + in)}, newStore(), t.TempDir()
				cfg.Output = service.name("bucket/out." + out)
				service.count("")
				_, err = job.Run(t.Context(), m, cfg)
				require.NoError(t, err)
				assert.Less(t, service.count("GET /bucket/in/in."), 12, "requests for what is read")
				assert.True(t, bytes.Equal(want, get(t, cfg.Output)))

				var parts []string
				for shard := range 2 {
					part := cfg
					part.Shard, part.Shards, part.Work = shard+1, 2, t.TempDir()
					part.Output = service.name(fmt.Sprintf("bucket/part%d.%s", shard+1, out))
					_, err := job.Run(t.Context(), m, part)
					require.NoError(t, err)
					parts = append(parts, part.Output)
				}
				merged := job.Config{Output: service.name("bucket/merged." + out), Store: newStore(), Work: t.TempDir()}
				report, err := job.Merge(t.Context(), merged, parts)
				require.NoError(t, err)
				assert.Equal(t, n, report.Rows)
				assert.True(t, bytes.Equal(want, get(t, merged.Output)))
			})
		}
	}
}

// A job whose output is refused has it still, and what it made is not made again.
func TestRefused(t *testing.T) {
	m, service := load(t), newS3(t)
	put(t, service.name("bucket/in.jsonl"), texts(t, "jsonl", 100))
	service.answer(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if r.Method != http.MethodPut && r.Method != http.MethodPost {
			return w
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")) // the client hears of it
		return nil
	})
	cfg := job.Config{Inputs: []string{service.name("bucket/in.jsonl")}, Output: service.name("bucket/out.npy"), Store: newStore(), Work: t.TempDir()}
	_, err := job.Run(t.Context(), m, cfg)
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, "put "+cfg.Output+": permission denied: ")
	service.answer(nil)
	report, err := job.Run(t.Context(), m, cfg)
	require.NoError(t, err)
	assert.Equal(t, 100, report.Resumed)

	service.answer(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		w.WriteHeader(http.StatusForbidden)
		return nil
	})
	_, err = job.Run(t.Context(), m, cfg)
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, "open "+cfg.Inputs[0]+": permission denied: ")
}

// An input that changes after some rows of it are done, and one that does when all are.
func TestInputChanges(t *testing.T) {
	m, service := load(t), newS3(t)
	input := service.name("bucket/in.jsonl")
	data := texts(t, "jsonl", 3000)
	put(t, input, data)
	cfg := job.Config{Inputs: []string{input}, Output: service.name("bucket/out.npy"), Store: newStore(), Work: t.TempDir(), ChunkRows: 100}
	ctx, stop := context.WithCancel(t.Context())
	cfg.Progress = func(job.Progress) { stop() }
	_, err := job.Run(ctx, m, cfg)
	require.ErrorIs(t, err, context.Canceled)
	cfg.Progress = nil
	put(t, input, bytes.Replace(data, []byte("delicious 0 times"), []byte("delicious 7 times"), 1))
	_, err = job.Run(t.Context(), m, cfg)
	var stale *job.StaleError
	require.ErrorAs(t, err, &stale, "rows that are done are others now")
	put(t, input, data)
	_, err = job.Run(t.Context(), m, cfg)
	require.NoError(t, err)
	put(t, input, bytes.Replace(data, []byte("delicious 0 times"), []byte("delicious 7 times"), 1))
	_, err = job.Run(t.Context(), m, cfg)
	assert.EqualError(t, err, cfg.Output+": the job is done, but since then "+input+" has changed")
}

// TestKill kills the command while it reads, and while it writes its output.
func TestKill(t *testing.T) {
	service, dir, want := newS3(t), t.TempDir(), t.TempDir()
	data := texts(t, "jsonl", 2000)
	half := len(data)/2 + bytes.IndexByte(data[len(data)/2:], '\n') + 1
	for i, part := range [][]byte{data[:half], data[half:]} {
		name := fmt.Sprintf("in%d.jsonl", i)
		require.NoError(t, os.WriteFile(filepath.Join(want, name), part, 0o666))
		put(t, service.name("bucket/"+name), part)
	}
	flags := []string{"--keep", "title", "--chunk", "100"}
	out, err := rhumb(t, want, append([]string{"batch", "in0.jsonl", "in1.jsonl", "out.parquet"}, flags...)...).Output()
	require.NoError(t, err, string(out))
	args := append([]string{"batch", service.name("bucket/in?.jsonl"), service.name("bucket/out.parquet")}, flags...)
	var putting atomic.Bool
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		cmd := rhumb(t, dir, args...)
		var seen atomic.Int32
		service.answer(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
			if r.Method == method && r.URL.Path == map[string]string{http.MethodGet: "/bucket/in1.jsonl", http.MethodPut: "/bucket/out.parquet"}[method] &&
				(seen.Add(1) == 2 || method == http.MethodPut) {
				putting.Store(method == http.MethodPut)
				_ = cmd.Process.Kill()             // the run below says whether it ended
				_, _ = io.Copy(io.Discard, r.Body) // what there is of it: the end of the connection shows behind it
				<-r.Context().Done()
				return nil
			}
			return w
		})
		err := cmd.Run()
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit) && exit.ExitCode() == -1, "killed")
	}
	require.True(t, putting.Load())
	service.answer(nil)
	_, err = newStore().Open(t.Context(), args[2])
	require.ErrorIs(t, err, fs.ErrNotExist, "as a whole or not at all")
	out, err = rhumb(t, dir, args...).Output()
	require.NoError(t, err)
	assert.Equal(t, args[2]+": 2000 rows, complete already\n", string(out))
	file, err := os.ReadFile(filepath.Join(want, "out.parquet"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(file, get(t, args[2])))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestCommand(t *testing.T) {
	service, dir := newS3(t), t.TempDir()
	put(t, service.name("bucket/in.txt"), []byte("the food was delicious\nthe train was late\n"))
	out, err := rhumb(t, dir, "search", "--corpus", service.name("bucket/in.txt"), "--top", "1", "--output-format", "jsonl", "was the train late").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "the train was late")
	var stderr bytes.Buffer
	cmd := rhumb(t, dir, "batch", service.name("bucket/in.txt"), service.name("nowhere/out.npy"))
	cmd.Stderr = &stderr
	require.Error(t, cmd.Run())
	assert.Equal(t, "rhumb: "+service.name("nowhere/out.npy")+": there is no s3://nowhere\n", stderr.String())
}
