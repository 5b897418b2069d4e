package command

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A backend is a service behind a balancer.
type backend struct {
	url   string
	proxy *httputil.ReverseProxy
	up    atomic.Bool
	got   atomic.Int64 // requests
}

// follow asks /ready every so often, until ctx ends. A service that is slow to answer, as all
// are on a busy machine, is not one that is down.
func (b *backend) follow(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ask, cancel := context.WithTimeout(ctx, time.Minute)
		r, err := http.NewRequestWithContext(ask, "GET", b.url+"/ready", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(r); err == nil {
				resp.Body.Close()
				b.up.Store(resp.StatusCode == 200)
			}
		}
		if err != nil {
			b.up.Store(false)
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A balancer that asks /ready loses no request when one of two services ends under load.
// RHUMB_DRAIN=5s has the times of the defaults, a check each second.
func TestServeDrainBehindBalancer(t *testing.T) {
	needSignals(t)
	delay := drainTime(t)
	services := []*service{serve(t, "--drain-delay", delay.String()), serve(t)}
	var backends []*backend
	ctx, cancel := context.WithCancel(t.Context())
	var goroutines sync.WaitGroup
	for _, s := range services {
		target, err := neturl.Parse(s.url)
		require.NoError(t, err)
		b := &backend{url: s.url, proxy: httputil.NewSingleHostReverseProxy(target)}
		b.proxy.ErrorLog = log.New(io.Discard, "", 0)
		backends = append(backends, b)
		goroutines.Go(func() { b.follow(ctx, delay/5) })
	}
	var turn atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := int(turn.Add(1))
		for i := range backends {
			if b := backends[(first+i)%len(backends)]; b.up.Load() {
				b.got.Add(1)
				b.proxy.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "nobody is ready", http.StatusBadGateway)
	}))
	defer front.Close()
	for _, b := range backends {
		require.Eventually(t, b.up.Load, time.Minute, time.Millisecond)
	}

	var answered, failed atomic.Int64
	var example atomic.Value
	for range 8 {
		goroutines.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				resp, err := client.Post(front.URL+"/v1/embeddings", "application/json", strings.NewReader(`{"model":"tiny","input":"summer"}`))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if err == nil && resp.StatusCode != 200 {
						err = fmt.Errorf("status %d", resp.StatusCode)
					}
				}
				answered.Add(1)
				if err != nil {
					failed.Add(1)
					example.Store(err.Error())
				}
			}
		})
	}
	more := func(n *atomic.Int64) {
		before := n.Load()
		require.Eventually(t, func() bool { return n.Load() > before+100 }, time.Minute, time.Millisecond)
	}
	more(&backends[0].got)
	services[0].end(t, syscall.SIGTERM)
	last := backends[0].got.Load()
	more(&backends[1].got)
	assert.Equal(t, last, backends[0].got.Load(), "requests to who has ended")
	cancel()
	goroutines.Wait()
	assert.Zero(t, failed.Load(), "of %d, such as: %v", answered.Load(), example.Load())
	t.Logf("%d requests, %d failed", answered.Load(), failed.Load())
	services[1].end(t, syscall.SIGTERM)
}

// In the delay all goes on but for /ready; a second signal ends it.
func TestServeDrainDelay(t *testing.T) {
	needSignals(t)
	s := serve(t, "--drain-delay", "1h")
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	assert.Contains(t, s.line(t, "shutting down"), "drain_delay_ms=3600000")
	for path, want := range map[string]int{"/ready": 503, "/health": 200, "/v1/models": 200} {
		resp, err := s.client.Get(s.url + path)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, want, resp.StatusCode, path)
		assert.False(t, resp.Close, "the connection stays")
	}
	code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	s.client.CloseIdleConnections()
	s.end(t, syscall.SIGTERM)
}

// A person who waits at a terminal waits for no balancer.
func TestServeNoDelayAfterCtrlC(t *testing.T) {
	needSignals(t)
	s := serve(t, "--drain-delay", "1h")
	require.NoError(t, s.Process.Signal(os.Interrupt))
	assert.Contains(t, s.line(t, "shutting down"), "drain_delay_ms=0")
	for range s.lines {
	}
	assert.NoError(t, s.Wait(), "exit code 0")
}

// What is under way after the timeout ends.
func TestServeShutdownTimeout(t *testing.T) {
	needSignals(t)
	s := serve(t, "--shutdown-timeout", "50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	require.Eventually(t, func() bool { return strings.Contains(s.get(t, "/metrics"), "rhumb_") }, time.Minute, time.Millisecond)
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	assert.Contains(t, s.line(t, "still under way"), "after_ms=50")
	for range s.lines {
	}
	assert.NoError(t, s.Wait(), "exit code 0")
}

// drainTime returns the delay with which to test a balancer.
func drainTime(t *testing.T) time.Duration {
	value := os.Getenv("RHUMB_DRAIN")
	if value == "" {
		return 2 * time.Second
	}
	delay, err := time.ParseDuration(value)
	require.NoError(t, err)
	return delay
}
