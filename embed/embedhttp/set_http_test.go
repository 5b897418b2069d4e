package embedhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// servedSet returns a handler of a tiny model that stays and of those of sources, and its log.
func servedSet(t testing.TB, cfg SetConfig, sources []Source, change func(*Config)) (*Handler, *Set, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := newSet(t, cfg, sources...)
	h, _ := served(t, func(c *Config) {
		c.Set, c.Logger = s, cfg.Logger
		if change != nil {
			change(c)
		}
	})
	require.NoError(t, h.Warm(t.Context()))
	return h, s, &log
}

// crossSource returns a reranker under that name.
func crossSource(t testing.TB, name string) Source {
	m := cross(t)
	return Source{Model: Model{Name: name, RerankInfo: m.Info()}, Load: func(context.Context) (Model, func() error, error) {
		return Model{Rerank: rerank.NewQueue(m, embed.QueueConfig{}), RerankInfo: m.Info()}, func() error { return nil }, nil
	}}
}

func listed(t testing.TB, h *Handler) (loaded []string) {
	t.Helper()
	for _, m := range decode[modelList](t, send(h, "GET", "/v1/models", "").Body).Data {
		if m.Loaded {
			loaded = append(loaded, m.ID)
		}
	}
	return loaded
}

// Models of a set are asked as others are, on the paths of all clients.
func TestSetServes(t *testing.T) {
	f := newFakes(t)
	h, s, log := servedSet(t, SetConfig{}, []Source{f.source("a", 1, "org/a"), f.source("b", 2), crossSource(t, "ranker")}, nil)
	assert.Equal(t, 200, send(h, "GET", "/ready", "").Code, "ready before any is loaded")
	assert.Equal(t, []string{"tiny"}, listed(t, h))
	w := send(h, "GET", "/v1/models/org/a", "")
	assert.Contains(t, w.Body.String(), `"id":"a","object":"model"`)
	assert.Contains(t, w.Body.String(), `"kind":"embedding","aliases":["org/a"],"dimensions":24,`)
	assert.Contains(t, w.Body.String(), `"loaded":false`)

	want := ask(t, h, `{"model":"tiny","input":"summer"}`).Data[0].Embedding
	for _, name := range []string{"a", "org/a"} {
		assert.Equal(t, want, ask(t, h, `{"model":"`+name+`","input":"summer"}`).Data[0].Embedding)
	}
	assert.Equal(t, map[string]int{"a": 1}, f.loads)
	assert.Equal(t, []string{"tiny", "a"}, listed(t, h))
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"ranker","input":"a"}`), 400, invalidRequest, "model_kind_mismatch", "model")
	assert.Equal(t, []string{"tiny", "a"}, listed(t, h), "a model of another kind is not loaded for that")
	assert.Equal(t, 200, send(h, "POST", "/v1/rerank", `{"query":"a","documents":["b"]}`).Code, "the only reranker")
	message := requireError(t, send(h, "POST", "/v1/embeddings", `{"input":"a"}`), 400, invalidRequest, "invalid_request", "model")
	assert.Equal(t, "model: missing, expected one of: tiny, a, b", message)
	message = requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"c","input":"a"}`), 404, invalidRequest, "model_not_found", "model")
	assert.Equal(t, `model: "c" is not served here, expected one of: a, b, org/a, org/tiny, ranker, tiny`, message)

	for _, one := range [][2]string{
		{"/api/embed", `{"model":"b:latest","input":"summer"}`}, {"/v2/embed", `{"model":"b","texts":["summer"],"input_type":"search_query","embedding_types":["float"]}`},
		{"/tokenize", `{"model":"b","inputs":"summer"}`}, {"/models/b", `{"inputs":"summer"}`}, {"/openai/deployments/b/embeddings", `{"input":"summer"}`},
		{"/embed_all", `{"model":"b","inputs":"summer"}`},
	} {
		require.NoError(t, s.drop(t.Context(), s.find("b").entry))
		w := send(h, "POST", one[0], one[1])
		assert.Equal(t, 200, w.Code, "%s: %s", one[0], w.Body)
		assert.Contains(t, listed(t, h), "b")
		assert.Zero(t, s.find("b").entry.users)
	}
	assert.Contains(t, log.String(), `msg="model loaded" model=b kind=embedding memory_bytes=`)
	assert.Contains(t, log.String(), `msg="model unloaded" model=b why="a request to unload it"`)
	var names []string
	for _, one := range h.Status() {
		names = append(names, one.Name)
		assert.True(t, one.Loaded)
		assert.Positive(t, one.Memory)
	}
	assert.Equal(t, []string{"tiny", "a", "b", "ranker"}, names)
	closeSet(t, s)
	requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"a","input":"a"}`), 503, serverError, "shutting_down", "")
	assert.Equal(t, []string{"tiny"}, listed(t, h))
}

// keep_alive is as Ollama 0.17.4 has it.
func TestSetOllama(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		h, s, _ := servedSet(t, SetConfig{}, []Source{f.source("a", 7, "org/a")}, nil)
		running := func() (list []string, left time.Duration) {
			t.Helper()
			for _, m := range decode[struct{ Models []ollamaModel }](t, send(h, "GET", "/api/ps", "").Body).Models {
				expires, err := time.Parse(time.RFC3339, m.ExpiresAt)
				require.NoError(t, err)
				list, left = append(list, m.Name), time.Until(expires)
			}
			return list, left
		}
		all := []string{"tiny", "org/tiny", "a", "org/a"}
		list, _ := running()
		assert.Equal(t, all[:2], list)
		for body, stays := range map[string]time.Duration{
			`"input":"b"`: DefaultKeepAlive, `"input":"b","keep_alive":"1m30s"`: 90 * time.Second, `"input":[],"keep_alive":60.5`: 60500 * time.Millisecond,
			`"input":"b","keep_alive":null`: DefaultKeepAlive, `"input":"","keep_alive":7`: 7 * time.Second,
		} {
			w := send(h, "POST", "/api/embed", `{"model":"a:latest",`+body+`}`)
			require.Equal(t, 200, w.Code, w.Body)
			list, left := running()
			assert.Equal(t, all, list, body)
			assert.Equal(t, stays, left, body)
			time.Sleep(stays)
			synctest.Wait()
			list, _ = running()
			assert.Equal(t, all[:2], list, body)
		}
		for _, forever := range []string{`-1`, `-0.5`, `"-1s"`, `-1e300`, `1e300`} {
			require.Equal(t, 200, send(h, "POST", "/api/embeddings", `{"model":"a","prompt":"b","keep_alive":`+forever+`}`).Code)
			time.Sleep(1000 * time.Hour)
			assert.True(t, f.isLoaded("a"), forever)
		}
		for _, none := range []string{`0`, `"0"`, `0.0`, `"0s"`} {
			require.Equal(t, 200, send(h, "POST", "/api/embed", `{"model":"a","keep_alive":`+none+`}`).Code)
			synctest.Wait()
			assert.False(t, f.isLoaded("a"), none)
		}
		for _, wrong := range []string{`"5"`, `"soon"`, `{}`, `true`, `""`} {
			w := send(h, "POST", "/api/embed", `{"model":"a","input":"b","keep_alive":`+wrong+`}`)
			assert.Equal(t, 400, w.Code, wrong)
			assert.Contains(t, w.Body.String(), "expected a duration")
		}
		tags := decode[struct{ Models []ollamaModel }](t, send(h, "GET", "/api/tags", "").Body).Models
		assert.Len(t, tags, 4)
		assert.EqualValues(t, 7, tags[2].Size)

		f.before = func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		}
		var answer struct {
			LoadDuration time.Duration `json:"load_duration"`
		}
		w := send(h, "POST", "/api/embed", `{"model":"a","input":"b"}`)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		assert.Equal(t, time.Second, answer.LoadDuration)
		w = send(h, "POST", "/api/embed", `{"model":"a","input":"b"}`)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		assert.Zero(t, answer.LoadDuration)
		closeSet(t, s)
	})
}

func TestSetAdmin(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		keys, err := NewKeys([]string{"user"})
		require.NoError(t, err)
		admins, err := NewKeys([]string{"admin"})
		require.NoError(t, err)
		h, s, _ := servedSet(t, SetConfig{}, []Source{f.source("a", 1), crossSource(t, "ranker")}, func(c *Config) { c.Keys, c.AdminKeys = keys, admins })
		post := func(path, model, key string) *httptest.ResponseRecorder {
			return send(h, "POST", "/v1/models/"+path, `{"model":"`+model+`"}`, "Authorization", "Bearer "+key)
		}
		for _, path := range []string{"load", "unload"} {
			requireError(t, post(path, "a", "user"), 401, authentication, "invalid_api_key", "")
			requireError(t, post(path, "b", "admin"), 404, invalidRequest, "model_not_found", "model")
			requireError(t, send(h, "POST", "/v1/models/"+path, `{}`, "Authorization", "Bearer admin"), 400, invalidRequest, "invalid_request", "model")
		}
		loaded := func(w *httptest.ResponseRecorder) bool {
			require.Equal(t, 200, w.Code, w.Body)
			return decode[modelInfo](t, w.Body).Loaded
		}
		assert.True(t, loaded(post("load", "tiny", "admin")))
		requireError(t, post("unload", "tiny", "admin"), 400, invalidRequest, "invalid_request", "model")
		assert.False(t, loaded(post("unload", "a", "admin")))
		assert.True(t, loaded(post("load", "a", "admin")))
		assert.True(t, loaded(post("load", "ranker", "admin")))
		assert.True(t, f.isLoaded("a"))
		assert.False(t, loaded(post("unload", "a", "admin")))
		assert.False(t, f.isLoaded("a"))

		// One in use is unloaded when it is not any more.
		leave := take(t, s, "a")
		time.AfterFunc(time.Second, leave)
		assert.False(t, loaded(post("unload", "a", "admin")))
		leave = take(t, s, "a")
		w := post("unload", "a", "admin")
		requireError(t, w, 503, serverError, "models_busy", "model")
		assert.Equal(t, "5", w.Header().Get("Retry-After"))
		leave()
		synctest.Wait()
		assert.False(t, f.isLoaded("a"))
		closeSet(t, s)

		without, _ := served(t, nil)
		for _, path := range []string{"load", "unload"} {
			message := requireError(t, send(without, "POST", "/v1/models/"+path, `{"model":"tiny"}`), 403, invalidRequest, "admin_key_required", "")
			assert.Contains(t, message, "--admin-keys")
		}
		requireError(t, send(without, "GET", "/v1/models/load", ""), 404, invalidRequest, "model_not_found", "model")
	})
}

// What does not load, or has no room, is an error of its requests, as each client knows it.
func TestSetFailures(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		broken, strange := f.source("broken", 1), crossSource(t, "strange")
		broken.Load = func(context.Context) (Model, func() error, error) {
			return Model{}, nil, errors.New("config.json: no such file")
		}
		strange.RerankInfo = rerank.Info{} // so that nothing is known of it
		h, s, log := servedSet(t, SetConfig{Memory: cross(t).Info().MemoryBytes}, []Source{f.source("a", 1), f.source("large", 1<<40), broken, strange}, nil)
		for range 2 {
			message := requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"broken","input":"a"}`), 500, serverError, "model_load_error", "model")
			assert.Equal(t, `model: "broken" does not load: the log of the service says why`, message)
		}
		assert.Equal(t, 2, strings.Count(log.String(), `cause="config.json: no such file"`))
		assert.Contains(t, log.String(), `level=ERROR msg="model does not load" model=broken error="config.json: no such file"`)
		requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"large","input":"a"}`), 507, serverError, "model_too_large", "model")
		assert.Equal(t, 500, send(h, "POST", "/embed", `{"model":"broken","inputs":"a"}`).Code)
		assert.Contains(t, send(h, "POST", "/api/embed", `{"model":"broken","input":"a"}`).Body.String(), `{"error":"model: \"broken\" does not load`)

		requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"strange","input":"a"}`), 400, invalidRequest, "model_kind_mismatch", "model")
		assert.Zero(t, s.find("strange").entry.users)
		assert.Equal(t, 200, send(h, "POST", "/v1/rerank", `{"model":"strange","query":"a","documents":["b"]}`).Code)
		_, leave, err := s.use(t.Context(), s.find("strange").entry, nil)
		require.NoError(t, err)
		w := send(h, "POST", "/v1/embeddings", `{"model":"a","input":"a"}`)
		requireError(t, w, 503, serverError, "models_busy", "model")
		assert.Equal(t, "5", w.Header().Get("Retry-After"))
		assert.Contains(t, send(h, "POST", "/embed", `{"model":"a","inputs":"a"}`).Body.String(), `"error_type":"Overloaded"`)
		leave()
		assert.Equal(t, 200, send(h, "POST", "/embed", `{"model":"a","inputs":"a"}`).Code)
		assert.Equal(t, []string{"tiny", "a"}, listed(t, h))
		closeSet(t, s)
	})
}

func TestSetNames(t *testing.T) {
	f := newFakes(t)
	s := newSet(t, SetConfig{}, f.source("a", 1, "tiny"))
	_, err := New(Config{Models: []Model{{Name: "tiny", Queue: embed.NewQueue(tiny(t), embed.QueueConfig{})}}, Set: s})
	assert.ErrorContains(t, err, `two models are called "tiny"`)
	s = newSet(t, SetConfig{})
	h, err := New(Config{Set: s})
	require.NoError(t, err, "a set may be empty")
	require.NoError(t, h.Warm(t.Context()))
	for _, path := range []string{"/v1/embeddings", "/v1/rerank", "/", "/embed", "/predict", "/api/embed"} {
		assert.Equal(t, 4, send(h, "POST", path, `{"input":"a","inputs":"a"}`).Code/100, path)
		assert.Equal(t, 4, send(h, "POST", path, `{"model":"a"}`).Code/100, path)
	}
	h, s, _ = servedSet(t, SetConfig{}, []Source{f.source("a", 1)}, func(c *Config) { c.Default = "a" })
	assert.Equal(t, "a", ask(t, h, `{"input":"b"}`).Model)
	assert.ErrorContains(t, s.Replace([]Source{f.source("org/tiny", 1)}), `two models are called "org/tiny"`)
	require.NoError(t, s.Replace(nil))
	assert.Equal(t, "tiny", ask(t, h, `{"input":"b"}`).Model, "the default is gone")
	closeSet(t, s)
	_, err = New(Config{Set: newSet(t, SetConfig{}), Default: "a"})
	assert.ErrorContains(t, err, `default model "a"`)
}
