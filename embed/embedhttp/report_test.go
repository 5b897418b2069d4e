package embedhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// lines returns the lines of a log in JSON.
func lines(t *testing.T, log *bytes.Buffer) (list []map[string]any) {
	t.Helper()
	for _, line := range bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n")) {
		var attrs map[string]any
		require.NoError(t, json.Unmarshal(line, &attrs), "%s", line)
		list = append(list, attrs)
	}
	return list
}

// Durations are numbers of the unit that their key ends with.
func TestLogDurations(t *testing.T) {
	var log bytes.Buffer
	var event Event
	h, _ := served(t, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		c.Observe = func(e Event) { event = e }
	})
	ask(t, h, `{"model":"tiny","input":"a"}`)
	line := lines(t, &log)[0]
	for key, want := range map[string]time.Duration{
		"total_ms": event.Total, "read_ms": event.Read, "embed_ms": event.Embed, "wait_ms": event.Wait, "encode_ms": event.Encode,
	} {
		got, isNumber := line[key].(float64)
		require.True(t, isNumber, "%s: %v", key, line[key])
		assert.InDelta(t, want.Seconds()*1000, got, 0.000501, key) // to the microsecond, halves rounded
	}
	for key := range line {
		assert.NotContains(t, []string{"total", "read", "embed", "wait", "encode"}, key)
	}
	assert.Equal(t, "embedding", event.Kind)
	assert.False(t, event.Start.IsZero())
	assert.NotNil(t, event.Context)
	assert.Equal(t, event.ID, line["id"])
}

// Of many refusals the log has one a second as a warning, which says how many it has not.
func TestLogOfRefusals(t *testing.T) {
	var r refusals
	start := time.Now()
	for i, c := range []struct {
		after    time.Duration
		level    slog.Level
		unlogged int64
	}{
		{0, slog.LevelWarn, 0}, {1, slog.LevelDebug, 0}, {refusalTime - 1, slog.LevelDebug, 0},
		{refusalTime, slog.LevelWarn, 2}, {refusalTime + 1, slog.LevelDebug, 0}, {3 * refusalTime, slog.LevelWarn, 1},
	} {
		level, unlogged := r.level(start.Add(c.after))
		assert.Equal(t, c.level, level, i)
		assert.Equal(t, c.unlogged, unlogged, i)
	}
	var log bytes.Buffer
	h, _ := served(t, func(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	refused := func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/embeddings", strings.NewReader(`{"model":"tiny","input":"a"}`))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	refused()
	h.refusals.next.Store(math.MaxInt64)
	refused()
	h.refusals.next.Store(0)
	refused()
	list := lines(t, &log)
	require.Len(t, list, 2)
	for i, unlogged := range []any{nil, 1.0} {
		assert.Equal(t, "WARN", list[i]["level"])
		assert.EqualValues(t, 429, list[i]["status"])
		assert.Equal(t, unlogged, list[i]["unlogged"])
	}
}

// A handler tells what waits, what is under way, and what the weights take.
func TestStatus(t *testing.T) {
	block, entered := make(chan struct{}), make(chan struct{}, 9)
	m := tiny(t)
	q := embed.NewQueue(m, embed.QueueConfig{Observe: func(embed.QueueEvent) { entered <- struct{}{}; <-block }})
	h, err := New(Config{Models: []Model{{Name: "tiny", Queue: q, Info: m.Info()}}})
	require.NoError(t, err)
	assert.Equal(t, []ModelStatus{{"tiny", "embedding", m.Info().Precision, true, m.Info().MemoryBytes, 0, 0}}, h.Status())
	assert.Zero(t, h.UnderWay())
	done := make(chan struct{}, 3)
	ask := func() {
		send(h, "POST", "/v1/embeddings", `{"input":["winter","summer day"]}`)
		done <- struct{}{}
	}
	go ask()
	<-entered // the queue's goroutine, behind the batch
	<-done
	go ask()
	go ask()
	require.Eventually(t, func() bool { return h.Status()[0].WaitingTexts == 4 }, time.Minute, time.Millisecond)
	assert.Equal(t, 2, h.UnderWay())
	assert.Greater(t, h.Status()[0].WaitingTokens, 8)
	close(block)
	<-done
	<-done
	require.NoError(t, q.Close(t.Context()))
	assert.Zero(t, h.UnderWay())
	assert.Zero(t, h.Status()[0].WaitingTexts)
	assert.Zero(t, h.Status()[0].WaitingTokens)
}
