package command

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// put copies the folder of a model to a place in dir.
func put(t *testing.T, dir, name, model string) {
	t.Helper()
	require.NoError(t, os.CopyFS(filepath.Join(dir, filepath.FromSlash(name)), os.DirFS(model)))
}

// ask posts body to a path with a key, and returns the status and the answer.
func (s *service) ask(t *testing.T, path, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := s.client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

// models returns what /v1/models says is loaded, by names.
func (s *service) models(t *testing.T) map[string]bool {
	t.Helper()
	var list struct {
		Data []struct {
			ID     string
			Loaded bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/v1/models")), &list))
	models := map[string]bool{}
	for _, m := range list.Data {
		models[m.ID] = m.Loaded
	}
	return models
}

func TestServeModelsDir(t *testing.T) {
	needSignals(t)
	dir := t.TempDir()
	put(t, dir, "a", tiny)
	put(t, dir, "org/b", tiny)
	put(t, dir, "ranker", reranker)
	put(t, dir, "m3", bgeM3)
	put(t, dir, ".hidden", tiny)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "empty", "folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), nil, 0o600))
	put(t, dir, "broken", tiny)
	broken := filepath.Join(dir, "broken", "config.json")
	good, err := os.ReadFile(broken)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(broken, []byte("{}"), 0o600))
	admins := write(t, "admins.txt", "root\n")
	s := serve(t, "--models-dir", dir, "--admin-keys", admins, "--as", "m3=multi-vector", "--alias", "short=org/b", "--alias", "gone=a", "--default", "short")
	all := map[string]bool{"tiny": true, "a": false, "broken": false, "m3": false, "org/b": false, "ranker": false}
	assert.Equal(t, all, s.models(t))
	assert.Contains(t, s.get(t, "/v1/models"), `"kind":"multi-vector"`)
	assert.Contains(t, s.get(t, "/api/tags"), `"name":"short"`)

	code, answer := s.ask(t, "/v1/embeddings", "", `{"input":"summer"}`)
	require.Equal(t, 200, code, answer)
	var got struct{ Data []row }
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	assert.Equal(t, library(t, "summer")[0].Float32, got.Data[0].Embedding, "the library's bits")
	all["org/b"] = true
	assert.Equal(t, all, s.models(t))
	code, answer = s.ask(t, "/v1/embeddings", "", `{"model":"ranker","input":"summer"}`)
	assert.Equal(t, 400, code)
	assert.Contains(t, answer, "model_kind_mismatch")
	for _, name := range []string{"ranker", "m3"} {
		code, answer = s.ask(t, "/v1/rerank", "", `{"model":"`+name+`","query":"summer","documents":["winter"]}`)
		assert.Equal(t, 200, code, answer)
		all[name] = true
	}
	assert.Equal(t, all, s.models(t))

	// A folder that is no good is an error of its requests, until it is.
	code, answer = s.ask(t, "/v1/embeddings", "", `{"model":"broken","input":"summer"}`)
	assert.Equal(t, 500, code)
	assert.Contains(t, answer, "model_load_error")
	assert.Contains(t, s.line(t, "model does not load"), "config.json: ")
	require.NoError(t, os.WriteFile(broken, good, 0o600))
	code, answer = s.ask(t, "/v1/embeddings", "", `{"model":"broken","input":"summer"}`)
	assert.Equal(t, 200, code, answer)

	// Who has an admin key may load and unload.
	code, answer = s.ask(t, "/v1/models/unload", "user", `{"model":"short"}`)
	assert.Equal(t, 401, code, answer)
	code, answer = s.ask(t, "/v1/models/unload", "root", `{"model":"short"}`)
	assert.Equal(t, 200, code, answer)
	code, answer = s.ask(t, "/v1/models/load", "root", `{"model":"a"}`)
	assert.Equal(t, 200, code, answer)
	models := s.models(t)
	assert.True(t, models["a"])
	assert.False(t, models["org/b"])

	// SIGHUP reads folders and keys again.
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "a")))
	put(t, dir, "new", tiny)
	require.NoError(t, os.WriteFile(admins, []byte("other\n"), 0o600))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	s.line(t, "models read again")
	code, answer = s.ask(t, "/v1/embeddings", "", `{"model":"a","input":"summer"}`)
	assert.Equal(t, 404, code, answer)
	code, answer = s.ask(t, "/v1/embeddings", "", `{"model":"new","input":"summer"}`)
	assert.Equal(t, 200, code, answer)
	code, answer = s.ask(t, "/v1/models/unload", "root", `{"model":"new"}`)
	assert.Equal(t, 401, code, answer)
	assert.Contains(t, s.get(t, "/api/tags"), `"name":"short"`)
	assert.NotContains(t, s.get(t, "/api/tags"), `"name":"gone"`)

	// A list that is no good changes nothing.
	put(t, dir, "tiny", tiny)
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	assert.Contains(t, s.line(t, "the models stay as they were"), "two models are called")
	assert.Contains(t, s.models(t), "new")
	s.end(t, syscall.SIGTERM)
}

// SIGHUP ends no service, whatever it has to read again.
func TestServeHangup(t *testing.T) {
	needSignals(t)
	s := serve(t)
	for range 3 {
		require.NoError(t, s.Process.Signal(syscall.SIGHUP))
		code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "")
		require.NoError(t, err)
		assert.Equal(t, 200, code)
	}
	code, answer := s.ask(t, "/v1/models/load", "", `{"model":"tiny"}`)
	assert.Equal(t, 403, code)
	assert.Contains(t, answer, "--admin-keys")
	s.end(t, syscall.SIGTERM)
}

func TestServeSetFlags(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "minilm", tiny)
	t.Setenv("RHUMB_MODEL", "")
	for args, want := range map[string]string{
		"--keep-alive soon --models-dir " + dir:               "--keep-alive soon: expected a time such as 5m, 0 or -1",
		"--memory 8 --models-dir " + dir:                      "--memory 8: expected a size such as 512MB or 4GiB",
		"--memory 0GiB --models-dir " + dir:                   "--memory 0GiB: must be 1 byte or more",
		"--models-dir nope":                                   "open nope: ",
		"--models-dir " + tiny:                                "--models-dir " + tiny + ": the folder of one model",
		"--models-dir " + dir + " --default nope":             "--default nope: no --model is called that",
		"--models-dir " + dir + " --as nope=rerank":           "--as nope=rerank: no --model is called nope",
		"--models-dir " + dir + " --model minilm=" + reranker: `two models are called "minilm"`,
		"--models-dir " + dir + " --admin-keys nope":          "open nope: ",
		"--models-dir " + dir + " --alias minilm=minilm":      `two models are called "minilm"`,
		"--keep-alive 1m":                                     "--keep-alive 1m: there is no --models-dir",
		"--memory 8GiB":                                       "--memory 8GiB: there is no --models-dir",
	} {
		code, _, stderr := rhumb(t, "", append([]string{"serve", "--addr", "127.0.0.1:0"}, strings.Fields(args)...)...)
		assert.NotZero(t, code, args)
		assert.Contains(t, stderr, want, args)
	}
	for text, want := range map[string]time.Duration{"0": 1, "0s": 1, "-1": -time.Second, "300": 300 * time.Second, "1h30m": 90 * time.Minute} {
		got, err := parseKeepAlive(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}

// 200 folders with memory for three of their models: random requests of many clients have
// the right answers, the memory is never beyond its bound, and nothing stays open.
func TestServeManyModels(t *testing.T) {
	needSignals(t)
	const folders, calls, clients = 200, 2000, 8
	families := []string{"bert", "distilbert", "mpnet", "roberta", "electra", "modernbert"}
	want := map[string][]float32{}
	var memory int64 // of the largest
	dir := t.TempDir()
	for i := range folders {
		family := families[i%len(families)]
		from := filepath.Join("../../testdata/goldens", family, "model")
		put(t, dir, fmt.Sprintf("%s-%d", family, i), from)
		if want[family] != nil {
			continue
		}
		m, err := embed.Load(t.Context(), from, embed.Config{})
		require.NoError(t, err)
		r, err := m.Embed(t.Context(), []string{"summer"}, embed.Options{})
		require.NoError(t, err)
		want[family] = r.Embeddings[0].Float32
		memory = max(memory, m.Info().MemoryBytes)
		require.NoError(t, m.Close())
	}
	memory *= 3
	s := serve(t, "--models-dir", dir, "--memory", fmt.Sprintf("%dB", memory), "--keep-alive", "-1", "--admin-keys", write(t, "admins.txt", "root\n"))
	opened := func() int {
		s.client.CloseIdleConnections()
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Process.Pid))
		if err != nil {
			return 0 // files are counted on Linux
		}
		return len(list)
	}
	call := func(name string) {
		code, answer := s.ask(t, "/v1/embeddings", "", `{"model":"`+name+`","input":"summer"}`)
		require.Equal(t, 200, code, answer)
		var got struct{ Data []row }
		require.NoError(t, json.Unmarshal([]byte(answer), &got))
		family, _, _ := strings.Cut(name, "-")
		require.Equal(t, want[family], got.Data[0].Embedding, name)
	}
	call("bert-0")
	code, _ := s.ask(t, "/v1/models/unload", "root", `{"model":"bert-0"}`)
	require.Equal(t, 200, code)
	before := opened()

	var group sync.WaitGroup
	for client := range uint64(clients) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(client, 0))
			for range calls / clients {
				i := r.IntN(folders)
				call(fmt.Sprintf("%s-%d", families[i%len(families)], i))
			}
		})
	}
	group.Wait()
	loaded := 0
	for name, is := range s.models(t) {
		if is && name != "tiny" {
			code, answer := s.ask(t, "/v1/models/unload", "root", `{"model":"`+name+`"}`)
			require.Equal(t, 200, code, answer)
			loaded++
		}
	}
	assert.GreaterOrEqual(t, loaded, 3)
	if runtime.GOOS == "linux" {
		require.NotZero(t, before)
	}
	assert.Eventually(t, func() bool { return opened() <= before }, 10*time.Second, 10*time.Millisecond, "open files, connections included: %d before", before)
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.Process.Pid))
	assert.NotContains(t, string(maps), dir, "mapped weights")
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))

	// The log has each model's memory from when it was taken to when it was given back.
	pattern := regexp.MustCompile(`msg="model (loaded|unloaded)" model=(\S+) .*memory_bytes=(\d+)`)
	has := map[string]int64{}
	loads := 0
	for line := range s.lines {
		m := pattern.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.ParseInt(m[3], 10, 64)
		require.NoError(t, err)
		if m[1] == "loaded" {
			loads++
			has[m[2]] = n
		} else {
			require.Equal(t, has[m[2]], n)
			delete(has, m[2])
		}
		sum := int64(0)
		for _, n := range has {
			sum += n
		}
		require.LessOrEqual(t, sum, memory)
	}
	assert.NoError(t, s.Wait(), "exit code 0")
	assert.Empty(t, has)
	assert.Greater(t, loads, calls/2)
}

// The log says which part of a model int8 does not hold well enough, when it is loaded.
func TestServeTellsFiner(t *testing.T) {
	needSignals(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "fine"), os.DirFS(tiny)))
	columns := `{"encoder.layer.0.intermediate.dense.weight": null, "encoder.layer.0.output.dense.weight": null}`
	require.NoError(t, os.CopyFS(filepath.Join(dir, "ranks"), os.DirFS("../../testdata/heads/rerank-bert/model")))
	for _, name := range []string{"fine", "ranks"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "outlier_columns.json"), []byte(columns), 0o600))
	}
	s := serve(t, "--precision", "int8", "--log-format", "json", "--models-dir", dir)
	_, _, err := s.post(`{"model":"fine","input":"a"}`, "")
	require.NoError(t, err)
	line := s.line(t, "linear layers are in bfloat16, which int8 does not hold well enough")
	assert.Contains(t, line, `"model":"fine","layers":2`)
	s.ask(t, "/v1/rerank", "", `{"model": "ranks", "query": "a", "documents": ["a"]}`)
	line = s.line(t, `"model":"ranks","layers":2`)
	assert.Contains(t, line, "linear layers are in bfloat16")
	s.end(t, syscall.SIGTERM)
}
