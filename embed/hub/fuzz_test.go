package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A scripted hub answers without a network: it is the transport of a client.
type scripted struct {
	listing, content []byte
	header           http.Header
	status           int
}

// RoundTrip answers a request for the list, about a file, or for one.
func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	res := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Request: r, ContentLength: -1}
	body := s.listing
	if strings.Contains(r.URL.Path, "/resolve/") || !strings.Contains(r.URL.Path, "/api/") {
		body, res.StatusCode, res.Header = s.content, s.status, s.header.Clone()
		res.ContentLength = int64(len(body))
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// Whatever the hub answers, Resolve returns, and writes into its cache alone; a folder
// that it returns has no more files than the hub listed.
func FuzzAnswers(f *testing.F) {
	commit := strings.Repeat("c0ffee12", 5)
	list := func(names ...string) []byte {
		siblings := []map[string]string{}
		for _, name := range names {
			siblings = append(siblings, map[string]string{"rfilename": name})
		}
		data, err := json.Marshal(map[string]any{"sha": commit, "siblings": siblings})
		if err != nil {
			panic(err)
		}
		return data
	}
	add := func(listing []byte, content, etag, size, rangeOf, location string, status uint16) {
		f.Add(listing, []byte(content), commit, etag, size, rangeOf, location, status)
	}
	modules := `[{"path": "", "type": "a.Transformer"}, {"path": "1_Router", "type": "Router"}, {"path": "../x"}]`
	all := list("modules.json", "config.json", "adapter_config.json", "model.safetensors.index.json", "1_Router/router_config.json", "../../x", "model.safetensors")
	for _, content := range []string{
		modules, `{}`, `{"structure": {"query": ["a", "../../b"]}}`, `{"base_model_name_or_path": "1_Router"}`,
		`{"weight_map": {"a": "model.safetensors", "b": "../x"}}`, "", "null", `[{"path": 1}]`, "\xff",
	} {
		add(all, content, gitHash(content), "", "", "", 200)
		add(list("config.json", "model.safetensors"), content, lfsHash(content), "", "", "", 200)
	}
	add(all, "x", gitHash("y"), "1", "", "", 206)
	add(all, "x", `"../../x"`, "-1", "bytes 0-0/1", "", 206)
	add(all, "x", gitHash("x"), "99999999999999999999", "bytes 5-", "http://other/", 302)
	add(all, "x", gitHash("x"), "1", "", "file:///etc/passwd", 307)
	add(all, "x", "W/\""+gitHash("x")+"\"", "1", "", "/a", 308)
	add([]byte(`{"sha": "main", "siblings": null}`), "x", gitHash("x"), "", "", "", 404)
	add(bytes.Repeat([]byte("["), 20000), "x", gitHash("x"), "", "", "", 503)

	old := backOff
	backOff = time.Microsecond
	f.Cleanup(func() { backOff = old })
	f.Fuzz(func(t *testing.T, listing, content []byte, repoCommit, etag, size, contentRange, location string, status uint16) {
		header := http.Header{}
		for key, value := range map[string]string{
			"X-Repo-Commit": repoCommit, "Etag": etag, "X-Linked-Size": size, "Content-Range": contentRange, "Location": location,
		} {
			if value != "" {
				header.Set(key, value)
			}
		}
		root := t.TempDir()
		cache := filepath.Join(root, "cache")
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		dir, err := Resolve(ctx, "owner/model", Options{
			Download: true, Cache: cache, Endpoint: "http://hub", Token: "hf_secret",
			Client: &http.Client{Transport: &scripted{listing, content, header, 100 + int(status)%500}},
		})
		if ctx.Err() != nil {
			t.Fatalf("not over after 5 seconds: %v", err)
		}
		entries, readErr := os.ReadDir(root)
		if readErr != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != "cache" {
			t.Fatalf("wrote beside the cache: %v %v", entries, readErr)
		}
		if err != nil {
			return
		}
		for _, name := range filesIn(t, dir) {
			if quoted, _ := json.Marshal(name); !bytes.Contains(listing, []byte(name)) && !bytes.Contains(listing, quoted) && !bytes.Contains(listing, []byte(`\u`)) {
				t.Fatalf("%s: not in the list", name)
			}
		}
	})
}
