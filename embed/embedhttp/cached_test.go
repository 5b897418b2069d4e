package embedhttp

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
)

// Answers with rows of a cache are those without, but for their id, and events and the log
// say how many inputs were found.
func TestCached(t *testing.T) {
	var log strings.Builder
	var events []Event
	m, err := embed.Load(t.Context(), tinyFolder, embed.Config{Cache: cache.NewMemory(1 << 20)})
	require.NoError(t, err)
	q := embed.NewQueue(m, embed.QueueConfig{})
	t.Cleanup(func() {
		assert.NoError(t, q.Close(context.Background()))
		assert.NoError(t, m.Close())
	})
	plain, _ := served(t, nil)
	cached, _ := served(t, func(c *Config) {
		c.Models[0].Queue = q
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Observe = func(e Event) { events = append(events, e) }
	})
	id := regexp.MustCompile(`"id":"[^"]*"`)
	answer := func(h *Handler, fields string) string {
		w := send(h, "POST", "/v1/embeddings", `{"model":"tiny",`+fields+`}`)
		require.Equal(t, 200, w.Code, "%s", w.Body)
		return id.ReplaceAllString(w.Body.String(), "") + w.Header().Get("X-Truncated-Inputs")
	}
	long := strings.Repeat("many words ", 40)
	for i, fields := range []string{
		`"input":["summer","winter","` + long + `"]`,
		`"input":["winter","` + long + `","summer","summer"],"dimensions":8,"encoding_format":["int8","ubinary","float"]`,
		`"input":["` + long + `"],"normalized":false,"truncation_strategy":"end","encoding_format":"base64"`,
		`"input":"summer","prompt":"win"`,
	} {
		assert.Equal(t, answer(plain, fields), answer(cached, fields), fields)
		assert.Equal(t, []int{0, 4, 1, 0}[i], events[i].Cached, fields)
	}
	assert.Equal(t, 2, strings.Count(log.String(), "cached="))
	assert.Contains(t, log.String(), "cached=4")
}
