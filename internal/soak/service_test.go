//go:build linux

package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const adminKey = "an admin's key of some length"

// A service is rhumb serve in a process of its own.
type service struct {
	url     string
	client  *http.Client
	bodies  map[string][]string // requests of each path, by what /openapi.json shows
	loading []string            // models that come and go
}

// start starts a service with a model of each kind, all but two of which come and go, and
// returns what ends it.
func start(t *testing.T) (s *service, end func()) {
	t.Helper()
	dir := t.TempDir()
	s = &service{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	for name, from := range map[string]string{
		"splade": heads + "/sparse-bert-max", "ranker": heads + "/rerank-bert", "nli": heads + "/classify-bert-nli", "colbert": heads + "/mv-bert",
		"org/roberta": goldens + "/roberta", "qwen3": goldens + "/qwen3",
	} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(from, "model"))))
		s.loading = append(s.loading, name)
	}
	slices.Sort(s.loading)
	admins := filepath.Join(t.TempDir(), "admins.txt")
	require.NoError(t, os.WriteFile(admins, []byte(adminKey+"\n"), 0o600))
	cmd := exec.Command(os.Args[0], "serve", "--addr", "127.0.0.1:0", "--drain-delay", "0",
		"--model", "tiny="+goldens+"/bert/model", "--model", "cross="+heads+"/rerank-bert/model", "--default", "tiny",
		"--models-dir", dir, "--keep-alive", "1s", "--memory", "2MB", "--admin-keys", admins, "--max-items", "64", "--queue-tokens", "4000")
	cmd.Env = append(os.Environ(), child+"=1")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	said := ""
	for s.url == "" && lines.Scan() {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "ready") {
			s.url = regexp.MustCompile(`http://[^ "]+`).FindString(lines.Text())
		}
	}
	require.NotEmpty(t, s.url, said)
	var drained sync.WaitGroup
	var faults []string
	drained.Go(func() {
		for lines.Scan() {
			if line := lines.Text(); strings.Contains(line, "panic") || strings.Contains(line, "level=ERROR") {
				faults = append(faults, line)
			}
		}
	})
	s.readBodies(t)
	return s, func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		drained.Wait()
		assert.NoError(t, cmd.Wait(), "exit code 0")
		assert.Empty(t, faults)
	}
}

// readBodies makes requests of the examples of each path, for models that are served.
func (s *service) readBodies(t *testing.T) {
	code, text := s.send(t.Context(), "GET", "/openapi.json", "")
	require.Equal(t, 200, code)
	var api struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Example map[string]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &api))
	s.bodies = map[string][]string{}
	for path, methods := range api.Paths {
		example := methods["post"].RequestBody.Content["application/json"].Example
		if example == nil || strings.HasPrefix(path, "/v1/models/") { // which ask has of its own
			continue
		}
		names := []string{"tiny", "org/roberta", "qwen3"}
		switch {
		case strings.Contains(path, "rerank"):
			names = []string{"cross", "ranker", "colbert"}
		case strings.Contains(path, "sparse"):
			names = []string{"splade"}
		case strings.Contains(path, "predict"):
			names = []string{"nli"}
		}
		for _, name := range names {
			if example["model"] != nil {
				example["model"] = name
			}
			body, err := json.Marshal(example)
			require.NoError(t, err)
			at := strings.ReplaceAll(path, "{model}", strings.ReplaceAll(name, "/", "%2F"))
			s.bodies[at] = append(s.bodies[at], string(body))
		}
	}
	require.Greater(t, len(s.bodies), 15, "paths of all dialects")
}

// send returns the status and the body of an answer; 0 where there is none.
func (s *service) send(ctx context.Context, method, path, body string) (int, string) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(answer)
}

// ask sends one request of any kind, and returns its kind, the status and the answer.
func (s *service) ask(rng *rand.Rand, paths []string) (kind string, code int, answer string) {
	ctx := context.Background()
	path := paths[rng.IntN(len(paths))]
	body := s.bodies[path][rng.IntN(len(s.bodies[path]))]
	switch kind := rng.IntN(20); {
	case kind < 9:
		code, answer = s.send(ctx, "POST", path, body)
		return "dialects", code, answer
	case kind < 12: // a body that is cut, or has other bytes in it
		b := []byte(body[:rng.IntN(len(body))])
		for range rng.IntN(4) {
			if len(b) > 0 {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
		}
		code, answer = s.send(ctx, "POST", path, string(b))
		return "bad bodies", code, answer
	case kind < 15:
		ctx, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(8000))*time.Microsecond)
		defer cancel()
		code, answer = s.send(ctx, "POST", path, body)
		if code == 0 {
			code = 499
		}
		return "canceled", code, answer
	case kind < 16:
		list, _ := json.Marshal(texts(rng.IntN(1000), 1+rng.IntN(64)))
		code, answer = s.send(ctx, "POST", "/v1/embeddings", `{"model":"tiny","input":`+string(list)+`}`)
		return "many texts", code, answer
	case kind < 18:
		name := s.loading[rng.IntN(len(s.loading))]
		code, answer = s.send(ctx, "POST", "/v1/models/"+[]string{"load", "unload"}[rng.IntN(2)], `{"model":"`+name+`"}`)
		return "models", code, answer
	}
	code, answer = s.send(ctx, "GET", []string{"/", "/health", "/ready", "/v1/models", "/api/tags", "/openapi.json", "/metrics", "/nowhere"}[rng.IntN(8)], "")
	return "reading", code, answer
}

// sample takes one of what the service says of itself.
func (s *service) sample() (values [len(quantities)]float64) {
	_, text := s.send(context.Background(), "GET", "/metrics", "")
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "process_resident_memory_bytes":
			values[0] = v / 1e6
		case "go_memstats_heap_alloc_bytes":
			values[1] = v / 1e6
		case "go_goroutines":
			values[2] = v
		case "process_open_fds":
			values[3] = v
		}
	}
	return values
}

// Requests of all dialects, cut and canceled ones among them, while models come and go: the
// service answers none with a fault of its own, stays as large as it is, and when all is over
// has no more goroutines and files than before.
func TestService(t *testing.T) {
	d, long := lasts(t)
	s, end := start(t)
	paths := slices.Sorted(maps.Keys(s.bodies))
	idle := s.sample()
	require.Positive(t, idle[0]*idle[1]*idle[2]*idle[3], "%v", idle)
	w := newWatch("service", d, s.sample)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	seen := map[string]int{}
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			for rng := rand.New(rand.NewPCG(3, uint64(i))); ctx.Err() == nil; {
				kind, code, answer := s.ask(rng, paths)
				mu.Lock()
				seen[fmt.Sprint(kind, " ", code)]++
				mu.Unlock()
				if code < 200 || code >= 500 && code != 503 && code != 507 {
					t.Errorf("%s: %d %s", kind, code, answer)
					return
				}
			}
		})
	}
	w.until(ctx)
	clients.Wait()
	t.Log(seen)
	assert.Greater(t, seen["dialects 200"], seen["dialects 400"]+seen["dialects 422"]+seen["dialects 503"], "the examples are good requests")
	s.client.CloseIdleConnections()
	var after [len(quantities)]float64
	assert.Eventually(t, func() bool {
		after = s.sample()
		return after[2] <= idle[2]+2 && after[3] <= idle[3]+2
	}, 30*time.Second, 200*time.Millisecond, "goroutines and open files, before and %v after", idle)
	t.Log(idle, after)
	end()
	w.flat(t, long)
}
