package command

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// measured starts a service with models of two kinds and a cache that was asked this and
// that, so that it has a sample of every metric.
func measured(t *testing.T) *service {
	t.Helper()
	needSignals(t)
	s := serve(t, "--model", "cross="+reranker, "--default", "tiny", "--cache", "1MB", "--kernels", "generic")
	for _, body := range []string{`{"model":"tiny","input":"summer"}`, `{"model":"tiny","input":"summer"}`, `{"model":"nope","input":"summer"}`} {
		_, _, err := s.post(body, "")
		require.NoError(t, err)
	}
	return s
}

// The metrics keep Prometheus' conventions, as far as its own tool knows them.
func TestMetricsLint(t *testing.T) {
	s := measured(t)
	problems, err := promlint.New(strings.NewReader(s.get(t, "/metrics"))).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		// Those of the Go runtime have names of their own.
		assert.True(t, strings.HasPrefix(p.Metric, "go_"), "%s: %s", p.Metric, p.Text)
	}
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// A deadlined records the last time that an answer may take.
type deadlined struct {
	*httptest.ResponseRecorder
	end time.Time
}

func (d *deadlined) SetWriteDeadline(end time.Time) error {
	d.end = end
	return nil
}

// Who is slow to take an answer does not hold its connection for ever, that of metrics either.
func TestAnswersAreTimed(t *testing.T) {
	set, err := embedhttp.NewSet(embedhttp.SetConfig{}, nil)
	require.NoError(t, err)
	handler, err := embedhttp.New(embedhttp.Config{Set: set})
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A metric."}))
	s := newServer(handler, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), slog.New(slog.DiscardHandler))
	for _, path := range []string{"/health", "/metrics"} {
		w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		assert.Equal(t, 200, w.Code, path)
		assert.WithinDuration(t, time.Now().Add(answerTime), w.end, time.Minute, path)
	}
}

// Gauges say what is there when they are asked.
func TestMetricsState(t *testing.T) {
	s := measured(t)
	metrics := s.get(t, "/metrics")
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	assert.Regexp(t, `\nrhumb_build_info\{goversion="`+runtime.Version()+`",kernels="generic",revision="[0-9a-f]*",version="[^"]+"\} 1\n`, metrics)
	for _, want := range []string{
		`rhumb_requests_in_flight 0`,
		`rhumb_model_info{kind="embedding",model="tiny",precision="` + m.Info().Precision.String() + `"} 1`,
		`rhumb_queue_waiting_texts{model="tiny"} 0`, `rhumb_queue_waiting_tokens{model="tiny"} 0`,
		`rhumb_queue_waiting_texts{model="cross"} 0`,
		`rhumb_requests_total{error="model_not_found",path="/v1/embeddings",status="404"} 1`,
		`rhumb_request_seconds_bucket{model="tiny",le="+Inf"} 2`,
	} {
		assert.Contains(t, metrics, "\n"+want+"\n")
	}
	assert.Regexp(t, `\nrhumb_model_memory_bytes\{model="tiny"\} [1-9]`, metrics)
	assert.NotContains(t, metrics, `code="`)

	// A request whose body is not whole is under way.
	body, w := io.Pipe()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r, err := s.client.Post(s.url+"/v1/embeddings", "application/json", body)
		if assert.NoError(t, err) {
			r.Body.Close()
		}
	}()
	_, err = io.WriteString(w, `{"input":`) // which is read by the transport
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(s.get(t, "/metrics"), "\nrhumb_requests_in_flight 1\n") }, time.Minute, time.Millisecond)
	_, err = io.WriteString(w, `"summer"}`)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	<-answered
	require.Eventually(t, func() bool { return strings.Contains(s.get(t, "/metrics"), "\nrhumb_requests_in_flight 0\n") }, time.Minute, time.Millisecond)
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// A model has gauges while it is loaded, and its counters stay.
func TestMetricsOfModelsThatGo(t *testing.T) {
	needSignals(t)
	dir := t.TempDir()
	put(t, dir, "a", tiny)
	s := serve(t, "--models-dir", dir, "--admin-keys", write(t, "admins.txt", "root\n"))
	assert.Contains(t, s.ready, `models="[tiny a]"`)
	const gauge, counter = "\nrhumb_model_memory_bytes{model=\"a\"} ", "\nrhumb_texts_total{model=\"a\"} "
	for i := range 3 {
		assert.NotContains(t, s.get(t, "/metrics"), gauge)
		code, answer := s.ask(t, "/v1/embeddings", "", `{"model":"a","input":"summer"}`)
		require.Equal(t, 200, code, answer)
		assert.Contains(t, s.line(t, "request"), " load_ms=")
		assert.Contains(t, s.get(t, "/metrics"), gauge)
		assert.Contains(t, s.get(t, "/metrics"), counter+strconv.Itoa(i+1)+"\n")
		code, answer = s.ask(t, "/v1/models/unload", "root", `{"model":"a"}`)
		require.Equal(t, 200, code, answer)
		assert.Contains(t, s.get(t, "/metrics"), counter+strconv.Itoa(i+1)+"\n")
		s.line(t, "/unload")
	}
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// No label has values that clients make up.
func TestMetricsCardinality(t *testing.T) {
	s := measured(t)
	before := s.get(t, "/metrics")
	for _, id := range []string{"a", "b", "c", "d"} {
		for _, r := range [][2]string{
			{"GET", "/v1/models/" + id}, {"GET", "/" + id}, {"POST", "/openai/deployments/" + id + "/embeddings"},
			{"M" + strings.ToUpper(id), "/v1/embeddings"}, {"POST", "/models/" + id + "/pipeline/feature-extraction"},
		} {
			request, err := http.NewRequest(r[0], s.url+r[1], strings.NewReader(`{"model":"`+id+`","input":"a"}`))
			require.NoError(t, err)
			request.Header.Set("Authorization", id)
			answer, err := s.client.Do(request)
			require.NoError(t, err)
			answer.Body.Close()
		}
	}
	series := regexp.MustCompile(`(?m)^rhumb_requests_total\{.*\}`)
	added := slices.DeleteFunc(series.FindAllString(s.get(t, "/metrics"), -1), func(l string) bool { return strings.Contains(before, l) })
	assert.LessOrEqual(t, len(added), 5, "one for each kind of request: %s", added)
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// The log names the models when they are ready, and has what its level lets through.
func TestServeLog(t *testing.T) {
	needSignals(t)
	for _, c := range []struct {
		level string
		has   []string // messages, of a check, a request and the end
	}{
		{"debug", []string{"/ready", "/v1/embeddings", "shutting down"}},
		{"info", []string{"/v1/embeddings", "shutting down"}},
	} {
		s := serve(t, "--log-format", "json", "--log-level", c.level, "--model", "minilm")
		assert.Contains(t, s.ready, `"models":["tiny","minilm"]`)
		s.get(t, "/ready")
		_, _, err := s.post(`{"model":"tiny","input":"a"}`, "")
		require.NoError(t, err)
		s.client.CloseIdleConnections()
		require.NoError(t, s.Process.Signal(syscall.SIGTERM))
		var has []string
		for line := range s.lines {
			var attrs struct{ Msg, Path string }
			require.NoError(t, json.Unmarshal([]byte(line), &attrs), line)
			if attrs.Msg == "request" {
				attrs.Msg = attrs.Path
			}
			has = append(has, attrs.Msg)
		}
		assert.Equal(t, c.has, has, c.level)
		assert.NoError(t, s.Wait())
	}
}

func TestLogLevels(t *testing.T) {
	for i, level := range []string{"debug", "info", "warn", "error"} {
		var log strings.Builder
		logger := (&serveFlags{logFormat: &choice{value: "text"}, logLevel: &choice{value: level}}).logger(&log)
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			logger.Log(t.Context(), l, "line")
		}
		assert.Equal(t, 4-i, strings.Count(log.String(), "\n"), level)
	}
	code, _, stderr := rhumb(t, "", "serve", "--log-level", "loud")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "there is info, debug, warn, error")
}
