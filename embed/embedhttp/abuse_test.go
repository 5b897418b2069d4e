package embedhttp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// A siege is a server with good clients, which go on asking while others do
// what they like, and want the library's bits.
type siege struct {
	*httptest.Server
	queue    *embed.Queue
	client   *http.Client
	want     [][]float32
	over     chan struct{}
	good     sync.WaitGroup
	answered atomic.Int64
	mu       sync.Mutex
	codes    map[string]int // of the events
}

const goodBody = `{"model":"tiny","input":["summer","a winter's day"]}`

func besiege(t *testing.T) *siege {
	t.Helper()
	s := &siege{over: make(chan struct{}), codes: map[string]int{}}
	s.queue = embed.NewQueue(tiny(t), embed.QueueConfig{MaxTexts: 1 << 20}) // killed clients' texts wait until they are missed
	t.Cleanup(func() { assert.NoError(t, s.queue.Close(context.Background())) })
	h, _ := served(t, func(c *Config) {
		c.Models[0].Queue = s.queue
		c.Observe = func(e Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.codes[e.Code]++
		}
	})
	s.Server = httptest.NewServer(h)
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for _, e := range library(t, embed.Options{}, "summer", "a winter's day").Embeddings {
		s.want = append(s.want, e.Float32)
	}
	for range 2 {
		s.good.Go(func() {
			for asked := false; ; asked = true {
				select {
				case <-s.over:
					if asked {
						return
					}
				default:
				}
				s.check(t)
			}
		})
	}
	return s
}

// check asks for what is known.
func (s *siege) check(t *testing.T) {
	code, answer, err := s.post(goodBody)
	if !assert.NoError(t, err) || !assert.Equal(t, 200, code, "%s", answer) {
		return
	}
	s.same(t, answer)
	s.answered.Add(1)
}

// same checks the answer to goodBody.
func (s *siege) same(t *testing.T, answer []byte) {
	for i, d := range decode[response](t, bytes.NewReader(answer)).Data {
		assert.Equal(t, s.want[i], numbers[float32](t, d.Embedding))
	}
}

func (s *siege) post(body string) (int, []byte, error) {
	resp, err := s.client.Post(s.URL+"/v1/embeddings", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// end ends the good clients and then the server, of which nothing is left, and
// returns how many requests had each code.
func (s *siege) end(t *testing.T) map[string]int {
	t.Helper()
	close(s.over)
	s.good.Wait()
	s.check(t)
	s.Close()
	s.client.CloseIdleConnections()
	buffer := make([]byte, 4<<20)
	var stacks string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		stacks = string(buffer[:runtime.Stack(buffer, true)])
		if !strings.Contains(stacks, "embedhttp.(*Handler)") && !strings.Contains(stacks, "embed.(*Queue)") {
			stacks = ""
			break
		}
	}
	require.Empty(t, stacks, "goroutines are left")
	stats := s.queue.Stats()
	assert.Zero(t, stats.WaitingTexts)
	assert.Zero(t, stats.WaitingTokens)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%d of them good clients': %v", s.answered.Load(), s.codes)
	return s.codes
}

// kill ends a connection without a word of farewell.
func kill(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // an error is of a connection that is over
	conn.Close()
}

// Clients that are killed, slow, or both, harm no other's request, and leave nothing.
func TestBadClients(t *testing.T) {
	s := besiege(t)
	long := `{"model":"tiny","input":[` + strings.Repeat(`"a",`, DefaultMaxItems-1) + `"b"]}` // of 1 MB
	status := func(r io.Reader) string {
		line := make([]byte, len("HTTP/1.1 200"))
		_, err := io.ReadFull(r, line)
		assert.NoError(t, err)
		return string(line)
	}
	var bad sync.WaitGroup
	for _, client := range []func(i int){
		func(i int) { // killed while it sends
			kill(dial(t, s.Server, len(goodBody), goodBody[:i*len(goodBody)/20]))
		},
		func(i int) { // half a body, and an end
			conn := dial(t, s.Server, len(goodBody), goodBody[:i*len(goodBody)/20])
			defer conn.Close()
			assert.NoError(t, conn.(*net.TCPConn).CloseWrite())
			assert.Equal(t, "HTTP/1.1 400", status(conn))
		},
		func(int) { // killed while it waits
			kill(dial(t, s.Server, len(long), long))
		},
		func(i int) { // killed while it reads
			conn := dial(t, s.Server, len(long), long)
			assert.Equal(t, "HTTP/1.1 200", status(conn))
			_, err := io.CopyN(io.Discard, conn, int64(i)<<14)
			assert.NoError(t, err)
			kill(conn)
		},
		func(int) { // never reads, and leaves
			conn := dial(t, s.Server, len(long), long)
			assert.NoError(t, conn.(*net.TCPConn).SetReadBuffer(1))
			status(conn)
			conn.Close()
		},
		func(i int) { // reads a little at a time
			conn := dial(t, s.Server, len(goodBody), goodBody)
			defer conn.Close()
			assert.NoError(t, conn.(*net.TCPConn).SetReadBuffer(1))
			resp, err := http.ReadResponse(bufio.NewReaderSize(iotest.OneByteReader(conn), 16+i), nil)
			if assert.NoError(t, err) {
				answer, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				s.same(t, answer)
			}
		},
		func(int) { // writes a byte at a time
			conn := dial(t, s.Server, len(goodBody), "")
			defer conn.Close()
			for i := range len(goodBody) {
				_, err := io.WriteString(conn, goodBody[i:i+1])
				assert.NoError(t, err)
			}
			assert.Equal(t, "HTTP/1.1 200", status(conn))
		},
	} {
		bad.Go(func() {
			for i := range 20 {
				client(i)
			}
		})
	}
	bad.Wait()
	for code := range s.end(t) {
		assert.Contains(t, []string{"", codeGone, "invalid_request"}, code)
	}
}

// Of 10,000 bodies, most of them broken, each is answered with embeddings or an
// error of the contract.
func TestMalformedBodies(t *testing.T) {
	s := besiege(t)
	const clients, each = 4, 2500
	var group sync.WaitGroup
	var good, bad atomic.Int64
	for c := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(20260101, uint64(c)))
			for range each {
				body := mutated(random)
				code, answer, err := s.post(body)
				if !assert.NoError(t, err, "%q", body) {
					return
				}
				if code == 200 {
					good.Add(1)
					decode[response](t, bytes.NewReader(answer))
					continue
				}
				bad.Add(1)
				e := decode[envelope](t, bytes.NewReader(answer)).Error
				assert.NotEmpty(t, e.Message, "%q", body)
				if e.Code == "model_not_found" {
					assert.Equal(t, 404, code, "%q", body)
				} else {
					assert.Equal(t, 400, code, "%q", body)
				}
			}
		})
	}
	group.Wait()
	codes := s.end(t)
	assert.EqualValues(t, clients*each, good.Load()+bad.Load())
	assert.Greater(t, good.Load(), int64(100), "some stay good")
	assert.Greater(t, bad.Load(), int64(clients*each/2))
	for _, code := range []string{"invalid_json", "invalid_input", "invalid_request", "invalid_encoding_format", "unknown_parameter", "model_not_found"} {
		assert.NotZero(t, codes[code], code)
	}
}

// mutated returns one of bodies, mostly with some of its bytes changed.
func mutated(random *rand.Rand) string {
	splices := []string{
		`"`, `\`, `,`, `:`, `[`, `]`, `{`, `}`, `null`, `true`, `-`, `1e999`, `0.5`, `99999999999999999999`, `"\ud800"`, "\x00", "\xff", "😀",
		`"model"`, `"tiny"`, `"input"`, `"inputs"`, `"dimensions"`, `"encoding_format"`, `"base64"`, `[[]]`, `{"":{}}`, strings.Repeat("[", 200),
	}
	b := []byte(bodies[random.IntN(len(bodies))])
	for range random.IntN(4) {
		i := random.IntN(len(b) + 1)
		j := min(len(b), i+1+random.IntN(8))
		switch splice := splices[random.IntN(len(splices))]; random.IntN(6) {
		case 0: // leave some out
			b = slices.Delete(b, i, j)
		case 1: // give some twice
			b = slices.Insert(b, i, slices.Clone(b[i:j])...)
		case 2:
			b = slices.Insert(b, i, []byte(splice)...)
		case 3:
			b = slices.Replace(b, i, j, []byte(splice)...)
		case 4: // flip a bit
			if i < len(b) {
				b[i] ^= 1 << random.IntN(8)
			}
		case 5: // the end of another
			other := bodies[random.IntN(len(bodies))]
			b = append(b[:i], other[random.IntN(len(other)):]...)
		}
	}
	return string(b)
}
