package embedhttp

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// A flow is a body, and the connection that it comes on.
type flow struct {
	*httptest.ResponseRecorder
	text     string
	piece    int           // bytes that come at a time
	each     time.Duration // before each piece
	stop     chan struct{} // that it waits for after text, without an end; nil = it ends
	path     string        // "" = /v1/embeddings
	key      string        // "" = none
	deadline time.Time
	read     int // bytes
}

func (f *flow) SetReadDeadline(t time.Time) error {
	f.deadline = t
	return nil
}

func (f *flow) Read(p []byte) (int, error) {
	if f.text == "" && f.stop == nil {
		return 0, io.EOF
	}
	if f.text == "" {
		<-f.stop
		return 0, io.ErrUnexpectedEOF
	}
	if wait := time.Until(f.deadline); !f.deadline.IsZero() && f.each > wait {
		time.Sleep(wait)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(f.each)
	n := copy(p[:min(len(p), f.piece)], f.text)
	f.text = f.text[n:]
	f.read += n
	return n, nil
}

func (f *flow) Close() error { return nil }

// post gives h the body f; length is what its header says, -1 = nothing.
func (f *flow) post(h http.Handler, length int) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", cmp.Or(f.path, "/v1/embeddings"), nil)
	r.Header.Set("Content-Type", "application/json")
	if f.key != "" {
		r.Header.Set("Authorization", "Bearer "+f.key)
	}
	r.Body, r.ContentLength = f, int64(length)
	f.ResponseRecorder = httptest.NewRecorder()
	h.ServeHTTP(f, r)
	return f.ResponseRecorder
}

// requireRoom checks that h has all its room.
func requireRoom(t *testing.T, h *Handler) {
	t.Helper()
	for _, s := range []share{{h.room.middle, middleRoom}, {h.room.large, largeRoom * h.cfg.MaxBody}, {h.room.parsing, h.cfg.MaxBody}} {
		require.True(t, s.of.TryAcquire(s.bytes), "some is held")
		s.of.Release(s.bytes)
	}
}

// padded returns body with spaces, that long.
func padded(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }

// Of many large bodies that do not end, with a length and without one, few are
// taken in. Small requests do not wait for them, those of middle size neither,
// and the others are refused after a while.
func TestSlowLargeBodies(t *testing.T) {
	tiny(t)
	synctest.Test(t, func(t *testing.T) {
		const size, clients = 2 << 20, 40
		h, _ := served(t, func(c *Config) { c.MaxBody = size })
		stop := make(chan struct{})
		flows, answers := make([]*flow, clients), make(chan *httptest.ResponseRecorder, clients)
		for i := range flows {
			flows[i] = &flow{text: padded("", size-1), piece: 64 << 10, stop: stop}
			length := []int{size, -1}[i%2]
			go func() { answers <- flows[i].post(h, length) }()
		}
		synctest.Wait()
		large, total := 0, 0
		for _, f := range flows {
			if total += f.read; f.read > smallSize+1 {
				large++
			}
		}
		assert.Equal(t, largeRoom, large)
		assert.LessOrEqual(t, total, largeRoom*size+clients*(smallSize+1))
		before := time.Now()
		ask(t, h, goodBody)
		ask(t, h, padded(goodBody, smallSize+1))
		assert.Zero(t, time.Since(before), "nobody waited")
		for range clients - largeRoom {
			w := <-answers
			requireError(t, w, 429, "rate_limit_error", "queue_full", "")
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
			assert.Equal(t, "close", w.Header().Get("Connection"), "nobody reads the rest")
		}
		assert.Equal(t, roomTime, time.Since(before))
		close(stop)
		for range largeRoom {
			requireError(t, <-answers, 400, "invalid_request_error", "invalid_request", "")
		}
		requireRoom(t, h)
	})
}

// Large requests wait for others to end, and room comes back however they do.
func TestRoomComesBack(t *testing.T) {
	tiny(t)
	synctest.Test(t, func(t *testing.T) {
		const size = 2 << 20
		h, q := served(t, func(c *Config) { c.MaxBody = size })
		var group sync.WaitGroup
		for range 3 * largeRoom {
			group.Go(func() {
				f := &flow{text: padded(goodBody, size), piece: size, each: roomTime / 4}
				assert.Equal(t, 200, f.post(h, size).Code)
			})
		}
		group.Wait()
		h.models["broken"] = &Model{Name: "broken"}
		for body, status := range map[string]int{
			goodBody: 200, `{"model":"tiny"}`: 400, `{"model":"none","input":"a"}`: 404, `{"model":"broken","input":"a"}`: 500,
		} {
			for _, length := range []int{size, -1} {
				f := &flow{text: padded(body, size), piece: size}
				assert.Equal(t, status, f.post(h, length).Code)
				requireRoom(t, h)
			}
		}
		for _, length := range []int{size, -1} {
			f := &flow{text: padded(goodBody, size+1), piece: size}
			assert.Equal(t, 413, f.post(h, length).Code)
			requireRoom(t, h)
		}
		f := &flow{text: padded(goodBody, size), piece: size}
		assert.Equal(t, 200, f.post(h, 10).Code, "longer than its length says, as after a decompression")
		requireRoom(t, h)
		require.NoError(t, q.Close(context.Background()))
		assert.Equal(t, 503, (&flow{text: padded(goodBody, size), piece: size}).post(h, size).Code)
		requireRoom(t, h)
	})
}

// A large body is not read where no model takes more work.
func TestFullQueueReadsNothing(t *testing.T) {
	m, block := tiny(t), make(chan struct{})
	q := embed.NewQueue(m, embed.QueueConfig{MaxTexts: 1, Observe: func(embed.QueueEvent) { <-block }})
	h, _ := served(t, func(c *Config) { c.Models = []Model{{Name: "tiny", Queue: q, Info: m.Info()}} })
	small := `{"model":"tiny","input":"a"}`
	assert.False(t, q.Full())
	ask(t, h, small)
	answer := make(chan *httptest.ResponseRecorder)
	go func() { answer <- send(h, "POST", "/v1/embeddings", small) }()
	for !q.Full() { // until that one waits
		runtime.Gosched()
	}
	for _, length := range []int{1 << 20, 1 << 21} {
		f := &flow{text: padded(small, length), piece: length}
		requireError(t, f.post(h, length), 429, "rate_limit_error", "queue_full", "")
		assert.Zero(t, f.read)
	}
	requireError(t, send(h, "POST", "/v1/embeddings", small), 429, "rate_limit_error", "queue_full", "")
	close(block)
	assert.Equal(t, 200, (<-answer).Code)
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", padded(small, 1<<20)).Code)
	requireRoom(t, h)
	require.NoError(t, q.Close(t.Context()))
}

// Large requests are parsed in turn, and small ones at once.
func TestParsingInTurn(t *testing.T) {
	tiny(t)
	synctest.Test(t, func(t *testing.T) {
		h, _ := served(t, nil)
		require.NoError(t, h.room.parsing.Acquire(t.Context(), h.cfg.MaxBody))
		answer := make(chan *httptest.ResponseRecorder)
		go func() { answer <- send(h, "POST", "/v1/embeddings", padded(goodBody, smallSize+1)) }()
		synctest.Wait()
		select {
		case <-answer:
			assert.Fail(t, "parsed beside another large request")
		default:
		}
		ask(t, h, padded(goodBody, smallSize))
		h.room.parsing.Release(h.cfg.MaxBody)
		assert.Equal(t, 200, (<-answer).Code)
		requireRoom(t, h)
	})
}

// A body of unknown length that turns out to be small leaves its room to others
// while it is computed.
func TestRoomOfUnknownLength(t *testing.T) {
	h, _ := served(t, nil)
	x := &exchange{h: h, r: httptest.NewRequest("POST", "/", nil)}
	require.NoError(t, x.hold(DefaultMaxBody))
	x.keep(3 << 20)
	assert.Equal(t, []share{{h.room.large, 3 << 20}}, x.shares)
	require.NoError(t, x.hold(5<<20), "a prompt makes more of it")
	assert.Equal(t, []share{{h.room.large, 3 << 20}, {h.room.large, 2 << 20}}, x.shares)
	x.keep(smallSize)
	requireRoom(t, h)
}

// A body has to come at a pace, and in a time.
func TestBodyPace(t *testing.T) {
	tiny(t)
	long := padded(goodBody, 64*paceSize)
	for name, c := range map[string]struct {
		flow   flow
		status int
		took   time.Duration
	}{
		"steady":           {flow{text: long[:8*paceSize], piece: paceSize, each: paceTime - time.Second}, 200, 8 * (paceTime - time.Second)},
		"small":            {flow{text: goodBody, piece: 9, each: time.Second}, 200, time.Duration((len(goodBody)+8)/9) * time.Second},
		"silent":           {flow{text: long, piece: paceSize, each: paceTime + time.Second}, 400, paceTime},
		"drips":            {flow{text: long, piece: 100, each: time.Second}, 400, paceTime},
		"steady, too long": {flow{text: long, piece: paceSize, each: paceTime - time.Second}, 400, bodyTime},
	} {
		for _, length := range []int{len(c.flow.text), -1} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h, _ := served(t, nil)
					f := &flow{text: c.flow.text, piece: c.flow.piece, each: c.flow.each}
					begin := time.Now()
					w := f.post(h, length)
					took := time.Since(begin)
					requireRoom(t, h)
					if c.status == 200 {
						assert.Equal(t, 200, w.Code, w.Body)
						assert.LessOrEqual(t, took, c.took+c.flow.each) // a piece may come in two
						assert.Zero(t, f.deadline, "the work has none")
						return
					}
					assert.Equal(t, c.took, took)
					assert.Contains(t, requireError(t, w, 400, "invalid_request_error", "invalid_request", ""), "too slowly")
				})
			})
		}
	}
}

// A prompt counts once for each text: over the limit of a request it is refused,
// below it takes the room of a large one.
func TestPromptCounts(t *testing.T) {
	tiny(t)
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		h, _ := served(t, func(c *Config) { c.MaxBody = size })
		body := func(prompt, items int) string {
			return `{"model":"tiny","prompt":"` + strings.Repeat("é", prompt) + `","input":["a"` + strings.Repeat(`,"a"`, items-1) + `]}`
		}
		message := requireError(t, send(h, "POST", "/v1/embeddings", body(256, 2048)), 413, "invalid_request_error", "request_too_large", "prompt")
		assert.Contains(t, message, "1050624 bytes")
		assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", body(4, 2048)).Code)
		requireRoom(t, h)

		full := &exchange{h: h, r: httptest.NewRequest("POST", "/", nil)}
		full.shares = append(full.shares, share{h.room.middle, middleRoom - size/4})
		require.NoError(t, h.room.middle.Acquire(t.Context(), middleRoom-size/4))
		assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", body(4, 2048)).Code, "18 KB")
		requireError(t, send(h, "POST", "/v1/embeddings", body(200, 1024)), 429, "rate_limit_error", "queue_full", "")
		full.leave()
		assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", body(200, 1024)).Code)
		requireRoom(t, h)
	})
}

// A client that does not take its answer has no room.
func TestAnswerHoldsNoRoom(t *testing.T) {
	h, _ := served(t, nil)
	f := &flow{text: padded(goodBody, 2<<20), piece: 2 << 20}
	r := httptest.NewRequest("POST", "/v1/embeddings", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = f, 2<<20
	taken := 0
	h.ServeHTTP(taker{httptest.NewRecorder(), func() { requireRoom(t, h); taken++ }}, r)
	assert.Positive(t, taken)
}

// A taker is asked before it takes a piece of an answer.
type taker struct {
	*httptest.ResponseRecorder
	take func()
}

func (w taker) Write(p []byte) (int, error) {
	w.take()
	return w.ResponseRecorder.Write(p)
}
