package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// impatient makes all limits on time short.
func impatient(t testing.TB) {
	fast(t)
	oldSilence, oldPeriod := silence, period
	silence, period = 250*time.Millisecond, 400*time.Millisecond
	t.Cleanup(func() { silence, period = oldSilence, oldPeriod })
}

// incomplete returns the parts of files that are left in a cache, but for those of
// other weights, which may be under way when some fail.
func incomplete(t testing.TB, cache string, h *fakeHub) (names []string) {
	for _, name := range filesIn(t, cache) {
		others := func(file string) bool { return strings.Contains(name, lfsHash(h.files[file])) }
		if strings.HasSuffix(name, ".incomplete") && !others("model-2.safetensors") && !others("2_Dense/model.safetensors") {
			names = append(names, filepath.Base(name))
		}
	}
	return names
}

// Answers that do not end, in each way and at each step, are an error within the
// limits, and leave only what a later download can go on with.
func TestEndlessAnswers(t *testing.T) {
	withoutEnvironment(t)
	const weights = "/cdn/model-1.safetensors" // 120000 bytes
	stall := func(_ *fakeHub, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	begin := func(w http.ResponseWriter, n int, size string) {
		if size != "" {
			w.Header().Set("Content-Length", size)
		}
		_, _ = w.Write([]byte(strings.Repeat("first ", n/6+1)[:n]))
		w.(http.Flusher).Flush()
	}
	endless := func(_ *fakeHub, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			begin(w, 1<<16, "")
		}
	}
	for _, c := range []struct {
		name         string
		method, path string // of the requests at fault; "" = any method
		answer       func(h *fakeHub, w http.ResponseWriter, r *http.Request)
		want         string
		tries        int // of those requests
		left         int // parts of files
	}{
		{"no answer to the first request", "", "/revision/main", stall, "no answer for 250ms", tries, 0},
		{"no answer about a file", "HEAD", "/model-1.safetensors", stall, "no answer for 250ms", tries, 0},
		{"no answer for a file", "GET", weights, stall, "no answer for 250ms", tries, 0},
		{"a list that stops", "", "/revision/main", func(h *fakeHub, w http.ResponseWriter, r *http.Request) {
			begin(w, 10, "")
			stall(h, w, r)
		}, "no answer for 250ms", 1, 0},
		{"a list without end", "", "/revision/main", endless, "an answer of more than 16777216 bytes", 1, 0},
		{"a file that stops", "GET", weights, func(h *fakeHub, w http.ResponseWriter, r *http.Request) {
			begin(w, 5000, "120000")
			stall(h, w, r)
		}, "5000 of 120000 bytes: no answer for 250ms", tries, 1},
		{"a file that drips", "GET", weights, func(_ *fakeHub, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				begin(w, 1, "120000")
				time.Sleep(time.Millisecond)
			}
		}, "too slow: ", 1, 1},
		{"a byte a try", "GET", weights, func(_ *fakeHub, w http.ResponseWriter, r *http.Request) {
			from := 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			w.Header().Set("Content-Length", fmt.Sprint(120000-from))
			if from > 0 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-119999/120000", from))
				w.WriteHeader(http.StatusPartialContent)
			}
			begin(w, 1, "")
			panic(http.ErrAbortHandler)
		}, "6 of 120000 bytes: unexpected EOF", tries, 1},
		{"a file without end or length", "GET", weights, endless, "more bytes than the 120000 that it said", 1, 0},
		{"settings without end or length", "GET", "/tokenizer.json", endless, "more bytes than the 5 that it said", 1, 0},
		{"a file of no size", "HEAD", "/tokenizer.json", func(h *fakeHub, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Repo-Commit", h.commit)
			w.Header().Set("ETag", `"`+gitHash("")+`"`)
			w.(http.Flusher).Flush()
		}, "tokenizer.json: ", 1, 0},
		{"a list of modules that is too large", "HEAD", "/modules.json", func(h *fakeHub, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Repo-Commit", h.commit)
			w.Header().Set("ETag", `"`+gitHash("")+`"`)
			w.Header().Set("X-Linked-Size", "16777217")
		}, "modules.json: 16777217 bytes, expected at most 16777216", 1, 0},
		{"compressed", "GET", weights, func(_ *fakeHub, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			begin(w, 100, "")
		}, `Content-Encoding "gzip", expected none`, tries, 0},
		{"a redirect to itself", "GET", weights, func(_ *fakeHub, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, weights, http.StatusFound)
		}, "redirected more than 5 times", mostRedirects, 0},
		{"a redirect of HEAD to itself", "HEAD", "/model-1.safetensors", func(_ *fakeHub, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, "redirected more than 5 times", 1 + mostRedirects, 0},
		{"a redirect to a file", "GET", weights, func(_ *fakeHub, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, `redirected to "file:///etc/passwd", expected http or https`, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			impatient(t)
			h := newFakeHub(t, "owner/model", modelFiles())
			count := atomic.Int64{}
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if c.method != "" && r.Method != c.method || !strings.HasSuffix(r.URL.Path, c.path) {
					return false
				}
				count.Add(1)
				c.answer(h, w, r)
				return true
			}
			cache := t.TempDir()
			start := time.Now()
			_, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: cache, Endpoint: h.URL})
			require.ErrorContains(t, err, c.want)
			assert.Less(t, time.Since(start), 5*time.Second)
			assert.EqualValues(t, c.tries, count.Load())
			assert.Len(t, incomplete(t, cache, h), c.left)
			_, err = Resolve(context.Background(), "owner/model", Options{Cache: cache})
			require.ErrorIs(t, err, ErrNotCached)
		})
	}
}

// A server that lies about the part that it sends is asked for the whole.
func TestPartThatIsNotThatPart(t *testing.T) {
	withoutEnvironment(t)
	fast(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/cdn/model-1") || r.Header.Get("Range") == "" {
			return false
		}
		w.Header().Set("Content-Range", "bytes 0-5/9")
		w.WriteHeader(http.StatusPartialContent)
		return true
	}
	o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL}
	blobs := filepath.Join(o.Cache, "models--owner--model", "blobs")
	require.NoError(t, os.MkdirAll(blobs, 0o777))
	part := filepath.Join(blobs, lfsHash(h.files["model-1.safetensors"])+".incomplete")
	require.NoError(t, os.WriteFile(part, []byte("first "), 0o600))
	dir, err := Resolve(context.Background(), "owner/model", o)
	require.NoError(t, err)
	require.Equal(t, needed, filesIn(t, dir))
}

// A commit that was asked for is the one that comes.
func TestAnotherCommit(t *testing.T) {
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	asked := h.commit
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/revision/") {
			h.commit = strings.Repeat("0badc0de", 5)
			h.list(w)
			return true
		}
		return false
	}
	_, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL, Revision: asked})
	require.ErrorContains(t, err, "expected the commit of "+asked)
}

// The token goes along to the same scheme, host and port alone, and to none after a
// redirect to another.
func TestTokenStaysAtItsOrigin(t *testing.T) {
	for _, c := range []struct {
		chain []string
		keeps bool
	}{
		{[]string{"https://hub.co/a", "https://hub.co/b"}, true},
		{[]string{"https://hub.co/a", "https://HUB.co:443/b"}, true},
		{[]string{"http://hub.co:80/a", "http://hub.co/b"}, true},
		{[]string{"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/b"}, true},
		{[]string{"http://127.0.0.1:8080/a", "http://127.0.0.1:8081/b"}, false},
		{[]string{"https://hub.co/a", "https://hub.co:8443/b"}, false},
		{[]string{"https://hub.co/a", "http://hub.co/b"}, false},
		{[]string{"https://hub.co/a", "http://hub.co:443/b"}, false},
		{[]string{"http://hub.co/a", "https://hub.co/b"}, false},
		{[]string{"https://hub.co/a", "https://cdn.hub.co/b"}, false},
		{[]string{"https://hub.co/a", "https://hub.co.evil.org/b"}, false},
		{[]string{"https://hub.co/a", "https://evil.org/b", "https://hub.co/c"}, false},
	} {
		var via []*http.Request
		for _, u := range c.chain {
			r := httptest.NewRequest(http.MethodGet, u, nil)
			r.Header.Set("Authorization", "Bearer hf_secret")
			via = append(via, r)
		}
		last := via[len(via)-1]
		require.NoError(t, redirects(http.MethodGet, nil)(last, via[:len(via)-1]))
		assert.Equal(t, c.keeps, last.Header.Get("Authorization") != "", "%q", c.chain)
	}
}

// The same by what servers get: those at another port and behind another scheme, and
// through a client of the caller's own.
func TestTokenOnTheWire(t *testing.T) {
	withoutEnvironment(t)
	for _, secure := range []bool{false, true} {
		files := modelFiles()
		h := newFakeHub(t, "owner/model", files)
		var mu sync.Mutex
		tokens := map[string]bool{}
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			tokens[r.Header.Get("Authorization")] = true
			mu.Unlock()
			h.content(w, r, files[strings.TrimPrefix(r.URL.Path, "/")])
		}))
		defer other.Close()
		h.token = "hf_secret"
		h.before = func(w http.ResponseWriter, r *http.Request) bool {
			name, ok := strings.CutPrefix(r.URL.Path, "/owner/model/resolve/"+h.commit+"/")
			if ok && r.Method == http.MethodGet {
				http.Redirect(w, r, other.URL+"/"+name, http.StatusFound)
			}
			return ok && r.Method == http.MethodGet
		}
		o := Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL, Token: h.token}
		if secure {
			tls := httptest.NewTLSServer(h)
			defer tls.Close()
			o.Endpoint, o.Client = tls.URL, tls.Client()
		}
		dir, err := Resolve(context.Background(), "owner/model", o)
		require.NoError(t, err)
		require.Equal(t, needed, filesIn(t, dir))
		require.Equal(t, map[string]bool{"": true}, tokens)
	}
}
