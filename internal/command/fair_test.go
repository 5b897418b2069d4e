package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Words that most vocabularies have as one token.
var plain = strings.Fields("the house water people time light stone river night music garden window paper table street winter")

// request returns the body of a request with texts of so many words.
func request(model string, texts, words int) []byte {
	inputs := make([]string, texts)
	for i := range inputs {
		text := make([]string, words)
		for k := range text {
			text[k] = plain[(i>>(k%11)+k*k+i)%len(plain)]
		}
		inputs[i] = strings.Join(text, " ")
	}
	body, err := json.Marshal(map[string]any{"model": model, "input": inputs, "encoding_format": "base64"})
	if err != nil {
		panic(err)
	}
	return body
}

// embed sends body, and returns the time until the answer has been read.
func (s *service) embed(ctx context.Context, body []byte) (time.Duration, error) {
	begin := time.Now()
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/embeddings", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s: %.200s", resp.Status, answer)
	}
	return time.Since(begin), err
}

// load sends body from so many connections again and again until the function that it
// returns is called.
func (s *service) load(t testing.TB, connections int, body []byte) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.embed(ctx, body); err != nil && ctx.Err() == nil {
					t.Errorf("load: %v", err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		clients.Wait()
	}
}

// quantile returns of sorted times the one that a share of them is below.
func quantile(times []time.Duration, share float64) float64 {
	slices.Sort(times)
	return float64(times[int(share*float64(len(times)-1))]) / 1e6
}

// times returns how long n requests of body take, one after another.
func (s *service) times(t testing.TB, n int, body []byte) []time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		var err error
		times[i], err = s.embed(t.Context(), body)
		require.NoError(t, err)
	}
	return times
}

// A request of one short text does not wait for those of many.
func TestServeIsFair(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "m=minilm", "--threads", "1", "--queue-tokens", "16777216")
	short := request("m", 1, 14)
	s.times(t, 5, short)
	idle := quantile(s.times(t, 30, short), 0.5)
	stop := s.load(t, 2, request("m", 2048, 200))
	require.Eventually(t, func() bool { // they have been tokenized
		return regexp.MustCompile(`rhumb_batch_texts_sum\{model="m"\} \d{3}`).MatchString(s.get(t, "/metrics"))
	}, time.Minute, 10*time.Millisecond)
	busy := quantile(s.times(t, 30, short), 0.5)
	stop()
	// About 2, and 40 and more where they wait for a turn: 10 leaves a busy machine room.
	assert.Less(t, busy, 10*idle, "milliseconds of a request, the median")
}

// Requests of one short text, one after another, while connections send requests of 2,048
// texts. RHUMB_MODEL is the model, the one in the binary without. Give it -benchtime 300x.
func BenchmarkFair(b *testing.B) {
	model := cmp.Or(os.Getenv("RHUMB_MODEL"), "minilm")
	for _, threads := range []string{"1", "2"} {
		s := serve(b, "--model", "m="+model, "--threads", threads, "--queue-tokens", "16777216")
		short := request("m", 1, 14)
		var idle float64
		measure := func(name string, connections, words int) {
			b.Run("threads="+threads+"/"+name, func(b *testing.B) {
				for range 20 {
					_, err := s.embed(b.Context(), short)
					require.NoError(b, err)
				}
				if connections > 0 {
					defer s.load(b, connections, request("m", 2048, words))()
					time.Sleep(time.Second) // of tokenization
				}
				var times []time.Duration
				for b.Loop() {
					d, err := s.embed(b.Context(), short)
					require.NoError(b, err)
					times = append(times, d)
				}
				p99 := quantile(times, 0.99)
				if connections == 0 {
					idle = p99
				}
				b.ReportMetric(quantile(times, 0.5), "p50-ms")
				b.ReportMetric(p99, "p99-ms")
				b.ReportMetric(p99/idle, "idle-p99s")
				b.ReportMetric(0, "ns/op")
			})
		}
		measure("idle", 0, 0)
		for _, connections := range []int{1, 4} {
			for _, words := range []int{30, 500} {
				measure(fmt.Sprintf("%d×2048×%d", connections, words), connections, words)
			}
		}
		_ = s.Process.Kill()
	}
}
