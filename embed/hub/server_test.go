package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A fakeHub is a server that speaks the hub's protocol for one model: files over
// large bytes lie behind a redirect to a CDN path, as those in LFS do.
type fakeHub struct {
	*httptest.Server
	id     string
	commit string
	files  map[string]string
	token  string // that requests must have, if not empty

	mu       sync.Mutex
	requests []string // method and path of each, with the range
	// before may answer a request itself, and then returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
}

const large = 1000

func newFakeHub(t testing.TB, id string, files map[string]string) *fakeHub {
	h := &fakeHub{id: id, commit: strings.Repeat("c0ffee12", 5), files: files}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *fakeHub) count(part string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.requests {
		if strings.Contains(r, part) {
			n++
		}
	}
	return n
}

func gitHash(content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

func lfsHash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.requests = append(h.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	before := h.before
	h.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	cdn, isCDN := strings.CutPrefix(r.URL.Path, "/cdn/")
	if h.token != "" && !isCDN && r.Header.Get("Authorization") != "Bearer "+h.token {
		w.Header().Set("X-Error-Code", "GatedRepo")
		w.WriteHeader(http.StatusForbidden)
		return
	}
	switch {
	case isCDN:
		h.content(w, r, h.files[cdn])
	case r.URL.Path == "/api/models/"+h.id+"/revision/main" || r.URL.Path == "/api/models/"+h.id+"/revision/"+h.commit:
		h.list(w)
	case r.URL.Path == "/api/models/"+h.id+"/tree/"+h.commit:
		h.tree(w)
	case strings.HasPrefix(r.URL.Path, "/api/models/"):
		w.Header().Set("X-Error-Code", map[bool]string{true: "RevisionNotFound", false: "RepoNotFound"}[strings.HasPrefix(r.URL.Path, "/api/models/"+h.id+"/")])
		w.WriteHeader(http.StatusNotFound)
	default:
		h.resolve(w, r)
	}
}

func (h *fakeHub) list(w http.ResponseWriter) {
	info := map[string]any{"id": h.id, "modelId": h.id, "sha": h.commit, "private": false, "tags": []string{}, "downloads": 0, "likes": 0}
	siblings := []map[string]string{}
	for name := range h.files {
		siblings = append(siblings, map[string]string{"rfilename": name})
	}
	info["siblings"] = siblings
	_ = json.NewEncoder(w).Encode(info)
}

func (h *fakeHub) tree(w http.ResponseWriter) {
	tree := []map[string]any{}
	for name, content := range h.files {
		entry := map[string]any{"type": "file", "path": name, "size": len(content), "oid": gitHash(content)}
		if len(content) > large {
			entry["lfs"] = map[string]any{"oid": lfsHash(content), "size": len(content), "pointerSize": 130}
		}
		tree = append(tree, entry)
	}
	_ = json.NewEncoder(w).Encode(tree)
}

func (h *fakeHub) resolve(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/"+h.id+"/resolve/"+h.commit+"/")
	if !ok {
		name, ok = strings.CutPrefix(r.URL.Path, "/"+h.id+"/resolve/main/")
	}
	content, known := h.files[name]
	w.Header().Set("X-Repo-Commit", h.commit)
	if !ok || !known {
		w.Header().Set("X-Error-Code", "EntryNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if len(content) > large {
		w.Header().Set("X-Linked-Etag", `"`+lfsHash(content)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("Location", strings.Replace(h.URL, "127.0.0.1", "localhost", 1)+"/cdn/"+name)
		w.WriteHeader(http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+gitHash(content)+`"`)
	h.content(w, r, content)
}

func (h *fakeHub) content(w http.ResponseWriter, r *http.Request, content string) {
	http.ServeContent(w, r, "", timeZero, strings.NewReader(content))
}
