package embedhttp

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// connected returns a server of a handler, and a channel of its events.
func connected(t *testing.T) (*httptest.Server, chan Event) {
	t.Helper()
	events := make(chan Event, 1000)
	h, _ := served(t, func(c *Config) { c.Observe = func(e Event) { events <- e } })
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, events
}

func next(t *testing.T, events chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("a request goes on without its client")
		panic("unreachable")
	}
}

// dial returns a connection on which head and a part of a body were sent.
func dial(t *testing.T, s *httptest.Server, length int, part string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, part)
	require.NoError(t, err)
	return conn
}

func TestHalfSentBody(t *testing.T) {
	s, events := connected(t)
	conn := dial(t, s, 1000, `{"model":"tiny","input":"a`)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "400 Bad Request")
	assert.Contains(t, string(answer), "invalid_request")
	conn.Close()
	assert.Equal(t, "invalid_request", next(t, events).Code)

	conn = dial(t, s, 1000, `{"model":"tiny","input":"a`)
	conn.Close()
	assert.Equal(t, "invalid_request", next(t, events).Code)
}

// A body that comes a byte at a time is read as any other.
func TestSlowBody(t *testing.T) {
	s, _ := connected(t)
	body := `{"model":"tiny","input":"summer"}`
	conn := dial(t, s, len(body), "")
	defer conn.Close()
	for i := range body {
		_, err := conn.Write([]byte{body[i]})
		require.NoError(t, err)
	}
	answer := make([]byte, 15)
	_, err := io.ReadFull(conn, answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200 OK", string(answer))
}

// A body announced as too large is refused before it is sent.
func TestLargeBodyIsRefusedAtOnce(t *testing.T) {
	s, events := connected(t)
	conn := dial(t, s, DefaultMaxBody+1, "{")
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "413 Request Entity Too Large")
	assert.Equal(t, "request_too_large", next(t, events).Code)
}

// A client that leaves takes its work with it, and no other's.
func TestClientLeaves(t *testing.T) {
	s, events := connected(t)
	texts := strings.Repeat(`"a long text of many words that takes its time to read and to compute, and more",`, 2047) + `"end"`
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/embeddings", strings.NewReader(`{"model":"tiny","input":[`+texts+`]}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	time.AfterFunc(20*time.Millisecond, cancel)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	e := next(t, events)
	if e.Status == 200 {
		t.Skip("the answer was there before the client left")
	}
	assert.Contains(t, []string{codeGone, "invalid_request"}, e.Code, "left while it waited, or while it sent")
	resp, err := http.Post(s.URL+"/v1/embeddings", "application/json", strings.NewReader(`{"model":"tiny","input":"still here"}`))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)
}

// leaving is the connection of a client that takes the headers and leaves.
type leaving struct {
	http.ResponseWriter
	writes int
}

func (l *leaving) Write(p []byte) (int, error) {
	if l.writes++; l.writes > 1 {
		return 0, io.ErrClosedPipe
	}
	return l.ResponseWriter.Write(p)
}

// The answer that a client does not take ends, and is counted as such.
func TestAnswerNotTaken(t *testing.T) {
	for _, accept := range []string{"", "gzip", "zstd"} {
		events := make(chan Event, 1)
		h, _ := served(t, func(c *Config) { c.Observe = func(e Event) { events <- e } })
		body := `{"model":"tiny","input":[` + strings.Repeat(`"a",`, 2047) + `"b"]}`
		r := httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept-Encoding", accept)
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(&leaving{ResponseWriter: httptest.NewRecorder()}, r) })
		e := next(t, events)
		assert.Equal(t, statusGone, e.Status)
		assert.Equal(t, codeGone, e.Code)
	}
}

// Requests of many clients at once have the vectors of each alone.
func TestManyClients(t *testing.T) {
	s, _ := connected(t)
	var group sync.WaitGroup
	for i := range 32 {
		text := fmt.Sprintf("client %d asks for this", i)
		want := library(t, embed.Options{}, text).Embeddings[0].Float32
		group.Go(func() {
			for range 4 {
				resp, err := http.Post(s.URL+"/embeddings", "application/json", strings.NewReader(fmt.Sprintf(`{"model":"tiny","input":%q}`, text)))
				if !assert.NoError(t, err) || !assert.Equal(t, 200, resp.StatusCode) {
					return
				}
				r := decode[response](t, resp.Body)
				resp.Body.Close()
				assert.Equal(t, want, numbers[float32](t, r.Data[0].Embedding))
			}
		})
	}
	group.Wait()
}
