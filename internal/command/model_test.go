package command

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// An offer is a server that speaks the hub's protocol for one model, that of
// tiny, under an id. The environment leads the commands to it, and to a cache
// that is empty.
type offer struct {
	id       string
	files    fs.FS
	cache    string
	requests atomic.Int64
}

const (
	offered = "owner/tiny-Model.v1"
	commit  = "c0ffee12c0ffee12c0ffee12c0ffee12c0ffee12"
)

func newOffer(t *testing.T, id string) *offer {
	t.Helper()
	model, err := filepath.Abs(tiny) // tests may change the folder
	require.NoError(t, err)
	o := &offer{id: id, files: os.DirFS(model), cache: t.TempDir()}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_HUB_CACHE", o.cache)
	t.Setenv("HF_HUB_OFFLINE", "")
	t.Setenv("HF_TOKEN", "none") // a token of the user's is not for tests
	t.Setenv("RHUMB_MODEL", "")
	return o
}

func (o *offer) folder() string {
	return filepath.Join(o.cache, "models--"+strings.ReplaceAll(o.id, "/", "--"), "snapshots", commit)
}

func (o *offer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	if revision, ok := strings.CutPrefix(r.URL.Path, "/api/models/"+o.id+"/revision/"); ok && (revision == "main" || revision == "v1" || revision == commit) {
		siblings := []map[string]string{}
		_ = fs.WalkDir(o.files, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				siblings = append(siblings, map[string]string{"rfilename": name})
			}
			return err
		})
		_ = json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/"+o.id+"/resolve/"+commit+"/"); ok {
		data, err := fs.ReadFile(o.files, name)
		if err == nil {
			w.Header().Set("X-Repo-Commit", commit)
			w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(data), data)))))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
	}
	w.Header().Set("X-Error-Code", "RepoNotFound")
	if strings.HasPrefix(r.URL.Path, "/api/models/"+o.id+"/") {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
	}
	w.WriteHeader(http.StatusNotFound)
}

func TestPull(t *testing.T) {
	o := newOffer(t, offered)
	code, stdout, stderr := rhumb(t, "", "pull", offered)
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr, "no bar where there is no terminal")
	assert.Equal(t, o.folder()+"\n", stdout)
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "modules.json"} {
		want, err := os.ReadFile(filepath.Join(tiny, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(o.folder(), name))
		require.NoError(t, err)
		assert.Equal(t, want, got, name)
	}
	code, again, stderr := rhumb(t, "", "pull", "--revision", "v1", "--progress", "never", offered)
	require.Zero(t, code, stderr)
	assert.Equal(t, stdout, again)
	assert.FileExists(t, filepath.Join(o.cache, "models--owner--tiny-Model.v1", "refs", "v1"))
}

func TestPullBar(t *testing.T) {
	newOffer(t, offered)
	code, _, stderr := rhumb(t, "", "pull", "--progress", "always", offered)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `\d+ files, \d+\.\d of \d+\.\d MB`, stderr)
	assert.Contains(t, stderr, "%")
}

func TestHubID(t *testing.T) {
	o := newOffer(t, offered)
	want := library(t, "summer")[0].Float32

	code, stdout, stderr := rhumb(t, "", "embed", "--model", offered, "summer")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "not in the cache")
	assert.Contains(t, stderr, "run 'rhumb pull "+offered+"', or give --download")
	assert.Zero(t, o.requests.Load(), "nothing is asked without --download")

	code, stdout, stderr = rhumb(t, "", "embed", "--model", offered, "--download", "summer")
	require.Zero(t, code, stderr)
	assert.Equal(t, want, parseLines(t, stdout)[0].Embedding)

	before := o.requests.Load()
	for _, args := range [][]string{
		{"info", "--json", "--model", offered}, {"info", "--json", offered},
		{"embed", "--model", offered, "summer"}, {"tokenize", "--model", offered, "summer"},
		{"similarity", "--model", offered, "summer"}, {"bench", "--gemm", "--seconds", "0", "--model", offered},
	} {
		code, stdout, stderr = rhumb(t, "", args...)
		require.Zero(t, code, "%v: %s", args, stderr)
		switch args[0] {
		case "info":
			var info struct{ Name string }
			require.NoError(t, json.Unmarshal([]byte(stdout), &info))
			assert.Equal(t, offered, info.Name)
		case "embed":
			assert.Equal(t, want, parseLines(t, stdout)[0].Embedding)
		}
	}
	assert.Equal(t, before, o.requests.Load(), "what is in the cache needs no server")
}

func TestFolderBeforeID(t *testing.T) {
	o := newOffer(t, offered)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("owner", 0o777))
	require.NoError(t, os.CopyFS(filepath.FromSlash(offered), o.files))
	code, stdout, stderr := rhumb(t, "", "info", "--json", "--download", offered)
	require.Zero(t, code, stderr)
	var info struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	assert.Equal(t, "tiny-Model.v1", info.Name)
	assert.Zero(t, o.requests.Load())
}

func TestHubErrors(t *testing.T) {
	newOffer(t, offered)
	for _, test := range []struct {
		code          int
		args, message string
	}{
		{1, "pull owner/other", "owner/other: "},
		{1, "pull owner/other", "no such model"},
		{1, "pull --revision nope " + offered, "no such revision"},
		{1, "pull --revision ../main " + offered, "expected a branch, a tag or a commit"},
		{1, "pull a/b/c", "not the id of a model"},
		{1, "embed --download --model owner/other summer", "no such model"},
		{1, "embed --model a/b/c summer", "no such folder"},
		{1, "info owner/other", "run 'rhumb pull owner/other'"},
		{2, "pull", "0 arguments, expected ID"},
		{2, "pull a b", "2 arguments, expected ID"},
		{2, "pull --progress sometimes a", "there is auto, always, never"},
	} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(test.args)...)
		assert.Equal(t, test.code, code, test.args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	code, _, stderr := rhumb(t, "", "pull", offered)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "HF_HUB_OFFLINE")
	assert.NotContains(t, stderr, "--download")
}

func TestPullInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	newOffer(t, offered)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel() // while the hub has not answered yet
		<-r.Context().Done()
	}))
	defer server.Close()
	t.Setenv("HF_ENDPOINT", server.URL)
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"pull", offered}, strings.NewReader(""), &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout.String())
	assert.Equal(t, "rhumb: interrupted\n", stderr.String())
}

// The flag pools the body of a model without modules.json; info says which way.
func TestPooling(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join(tiny, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o666))
	}
	for asked, mode := range map[string]string{"": "mean", "cls": "cls", "last": "lasttoken", "lasttoken": "lasttoken"} {
		args := []string{"--model", folder}
		if asked != "" {
			args = append(args, "--pooling", asked)
		}
		m, err := embed.Load(t.Context(), folder, embed.Config{Pooling: mode})
		require.NoError(t, err)
		want, err := m.Embed(t.Context(), []string{"a deep river"}, embed.Options{})
		require.NoError(t, errors.Join(err, m.Close()))
		code, stdout, stderr := rhumb(t, "", append([]string{"embed", "a deep river"}, args...)...)
		require.Zero(t, code, stderr)
		assert.Equal(t, want.Embeddings[0].Float32, parseLines(t, stdout)[0].Embedding)
		code, stdout, stderr = rhumb(t, "", append([]string{"info"}, args...)...)
		require.Zero(t, code, stderr)
		assert.Regexp(t, `pooling +`+mode+"\n", stdout)
	}
	code, _, stderr := rhumb(t, "", "embed", "--model", folder, "--pooling", "first", "summer")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "there is mean, cls, last, lasttoken")
	code, _, stderr = rhumb(t, "", "embed", "--model", tiny, "--pooling", "cls", "summer")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "modules.json says how the model pools")
}

// The model inside the binary has the names that it has at the hub, where nothing else
// has them.
func TestBuiltinNames(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	want, _, _ := rhumb(t, "", "embed", "summer")
	require.Zero(t, want)
	_, vector, _ := rhumb(t, "", "embed", "summer")
	for _, name := range builtinAliases {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", name, "summer")
		require.Zero(t, code, stderr)
		assert.Equal(t, vector, stdout, name)
		code, _, stderr = rhumb(t, "", "rerank", "--model", name, "--query", "a", "b")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "rhumb embed serves it")
	}
	code, _, stderr := rhumb(t, "", "embed", "--model", "sentence-transformers/all-MiniLM-L12-v2", "summer")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "there is no such folder: run 'rhumb pull")
}
