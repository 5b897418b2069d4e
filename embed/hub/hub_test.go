package hub

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var timeZero time.Time

// modelFiles are the files of a repository, some of which no embedding needs.
func modelFiles() map[string]string {
	return map[string]string{
		"config.json":                       `{"model_type": "bert"}`,
		"modules.json":                      `[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]`,
		"tokenizer.json":                    "{   }",
		"1_Pooling/config.json":             "{ }",
		"2_Dense/config.json":               "{  }",
		"2_Dense/model.safetensors":         strings.Repeat("dense", 300),
		"2_Dense/pytorch_model.bin":         strings.Repeat("old", 600),
		"model.safetensors.index.json":      `{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}`,
		"model-1.safetensors":               strings.Repeat("first ", 20000),
		"model-2.safetensors":               strings.Repeat("second", 30000),
		"pytorch_model.bin":                 strings.Repeat("bin", 1000),
		"onnx/model.onnx":                   strings.Repeat("onnx", 1000),
		"README.md":                         "# model",
		"3_Unused/model.safetensors":        strings.Repeat("unused", 1000),
		"config_sentence_transformers.json": "{}",
	}
}

var needed = []string{
	"1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors", "config.json", "config_sentence_transformers.json",
	"model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json", "modules.json", "tokenizer.json",
}

// withoutEnvironment hides the settings of whoever runs the tests.
func withoutEnvironment(t testing.TB) {
	for _, name := range []string{"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HF_TOKEN_PATH", filepath.Join(t.TempDir(), "none"))
}

// filesIn returns the paths in dir of all files.
func filesIn(t testing.TB, dir string) (names []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

// A download that waits for another process's ends with its context.
func TestLock(t *testing.T) {
	c := cache{root: t.TempDir(), name: "models--owner--model"}
	unlock, err := c.lock(t.Context(), "etag")
	require.NoError(t, err)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = c.lock(ended, "etag")
	require.ErrorIs(t, err, context.Canceled)
	unlock()
	unlock, err = c.lock(ended, "etag")
	require.NoError(t, err)
	unlock()
}

func TestPull(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL + "/"}
	var mu sync.Mutex
	progress := map[string][2]int64{}
	o.Progress = func(file string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		assert.GreaterOrEqual(t, done, progress[file][0])
		progress[file] = [2]int64{done, total}
	}
	dir, err := Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(o.Cache, "models--owner--model", "snapshots", h.commit), dir)
	require.Equal(t, needed, filesIn(t, dir))
	for _, name := range needed {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, h.files[name], string(data), name)
		size := int64(len(data))
		require.Equal(t, [2]int64{size, size}, progress[name], name)
		link, err := os.Readlink(filepath.Join(dir, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Regexp(t, `^(\.\./)+blobs/[0-9a-f]{40,64}$`, filepath.ToSlash(link))
	}
	ref, err := os.ReadFile(filepath.Join(o.Cache, "models--owner--model", "refs", "main"))
	require.NoError(t, err)
	require.Equal(t, h.commit, string(ref))

	// Again: one request, for the commit of main.
	before := len(h.requests)
	again, err := Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	require.Equal(t, dir, again)
	require.Len(t, h.requests, before+1)

	// Without the hub.
	h.Close()
	for _, revision := range []string{"", "main", h.commit} {
		again, err := Resolve(context.Background(), "owner/model", Options{Cache: o.Cache, Revision: revision})
		require.NoError(t, err)
		require.Equal(t, dir, again)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	again, err = Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	require.Equal(t, dir, again)
}

func TestNothingIsDownloadedUnasked(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	t.Setenv("HF_ENDPOINT", h.URL)
	o := Options{Cache: t.TempDir()}
	_, err := Resolve(context.Background(), "owner/model", o)
	require.ErrorIs(t, err, ErrNotCached)
	require.ErrorContains(t, err, "owner/model: revision main: not in the cache ("+o.Cache+")")
	o.Download = true
	t.Setenv("HF_HUB_OFFLINE", "true")
	_, err = Resolve(context.Background(), "owner/model", o)
	require.ErrorIs(t, err, ErrNotCached)
	require.ErrorContains(t, err, "HF_HUB_OFFLINE is set")
	require.Empty(t, h.requests)
	require.Empty(t, filesIn(t, o.Cache))
}

func TestPlacesOfTheEnvironment(t *testing.T) {
	withoutEnvironment(t)
	user := t.TempDir()
	t.Setenv("HOME", user)
	t.Setenv("USERPROFILE", user)
	for _, c := range []struct{ name, value, want string }{
		{"HF_HOME", "", filepath.Join(user, ".cache", "huggingface", "hub")},
		{"XDG_CACHE_HOME", "/x", filepath.FromSlash("/x/huggingface/hub")},
		{"HF_HOME", "/y", filepath.FromSlash("/y/hub")},
		{"HF_HOME", "~/y", filepath.Join(user, "y", "hub")},
		{"HF_HUB_CACHE", "/z", filepath.FromSlash("/z")},
	} {
		t.Setenv(c.name, c.value)
		got, err := defaultCache()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	require.Empty(t, defaultToken())
	token := filepath.Join(user, "token")
	require.NoError(t, os.WriteFile(token, []byte("hf_file\n"), 0o600))
	t.Setenv("HF_TOKEN_PATH", token)
	require.Equal(t, "hf_file", defaultToken())
	t.Setenv("HF_TOKEN", " hf_env ")
	require.Equal(t, "hf_env", defaultToken())
}

func TestToken(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "gated", modelFiles())
	h.token = "hf_secret"
	seen := atomic.Bool{}
	h.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/cdn/") && r.Header.Get("Authorization") != "" {
			seen.Store(true)
		}
		return false
	}
	o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
	_, err := Resolve(context.Background(), "gated", o)
	require.ErrorContains(t, err, "gated: ")
	require.ErrorContains(t, err, "403: access to the model must be granted")
	o.Token = "hf_secret"
	_, err = Resolve(context.Background(), "gated", o)
	require.NoError(t, err)
	require.False(t, seen.Load(), "the token went to another host")
}

func TestErrorsOfTheHub(t *testing.T) {
	withoutEnvironment(t)
	for _, c := range []struct {
		name, id string
		change   func(h *fakeHub, o *Options)
		want     []string
	}{
		{"no such model", "owner/other", nil, []string{"owner/other: ", "404", "no such model"}},
		{"no such revision", "owner/model", func(_ *fakeHub, o *Options) { o.Revision = "v9" }, []string{"404: no such revision"}},
		{"no weights", "owner/model", func(h *fakeHub, _ *Options) {
			delete(h.files, "model.safetensors.index.json")
			delete(h.files, "pytorch_model.bin")
			delete(h.files, "2_Dense/model.safetensors")
			delete(h.files, "2_Dense/pytorch_model.bin")
		}, []string{"no weights, expected model.safetensors"}},
		{"no model", "owner/model", func(h *fakeHub, _ *Options) { h.files = map[string]string{"README.md": ""} }, []string{"no config.json"}},
		{"a shard that is missing", "owner/model", func(h *fakeHub, _ *Options) { delete(h.files, "model-2.safetensors") },
			[]string{"model.safetensors.index.json: shard model-2.safetensors, which the repository lacks"}},
		{"a shard elsewhere", "owner/model", func(h *fakeHub, _ *Options) {
			h.files["model.safetensors.index.json"] = `{"weight_map": {"a": "../../../etc/passwd"}}`
		}, []string{"model.safetensors.index.json: shard \"../../../etc/passwd\", expected a file beside it"}},
		{"a module elsewhere", "owner/model", func(h *fakeHub, _ *Options) { h.files["modules.json"] = `[{"path": "../../x"}]` },
			[]string{"modules.json: file name \"../../x\", expected a path within the repository"}},
		{"modules.json is no list", "owner/model", func(h *fakeHub, _ *Options) { h.files["modules.json"] = `{}` }, []string{"modules.json: "}},
		{"a wrong hash", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.URL.Path, "/cdn/model-1") {
					return false
				}
				h.content(w, r, strings.Repeat("other ", 20000))
				return true
			}
		}, []string{"model-1.safetensors: ", "the content does not have the hub's hash"}},
		{"more bytes than said", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.URL.Path, "/cdn/model-1") {
					return false
				}
				h.content(w, r, strings.Repeat("first ", 20001))
				return true
			}
		}, []string{"model-1.safetensors: ", "more bytes than the 120000 that it said"}},
		{"an absurd size", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/tokenizer.json") {
					return false
				}
				w.Header().Set("X-Repo-Commit", h.commit)
				w.Header().Set("X-Linked-Etag", lfsHash("x"))
				w.Header().Set("X-Linked-Size", "99999999999")
				return true
			}
		}, []string{"tokenizer.json: 99999999999 bytes, expected at most"}},
		{"an ETag that is a path", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead {
					return false
				}
				w.Header().Set("X-Repo-Commit", h.commit)
				w.Header().Set("ETag", `"../../../x"`)
				return true
			}
		}, []string{`ETag "../../../x", expected a SHA-1 or a SHA-256`}},
		{"another commit", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead {
					w.Header().Set("X-Repo-Commit", "main")
				}
				return r.Method == http.MethodHead
			}
		}, []string{`X-Repo-Commit "main", expected c0ffee`}},
		{"no JSON", "owner/model", func(h *fakeHub, _ *Options) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = w.Write([]byte("<html>"))
				return true
			}
		}, []string{"/api/models/owner/model/revision/main: invalid character"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fast(t)
			h := newFakeHub(t, "owner/model", modelFiles())
			o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
			if c.change != nil {
				c.change(h, &o)
			}
			_, err := Resolve(context.Background(), c.id, o)
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			_, err = Resolve(context.Background(), c.id, Options{Cache: o.Cache, Revision: o.Revision})
			require.ErrorIs(t, err, ErrNotCached, "a half model passes for a whole one")
		})
	}
}

func TestIDsAndRevisionsThatAreNone(t *testing.T) {
	for _, id := range []string{"", "/", "a/b/c", "../x", "a/../b", "a b", "a/b.git", "-a", "a--b", ".", "..", "a/", "/a", "a\\b", strings.Repeat("a", 97)} {
		_, err := Resolve(context.Background(), id, Options{Cache: t.TempDir()})
		require.ErrorContains(t, err, "not the id of a model", id)
		require.False(t, IsID(id))
	}
	for _, id := range []string{"BAAI/bge-small-en-v1.5", "gpt2", "sentence-transformers/all-MiniLM-L6-v2", "a/_b", "0x/y_"} {
		require.True(t, IsID(id), id)
	}
	for _, revision := range []string{"../main", "/etc/passwd", "a/../b", "a b", ".x", "a\x00"} {
		_, err := Resolve(context.Background(), "a/b", Options{Cache: t.TempDir(), Revision: revision})
		require.ErrorContains(t, err, "revision", revision)
	}
}

// fast makes retries wait next to nothing.
func fast(t testing.TB) {
	old := backOff
	backOff = time.Millisecond
	t.Cleanup(func() { backOff = old })
}

// Answers that pass, and connections that break, cost time and nothing else.
func TestTroubleOnTheWay(t *testing.T) {
	withoutEnvironment(t)
	fast(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	var tries sync.Map
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if name, ok := strings.CutPrefix(r.URL.Path, "/cdn/"); ok && r.Header.Get("Range") == "" {
			// Half an answer, then the connection breaks.
			w.Header().Set("Content-Length", fmt.Sprint(len(h.files[name])))
			_, _ = w.Write([]byte(h.files[name][:len(h.files[name])/2]))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		n, _ := tries.LoadOrStore(r.Method+r.URL.Path, new(atomic.Int64))
		switch n.(*atomic.Int64).Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	}
	dir, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL})
	require.NoError(t, err)
	require.Equal(t, needed, filesIn(t, dir))
	for _, name := range needed {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, h.files[name], string(data), name)
	}
	require.Positive(t, h.count("bytes="), "no download went on in the middle")
}

func TestGivesUp(t *testing.T) {
	withoutEnvironment(t)
	fast(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	_, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL})
	require.ErrorContains(t, err, "502: Bad Gateway")
	require.Equal(t, tries, h.count(""))
	h.Close()
	_, err = Resolve(context.Background(), "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL})
	require.Error(t, err)
}

func TestCanceled(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	ctx, cancel := context.WithCancel(context.Background())
	h.before = func(http.ResponseWriter, *http.Request) bool {
		cancel()
		return false
	}
	_, err := Resolve(ctx, "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL})
	require.ErrorIs(t, err, context.Canceled)
}

// What an earlier process left behind is gone on with; what is wrong in it is
// noticed.
func TestGoesOnAfterAnEarlierProcess(t *testing.T) {
	withoutEnvironment(t)
	for _, c := range []struct {
		name, left string
		ranges     int
	}{
		{"a part", strings.Repeat("first ", 5000), 1},
		{"the whole", strings.Repeat("first ", 20000), 0},
		{"too much", strings.Repeat("first ", 20001), 0},
		{"a part of something else", "other", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newFakeHub(t, "owner/model", modelFiles())
			o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
			blobs := filepath.Join(o.Cache, "models--owner--model", "blobs")
			require.NoError(t, os.MkdirAll(blobs, 0o777))
			require.NoError(t, os.WriteFile(filepath.Join(blobs, lfsHash(h.files["model-1.safetensors"])+".incomplete"), []byte(c.left), 0o666))
			dir, err := Resolve(context.Background(), "owner/model", o)
			require.NoError(t, err)
			data, err := os.ReadFile(filepath.Join(dir, "model-1.safetensors"))
			require.NoError(t, err)
			require.Equal(t, h.files["model-1.safetensors"], string(data))
			require.Equal(t, c.ranges, h.count(fmt.Sprintf("/cdn/model-1.safetensors bytes=%d-", len(c.left))))
		})
	}
}

// Several that pull the same model at once download each file once.
func TestOneDownloadForSeveral(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			dir, err := Resolve(context.Background(), "owner/model", o)
			assert.NoError(t, err)
			assert.Equal(t, needed, filesIn(t, dir))
		})
	}
	wait.Wait()
	require.Equal(t, 1, h.count("GET /cdn/model-1.safetensors"))
	require.Equal(t, 1, h.count("GET /cdn/model-2.safetensors"))
}

// What is no path within the repository, or is no file of a model, is not in the
// selection; what tells that a folder cannot be read is.
func TestSelection(t *testing.T) {
	all := map[string]bool{}
	for _, name := range []string{
		"config.json", "vocab.txt", "merges.txt", "tekken.json", "chat_template.jinja", "additional_chat_templates/a.jinja", "other.jinja",
		"adapter_model.bin", "README.md", "model.safetensors", "flax_model.msgpack", "2_Dense/config.json",
	} {
		all[name] = true
	}
	s := &selection{all: all}
	files, err := s.settings()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"config.json", "vocab.txt", "merges.txt", "tekken.json", "chat_template.jinja", "additional_chat_templates/a.jinja",
	}, files)
	require.Equal(t, []string{"model.safetensors"}, s.weights(), "no adapter_config.json")
	all["tokenizer.json"], all["adapter_config.json"] = true, true
	files, err = s.settings()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"config.json", "tokenizer.json", "adapter_config.json", "chat_template.jinja", "additional_chat_templates/a.jinja",
	}, files)
	require.Equal(t, []string{"model.safetensors", "adapter_model.bin"}, s.weights())
	for _, name := range []string{
		"../a", "/a", "a/../b", "./a", "a//b", "a/", `a\b`, "C:a", "a\x00", "a\x1b[2J", "", "a*", strings.Repeat("a", 2000),
	} {
		require.Error(t, checkFile(name), "%q", name)
	}
	for _, name := range []string{"a", "1_Pooling/config.json", "a b", "ä.bin", "a.b.c"} {
		require.NoError(t, checkFile(name), name)
	}
	require.ErrorContains(t, checkDistinct([]string{"a/b", "a/c", "A/B"}), "files a/b and A/B")
	require.NoError(t, checkDistinct([]string{"a/b", "a/c", "a/b"}))
}

// A new commit leaves what did not change where it is.
func TestNewCommit(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
	old, err := Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	h.commit = strings.Repeat("0badc0de", 5)
	h.files["config.json"] = `{"model_type": "roberta"}`
	dir, err := Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	require.NotEqual(t, old, dir)
	require.Equal(t, needed, filesIn(t, dir))
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	require.Equal(t, h.files["config.json"], string(data))
	require.Equal(t, 1, h.count("GET /cdn/model-1.safetensors"))
	cached, err := Resolve(context.Background(), "owner/model", Options{Cache: o.Cache})
	require.NoError(t, err)
	require.Equal(t, dir, cached)
}
