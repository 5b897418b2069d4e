// Package embedhttp answers POST /v1/embeddings with a superset of what OpenAI's,
// Mixedbread's, Mixlayer's and Mistral's endpoints take and give, as an
// http.Handler that any service can mount:
//
//	queue := embed.NewQueue(model, embed.QueueConfig{})
//	handler, err := embedhttp.New(embedhttp.Config{
//		Models: []embedhttp.Model{{Name: "all-MiniLM-L6-v2", Queue: queue, Info: model.Info()}},
//	})
//	…
//	err = handler.Warm(ctx)
//	http.Handle("/", handler)
//
// It serves POST /v1/embeddings and /embeddings; POST /v1/rerank, /v2/rerank and
// /rerank, as Cohere's, Jina's and Voyage's clients ask; GET /v1/models and
// /v1/models/{id}, POST /v1/models/load and /v1/models/unload for those of a Set, /health,
// /ready, /openapi.json, and at / a page to try it. Other paths
// are those of Ollama, text-embeddings-inference, Hugging Face's inference, Cohere and
// Azure, which /openapi.json lists. The vectors are those of embed.Model.Embed, and the
// scores those of rerank.Model.Score, bit for bit.
package embedhttp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// The limits of a zero Config.
const (
	DefaultMaxItems = 2048
	DefaultMaxChars = 64000
	DefaultMaxBody  = 32 << 20
)

// Config says what a Handler serves. The zero value of a field is its default.
type Config struct {
	Models  []Model  // that are always loaded; at least one, where there is no Set
	Set     *Set     // models that come and go; nil = none. It belongs to one Handler
	Default string   // the name of the model of requests that name none, where there are several of its kind; "" = they are an error then
	Others  []string // names of models of other kinds: a request for one is told so, not that there is none

	MaxItems int   // inputs or documents of a request; 0 = DefaultMaxItems
	MaxChars int   // characters (Unicode code points) of a text; 0 = DefaultMaxChars, below 0 = no limit
	MaxBody  int64 // bytes of a request; 0 = DefaultMaxBody

	Keys          *Keys  // nil = requests need no key
	AdminKeys     *Keys  // of requests that load and unload models; nil = they are refused
	IgnoreUnknown bool   // fields that are not known are no error
	CORSOrigin    string // the origin whose pages may call, "*" for all; "" = none

	// Hosts are those that a request's header Host may name, beside localhost and
	// other names of loopback; nil = any. On a listener at loopback they keep out
	// pages whose own name leads there (DNS rebinding).
	Hosts []string

	Logger  *slog.Logger // of one line a request, and of causes that clients are not told; nil = none
	Observe func(Event)  // called after each request, in its goroutine; may be nil
}

// A Model is served under its name and its aliases. It has one queue: an
// embedding model's, a reranker's or classifier's, a multi-vector model's or a
// sparse model's; or all but the second, of the parts of an m3.Model.
type Model struct {
	Name    string
	Aliases []string

	Queue *embed.Queue
	Info  embed.Info // of its model

	Rerank     *rerank.Queue
	RerankInfo rerank.Info // of its model; one with several labels is a classifier

	MultiVector     *multivector.Queue
	MultiVectorInfo multivector.Info // of its model, which ranks documents by MaxSim

	Sparse     *sparse.Queue
	SparseInfo sparse.Info // of its model

	M3 *m3.Queue // of a model of several outputs, which has the three other queues of its parts too: answers requests for several

	Fingerprint string // what the model's Fingerprint returns; "" = it is not told

	entry *entry // of the Set; nil = it is always loaded
	told  []kind // of a model that is not loaded; none = not known
}

// An Event is one request, answered.
type Event struct {
	Context context.Context // of the request, without its end: what middlewares put there, as a span
	ID      string          // that the answer's X-Request-Id and the log have
	Trace   Trace           // of the caller
	Start   time.Time

	Path   string // of the route, "/v1/models/" with any id; "" = there is no such route
	Method string // as the client spells it
	Status int    // 499 where the client left before the answer was whole
	Code   string // of the error, "" = none
	Key    string // the name of the API key; "" = it has none, or there is no key
	Model  string // the name under which it is configured; "" = none was found
	Kind   string // of that model, as /v1/models has it

	Texts     int // inputs or documents
	Tokens    int // read by the model
	Truncated int // inputs or documents that were
	Cached    int // inputs whose rows the model's cache had

	// Read, Load, Embed and Encode follow each other; those of a request that failed before
	// are 0, and Total has all of them.
	Read   time.Duration // of the request, parsing included
	Load   time.Duration // until the model was loaded; 0 where it was
	Embed  time.Duration // from texts to embeddings or scores, the wait included
	Wait   time.Duration // in the queue, for the first batch; 0 where there are no embeddings
	Encode time.Duration // and writing of the answer
	Total  time.Duration
}

// A Handler is the service. It may serve any number of requests at the same time.
type Handler struct {
	cfg     Config
	log     *slog.Logger
	models  map[string]*Model // by name and alias
	created time.Time
	openapi []byte
	room    *room
	hosts   []string // nil = any
	state   atomic.Pointer[string]

	underWay atomic.Int64 // requests
	refusals refusals
}

// What /ready says.
var starting, ready, draining = "starting", "ready", "shutting_down"

// New returns a handler of cfg, which is not ready before Warm.
func New(cfg Config) (*Handler, error) {
	h := &Handler{cfg: cfg, log: cfg.Logger, models: map[string]*Model{}, created: time.Now()}
	h.state.Store(&starting)
	h.cfg.MaxItems = cmp.Or(cfg.MaxItems, DefaultMaxItems)
	h.cfg.MaxChars = cmp.Or(cfg.MaxChars, DefaultMaxChars)
	h.cfg.MaxBody = cmp.Or(cfg.MaxBody, DefaultMaxBody)
	if h.cfg.MaxItems < 0 || h.cfg.MaxBody < 0 {
		return nil, fmt.Errorf("embedhttp: limits of %d items and %d bytes, expected none below 0", cfg.MaxItems, cfg.MaxBody)
	}
	if cfg.Hosts != nil {
		h.hosts = make([]string, len(cfg.Hosts))
		for i, host := range cfg.Hosts {
			if h.hosts[i] = hostName(host); h.hosts[i] == "" {
				return nil, fmt.Errorf("embedhttp: host %.100q, expected a name", host)
			}
		}
	}
	h.room = newRoom(h.cfg.MaxBody)
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Models) == 0 && cfg.Set == nil {
		return nil, errors.New("embedhttp: no models, expected at least one")
	}
	h.cfg.Models = slices.Clone(cfg.Models)
	for i := range h.cfg.Models {
		m := &h.cfg.Models[i]
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("embedhttp: model %q: %w", m.Name, err)
		}
		for _, name := range m.allNames() {
			if err := checkName(name); err != nil {
				return nil, err
			}
			if h.models[name] != nil || slices.Contains(cfg.Others, name) {
				return nil, fmt.Errorf("embedhttp: two models are called %q", name)
			}
			h.models[name] = m
		}
	}
	if cfg.Set != nil {
		if err := cfg.Set.keepOff(h.models); err != nil {
			return nil, err
		}
	}
	if cfg.Default != "" && h.model(cfg.Default) == nil {
		return nil, fmt.Errorf("embedhttp: default model %q, expected one of: %s", cfg.Default, h.shownNames())
	}
	var err error
	h.openapi, err = h.describe()
	return h, err
}

// Warm has each model that is always loaded read a text, and then the handler is ready.
// An error names the model that has one.
func (h *Handler) Warm(ctx context.Context) error {
	for i := range h.cfg.Models {
		m := &h.cfg.Models[i]
		if err := m.warm(ctx); err != nil {
			return fmt.Errorf("model %q: %w", m.Name, err)
		}
	}
	h.state.CompareAndSwap(&starting, &ready)
	return nil
}

// UnderWay returns how many requests h has that are not answered whole.
func (h *Handler) UnderWay() int { return int(h.underWay.Load()) }

// A ModelStatus says what a model has, and what it has to do.
type ModelStatus struct {
	Name          string
	Kind          string // as /v1/models has it; "" = not known before it is loaded
	Precision     embed.Precision
	Loaded        bool
	Memory        int64 // of its weights when it is loaded, in bytes; 0 = not known before
	WaitingTexts  int   // in its queue, not yet in a batch
	WaitingTokens int
}

// Status returns that of all models, those that are always loaded before those of the
// Set. It is cheap.
func (h *Handler) Status() []ModelStatus {
	var list []ModelStatus
	for _, m := range h.all() {
		f := m.facts()
		s := ModelStatus{Name: m.Name, Kind: string(m.kind()), Precision: f.Precision, Memory: f.MemoryBytes}
		if q := m.queue(); q != nil {
			stats := q.Stats()
			s.Loaded, s.WaitingTexts, s.WaitingTokens = true, stats.WaitingTexts, stats.WaitingTokens
		}
		list = append(list, s)
	}
	return list
}

// Drain makes /ready say that the service ends, so that balancers send no more
// requests. Those that come are answered as before, as long as the queues are open.
func (h *Handler) Drain() { h.state.Store(&draining) }
