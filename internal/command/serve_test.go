package command

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the command itself where a test starts this program as one.
func TestMain(m *testing.M) {
	if os.Getenv("RHUMB_TEST_COMMAND") != "" {
		os.Exit(Main(nil))
	}
	os.Exit(m.Run())
}

// A service is a process that serves.
type service struct {
	*exec.Cmd
	url    string
	client *http.Client
	ready  string      // the line of its log that says so
	lines  chan string // of its log, after that one
}

// serve starts rhumb serve and waits until it is ready.
func serve(t testing.TB, args ...string) *service {
	t.Helper()
	s := &service{Cmd: exec.Command(os.Args[0], append([]string{"serve", "--addr", "127.0.0.1:0", "--drain-delay", "0", "--model", "tiny=" + tiny}, args...)...)}
	s.Env = append(os.Environ(), "RHUMB_TEST_COMMAND=1")
	stderr, err := s.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Process.Kill() })
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 100}}
	s.lines = make(chan string, 100000)
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	s.ready = s.line(t, "ready")
	s.url = regexp.MustCompile(`(https?|unix):[^ "]+`).FindString(s.ready)
	require.NotEmpty(t, s.url)
	return s
}

// line returns the next line of the log that has word.
func (s *service) line(t testing.TB, word string) string {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case line, ok := <-s.lines:
			require.True(t, ok, "the process ended before a line with %q", word)
			if strings.Contains(line, word) {
				return line
			}
		case <-timeout:
			t.Fatalf("no line with %q", word)
		}
	}
}

// end sends the process a signal and waits until it is over.
func (s *service) end(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, s.Process.Signal(signal))
	for range s.lines {
	}
	assert.NoError(t, s.Wait(), "exit code 0")
}

func (s *service) post(body, key string) (int, []byte, error) {
	r, err := http.NewRequest("POST", s.url+"/v1/embeddings", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

func (s *service) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := s.client.Get(s.url + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(answer)
}

func needSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals between processes on Windows")
	}
}

func TestServe(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "minilm", "--log-format", "json", "--max-items", "2")
	code, answer, err := s.post(`{"model":"tiny","input":["summer","winter"]}`, "")
	require.NoError(t, err)
	require.Equal(t, 200, code, "%s", answer)
	var got struct{ Data []row }
	require.NoError(t, json.Unmarshal(answer, &got))
	for i, want := range library(t, "summer", "winter") {
		assert.Equal(t, want.Float32, got.Data[i].Embedding, "the library's bits")
	}
	var logged map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.line(t, `"request"`)), &logged))
	assert.EqualValues(t, 2, logged["texts"])
	assert.NotContains(t, fmt.Sprint(logged), "summer", "texts are not logged")
	for _, name := range []string{"minilm", "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"} {
		code, _, err := s.post(`{"model":"`+name+`","input":"summer"}`, "")
		require.NoError(t, err)
		assert.Equal(t, 200, code, name)
	}
	code, _, err = s.post(`{"model":"tiny","input":["a","b","c"]}`, "")
	require.NoError(t, err)
	assert.Equal(t, 400, code)
	long := strings.Repeat("summer ", 50)
	_, _, err = s.post(`{"model":"tiny","input":"`+long+`"}`, "")
	require.NoError(t, err)

	metrics := s.get(t, "/metrics")
	for _, want := range []string{
		`rhumb_requests_total{error="",path="/v1/embeddings",status="200"} 5`,
		`rhumb_requests_total{error="invalid_input",path="/v1/embeddings",status="400"} 1`,
		`rhumb_texts_total{model="minilm"} 3`, `rhumb_texts_total{model="tiny"} 3`, `rhumb_truncated_texts_total{model="tiny"} 1`,
		`rhumb_encode_seconds_count{model="tiny"} 2`, `rhumb_queue_wait_seconds_count{model="tiny"} 2`, `rhumb_batch_texts_sum{model="minilm"} 4`, // with the one to be ready
	} {
		assert.Contains(t, metrics, want+"\n")
	}
	for _, want := range []string{`rhumb_tokens_total{model="tiny"} \d+`, `rhumb_compute_seconds_sum\{model="tiny"\} \d`} {
		assert.Regexp(t, strings.ReplaceAll(want, `total{model="tiny"}`, `total\{model="tiny"\}`), metrics)
	}
	if runtime.GOOS == "linux" {
		assert.Regexp(t, `process_resident_memory_bytes \d`, metrics)
	}
	assert.JSONEq(t, `{"status":"ready"}`, s.get(t, "/ready"))
	s.end(t, syscall.SIGTERM)
}

// Every request that reaches the service is answered when it ends. Clients go on
// until an answer tells them to close their connection.
func TestServeDrains(t *testing.T) {
	needSignals(t)
	s := serve(t)
	var clients sync.WaitGroup
	var answered atomic.Int64
	requests := []string{
		`{"model":"tiny","input":"summer"}`,
		`{"model":"tiny","input":["summer","winter","` + strings.Repeat("long ", 200) + `"]}`,
		`{"model":"tiny","input":["` + strings.Repeat(`many","`, 500) + `many"]}`, // an answer of several pieces
	}
	for k := range 9 {
		clients.Go(func() {
			request := requests[k%len(requests)]
			client := &http.Client{Transport: new(http.Transport)}
			for last := false; !last; answered.Add(1) {
				resp, err := client.Post(s.url+"/v1/embeddings", "application/json", strings.NewReader(request))
				if !assert.NoError(t, err) {
					return
				}
				answer, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				assert.NoError(t, err)
				assert.Equal(t, 200, resp.StatusCode, "%s", answer)
				assert.True(t, json.Valid(answer), "the whole answer")
				last = resp.Close
			}
		})
	}
	// A request whose body is half there when the signal comes.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	body := `{"model":"tiny","input":"summer"}`
	fmt.Fprintf(conn, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:9])
	require.Eventually(t, func() bool { return answered.Load() > 100 }, time.Minute, time.Millisecond)
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	s.line(t, "shutting down")
	_, err = io.WriteString(conn, body[9:])
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "HTTP/1.1 200 OK")
	assert.Contains(t, string(answer), "Connection: close")
	clients.Wait()
	for range s.lines {
	}
	assert.NoError(t, s.Wait(), "exit code 0")
}

// A page whose name leads to loopback is answered nothing.
func TestServeHosts(t *testing.T) {
	needSignals(t)
	s := serve(t, "--host", "embed.example", "--host", "Other.Example.")
	status := func(path, host string) int {
		r, err := http.NewRequest("GET", s.url+path, nil)
		require.NoError(t, err)
		r.Host = host
		resp, err := s.client.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, path := range []string{"/", "/health", "/ready", "/metrics", "/v1/models", "/openapi.json"} {
		for _, host := range []string{"", "localhost", "LOCALHOST:1", "a.localhost.", "127.8.9.1:80", "[::1]", "[::1]:8080", "embed.example:80", "other.example"} {
			assert.Equal(t, 200, status(path, host), "%s %s", path, host)
		}
		for _, host := range []string{"evil.example", "a.embed.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:80", "0.0.0.0", "xlocalhost"} {
			assert.Equal(t, 421, status(path, host), "%s %s", path, host)
		}
	}
	s.end(t, syscall.SIGTERM)
}

func TestServeKeys(t *testing.T) {
	needSignals(t)
	keys := write(t, "keys.txt", "first\n\n  second\r\n")
	s := serve(t, "--api-keys", keys)
	status := func(key string) int {
		code, _, err := s.post(`{"model":"tiny","input":"summer"}`, key)
		require.NoError(t, err)
		return code
	}
	assert.Equal(t, []int{200, 200, 401, 401}, []int{status("first"), status("second"), status("third"), status("")})
	require.NoError(t, os.WriteFile(keys, []byte("third name=team-c concurrent=4\n"), 0o600))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	s.line(t, "API keys read again")
	assert.Equal(t, []int{401, 200}, []int{status("first"), status("third")})
	s.line(t, "key=team-c")
	require.NoError(t, os.WriteFile(keys, []byte("fourth concurent=4\n"), 0o600))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	s.line(t, "stay as they were")
	assert.Equal(t, 200, status("third"))
	s.end(t, os.Interrupt)
}

func TestServeTLS(t *testing.T) {
	needSignals(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	s := serve(t, "--tls-cert", write(t, "cert.pem", encode("CERTIFICATE", der)), "--tls-key", write(t, "key.pem", encode("PRIVATE KEY", private)))
	assert.True(t, strings.HasPrefix(s.url, "https://"), s.url)
	code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

func TestServeSocket(t *testing.T) {
	needSignals(t)
	folder, err := os.MkdirTemp("", "rhumb") // its path has to be short
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	stale.Close()
	s := serve(t, "--addr", "unix:"+path)
	assert.Equal(t, "unix:"+path, s.url)
	s.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	s.url = "http://socket"
	code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	var stderr bytes.Buffer
	assert.Equal(t, 1, run(t.Context(), []string{"serve", "--addr", "unix:" + path, "--model", tiny}, nil, io.Discard, &stderr))
	assert.Contains(t, stderr.String(), "another process listens")
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
	assert.NoFileExists(t, path)
}

func TestServeExitCodes(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	empty := write(t, "keys.txt", " \n")
	for _, c := range []struct {
		code          int
		message, args string
	}{
		{2, "--max-items 0", "--max-items 0"},
		{2, "--max-body 0", "--max-body 0"},
		{2, "--max-chars -1", "--max-chars -1"},
		{2, "--queue-tokens -1", "--queue-tokens -1"},
		{2, "--drain-delay -1s", "--drain-delay -1s"},
		{2, "--shutdown-timeout -1s", "--shutdown-timeout -1s"},
		{2, "tls-key", "--tls-cert a.pem"},
		{2, "there is text, json", "--log-format xml"},
		{2, "found an argument, expected none", "extra"},
		{2, "expected NAME=MODEL", "--model =" + tiny},
		{2, "expected NAME=MODEL", "--model a="},
		{1, "no-folder", "--model no-folder/x/y"},
		{1, `two models are called "a"`, "--model a=" + tiny + " --model a=" + tiny},
		{1, "no-keys.txt", "--api-keys no-keys.txt"},
		{1, "no API keys", "--api-keys " + empty},
		{1, "--tls-cert no-cert.pem, --tls-key no-key.pem: open no-cert.pem", "--tls-cert no-cert.pem --tls-key no-key.pem"},
		{1, "--tls-cert " + empty, "--tls-cert " + empty + " --tls-key " + empty},
		{1, "address already in use", "--addr " + busy.Addr().String()},
		{1, "listen", "--addr nonsense"},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := append([]string{"serve", "--model", tiny, "--addr", "127.0.0.1:0"}, strings.Fields(c.args)...)
			if strings.Contains(c.args, "--model") {
				args = append([]string{"serve", "--addr", "127.0.0.1:0"}, strings.Fields(c.args)...)
			}
			code, stdout, stderr := rhumb(t, "", args...)
			assert.Equal(t, c.code, code, stderr)
			assert.Contains(t, stderr, c.message)
			assert.Empty(t, stdout)
		})
	}
}
