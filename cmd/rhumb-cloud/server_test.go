package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// An answer answers a request in place of the service, and returns nil, or returns what the service
// writes its own to.
type answer func(w http.ResponseWriter, r *http.Request) http.ResponseWriter

// A service is a server in this process that speaks as one of the clouds does, with a bucket
// named "bucket".
type service struct {
	scheme     string
	parameters string // of the names of its objects

	mu       sync.Mutex
	requests []string // their methods and paths, and ranges
	before   answer
}

// name returns the name of an object in a bucket.
func (s *service) name(rest string) string { return s.scheme + "://" + rest + s.parameters }

// answer sets what answers in place of the service.
func (s *service) answer(f answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// count returns the requests since the last call, of those that begin so.
func (s *service) count(begin string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, begin) {
			n++
		}
	}
	s.requests = nil
	return n
}

func (s *service) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
		before := s.before
		s.mu.Unlock()
		if before != nil {
			w = before(w, r)
		}
		if w != nil {
			next.ServeHTTP(w, r)
		}
	})
}

// newS3 starts a server of S3.
func newS3(t *testing.T) *service {
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("bucket"))
	s := &service{scheme: "s3"}
	server := httptest.NewServer(s.around(gofakes3.New(backend).Server()))
	t.Cleanup(server.Close)
	s.parameters = "?endpoint=" + server.URL + "&use_path_style=true&region=us-east-1"
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	return s
}

// newGCS starts a server of Google Cloud Storage.
func newGCS(t *testing.T) *service {
	s := &service{scheme: "gs"}
	var handler http.Handler
	server := httptest.NewServer(s.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) })))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, ExternalURL: server.URL, PublicHost: host, Scheme: "http", Writer: io.Discard})
	require.NoError(t, err)
	t.Cleanup(fake.Stop)
	handler = fake.HTTPHandler()
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "bucket"})
	t.Setenv("STORAGE_EMULATOR_HOST", host)
	return s
}

// services are those that the tests run on.
var services = map[string]func(*testing.T) *service{"s3": newS3, "gs": newGCS}

// put makes an object.
func put(t *testing.T, name string, data []byte) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	_, err = file.Write(data)
	require.NoError(t, err)
	require.NoError(t, newStore().Put(t.Context(), name, file))
}

// get returns what an object has.
func get(t *testing.T, name string) []byte {
	t.Helper()
	o, err := newStore().Open(t.Context(), name)
	require.NoError(t, err)
	data, err := io.ReadAll(o)
	require.NoError(t, err)
	return data
}

// hasten has attempts follow each other at once.
func hasten(t *testing.T) {
	was := firstPause
	firstPause = time.Microsecond
	t.Cleanup(func() { firstPause = was })
}

// A cut breaks off the connection behind some bytes.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush() // the client hears of it
		panic(http.ErrAbortHandler)
	}
	return n, err
}
