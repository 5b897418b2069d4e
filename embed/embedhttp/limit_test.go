package embedhttp

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// limited returns a handler of a key "sesame" with limits, and what else is told of its requests.
func limited(t *testing.T, limits Limits) (h *Handler, keys *Keys, events *[]Event, log *strings.Builder) {
	keys, events, log = new(Keys), new([]Event), new(strings.Builder)
	require.NoError(t, keys.SetLimited([]Key{{"sesame", "team-a", limits}, {Key: "other"}}))
	h = servedAll(t, func(c *Config) {
		c.Keys, c.Logger = keys, slog.New(slog.NewTextHandler(log, nil))
		c.Observe = func(e Event) { *events = append(*events, e) }
	})
	return h, keys, events, log
}

// pass has time go on for a.
func (a *account) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = a.at.Add(-d)
}

const oneText = `{"model":"tiny","input":"summer"}`

// The budget of a key is that of a minute, is spent by what was read, and grows again.
func TestTokenLimit(t *testing.T) {
	h, keys, events, log := limited(t, Limits{TokensPerMinute: 60})
	ask := func(body string) http.Header {
		w := send(h, "POST", "/v1/embeddings", body, "Authorization", "Bearer sesame")
		require.Equal(t, 200, w.Code, w.Body)
		return w.Header()
	}
	header := ask(oneText)
	n := (*events)[0].Tokens
	require.Greater(t, n, 2)
	assert.Equal(t, "60", header.Get("x-ratelimit-limit-tokens"))
	assert.Equal(t, strconv.Itoa(60-n), header.Get("x-ratelimit-remaining-tokens"), "what was read counts, not what seemed to be")
	reset, err := time.ParseDuration(header.Get("x-ratelimit-reset-tokens"))
	require.NoError(t, err)
	assert.InDelta(t, n, reset.Seconds(), 0.5) // a token a second
	assert.Empty(t, header.Get("x-ratelimit-limit-requests"), "which has no limit")

	w := send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":7.5}`, "Authorization", "Bearer sesame")
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, strconv.Itoa(60-n), w.Header().Get("x-ratelimit-remaining-tokens"), "what fails costs nothing")

	many := `{"model":"tiny","input":["` + strings.Repeat(`summer","`, 29) + `summer"]}`
	account := keys.find("sesame")
	account.pass(time.Minute)
	ask(many) // of a full budget any request is taken
	spent := float64(30 * n)
	assert.InDelta(t, spent, account.spent, 1)
	w = send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer sesame")
	message := requireError(t, w, 429, "tokens", "rate_limit_exceeded", "")
	assert.Contains(t, message, "60 tokens a minute, of which 0 are left")
	wait, err := strconv.ParseFloat(w.Header().Get("Retry-After-Ms"), 64)
	require.NoError(t, err)
	assert.InDelta(t, spent-60+1, wait/1000, 1)
	after, err := strconv.Atoi(w.Header().Get("Retry-After"))
	require.NoError(t, err)
	assert.InDelta(t, wait/1000, float64(after), 1)
	assert.GreaterOrEqual(t, float64(after), wait/1000, "rounded up")
	assert.Equal(t, "0", w.Header().Get("x-ratelimit-remaining-tokens"))
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer other").Code, "of another key")
	assert.Equal(t, 200, send(h, "GET", "/v1/models", "", "Authorization", "Bearer sesame").Code, "which costs nothing")

	// The file is read again: what is spent stays, with another limit too.
	require.NoError(t, keys.SetLimited([]Key{{"sesame", "team-a", Limits{TokensPerMinute: 120}}}))
	account.pass(time.Duration((spent - 120 + 2) / 2 * float64(time.Second))) // at two a second
	w = send(h, "POST", "/v1/embeddings", many, "Authorization", "Bearer sesame")
	message = requireError(t, w, 429, "tokens", "rate_limit_exceeded", "")
	assert.Contains(t, message, "120 tokens a minute, of which 2 are left")
	account.pass(time.Minute)
	ask(many)

	for _, e := range *events {
		assert.Contains(t, []string{"team-a", ""}, e.Key)
	}
	assert.Equal(t, "team-a", (*events)[0].Key)
	assert.Contains(t, log.String(), "key=team-a")
	assert.NotContains(t, log.String(), "sesame")
}

// Each dialect has its own words for a limit that is reached.
func TestLimitOfDialects(t *testing.T) {
	h, keys, _, _ := limited(t, Limits{TokensPerMinute: 60})
	account := keys.find("sesame")
	for path, c := range map[string]struct{ body, want string }{
		"/v1/embeddings":                      {oneText, `"code":"rate_limit_exceeded"`},
		"/api/embed":                          {`{"model":"tiny","input":"a"}`, `{"error":"the limit of this API key`},
		"/embed":                              {`{"inputs":"a"}`, `"error_type":"Overloaded"`},
		"/v2/embed":                           {`{"model":"tiny","texts":["a"],"input_type":"search_query"}`, `{"message":"the limit of this API key`},
		"/openai/deployments/tiny/embeddings": {`{"input":"a"}`, `"code":"rate_limit_exceeded"`},
	} {
		account.spent, account.at = 100, time.Now()
		w := send(h, "POST", path, c.body, "Authorization", "Bearer sesame")
		assert.Equal(t, 429, w.Code, path)
		assert.Contains(t, w.Body.String(), c.want, path)
		assert.NotEmpty(t, w.Header().Get("Retry-After"), path)
		account.spent = 0
		assert.Equal(t, 200, send(h, "POST", path, c.body, "Authorization", "Bearer sesame").Code, path)
		assert.NotZero(t, account.spent, path)
	}
}

// As many requests of a key are under way as it may have, whoever reads the keys again.
func TestConcurrencyLimit(t *testing.T) {
	h, keys, _, _ := limited(t, Limits{Concurrent: 2})
	stop := make(chan struct{})
	ended := make(chan int, 2)
	slow := func() {
		f := &flow{text: oneText[:10], piece: 10, stop: stop, key: "sesame"}
		w := f.post(h, -1)
		ended <- w.Code
	}
	account := keys.find("sesame")
	running := func(n int) func() bool {
		return func() bool { return account.balance().requests == 2-n }
	}
	go slow()
	require.Eventually(t, running(1), time.Minute, time.Millisecond)
	w := send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer sesame")
	require.Equal(t, 200, w.Code)
	assert.Equal(t, "2", w.Header().Get("x-ratelimit-limit-requests"))
	assert.Equal(t, "0", w.Header().Get("x-ratelimit-remaining-requests"))
	go slow()
	require.Eventually(t, running(2), time.Minute, time.Millisecond)
	require.NoError(t, keys.SetLimited([]Key{{"sesame", "", Limits{Concurrent: 2}}, {Key: "other"}}))
	w = send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer sesame")
	requireError(t, w, 429, "requests", "rate_limit_exceeded", "")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, 200, send(h, "GET", "/v1/models", "", "Authorization", "Bearer sesame").Code)
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer other").Code)
	close(stop)
	for range 2 {
		assert.Equal(t, 400, <-ended, "a body that ended early")
	}
	require.True(t, running(0)())
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", oneText, "Authorization", "Bearer sesame").Code)
}

func TestSetLimited(t *testing.T) {
	keys := new(Keys)
	assert.Nil(t, keys.find(""), "of no keys")
	for want, list := range map[string][]Key{
		"no API keys, expected at least one":                                              nil,
		"API key 2: it is empty":                                                          {{Key: "a"}, {Name: "b"}},
		`API key 1: name is "a b", expected at most 64 characters that are seen`:          {{Key: "a", Name: "a b"}},
		"API key 1: -1 tokens a minute, expected 0 or more":                               {{Key: "a", Limits: Limits{TokensPerMinute: -1}}},
		"API key 1: -2 requests at the same time, expected 0 or more":                     {{Key: "a", Limits: Limits{Concurrent: -2}}},
		"API key 2: one that is there already, with another name or limit, that of key 1": {{Key: "a"}, {Key: "a", Name: "b"}},
	} {
		assert.EqualError(t, keys.SetLimited(list), want)
	}
	require.NoError(t, keys.SetLimited([]Key{{Key: "a"}, {Key: "a"}}))
	assert.Len(t, *keys.accounts.Load(), 1)
}

// The requests of a key are one client in the queue.
func TestKeyIsAClient(t *testing.T) {
	x := &exchange{r: new(http.Request), client: "team-a"}
	assert.Equal(t, embed.WithClient(context.Background(), "team-a"), x.turns())
}
