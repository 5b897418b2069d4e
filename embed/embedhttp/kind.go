package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A kind is what a model makes of texts, as /v1/models says it.
type kind string

const (
	embedding  kind = "embedding"
	reranker   kind = "reranker"
	classifier kind = "classifier"
	multiKind  kind = "multi-vector"
	sparseKind kind = "sparse"
)

// serving says for each kind what a model is of it, and what path serves it.
var serving = map[kind]string{
	embedding:  "an embedding model: POST /v1/embeddings serves it",
	reranker:   "a reranker: POST /v1/rerank serves it",
	classifier: "a classifier: POST /predict serves it",
	multiKind:  "a multi-vector model: POST /v1/rerank serves it",
	sparseKind: "a sparse model: POST /embed_sparse serves it",
}

// kind returns that of m; "" = it is not known before it is loaded.
func (m *Model) kind() kind {
	switch {
	case m.queue() == nil:
		return m.told
	case m.MultiVector != nil:
		return multiKind
	case m.Sparse != nil:
		return sparseKind
	case m.Rerank == nil:
		return embedding
	case len(m.RerankInfo.Labels) > 1:
		return classifier
	}
	return reranker
}

// A queue is what the queues of models of all kinds have in common.
type queue interface {
	Full() bool
	Stats() embed.QueueStats
	Tokenizer() *tokenizer.Tokenizer
	Close(ctx context.Context) error
}

// queue returns that of m, nil where it is not loaded.
func (m *Model) queue() queue {
	switch {
	case m.Rerank != nil:
		return m.Rerank
	case m.MultiVector != nil:
		return m.MultiVector
	case m.Sparse != nil:
		return m.Sparse
	case m.Queue != nil:
		return m.Queue
	}
	return nil
}

// description returns m without its queue, if it comes and goes.
func (m *Model) description() *Model {
	if m.entry == nil {
		return m
	}
	d := *m
	d.Queue, d.Rerank, d.MultiVector, d.Sparse = nil, nil, nil, nil
	return &d
}

// allNames returns the name of m and its aliases.
func (m *Model) allNames() []string { return append([]string{m.Name}, m.Aliases...) }

// checkName checks the length of a model's name.
func checkName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return fmt.Errorf("embedhttp: model name %.100q, expected 1 to %d characters", name, maxName)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("embedhttp: model name %.100q, expected UTF-8", name)
	}
	return nil
}

// check checks that m has one queue.
func (m *Model) check() error {
	n := 0
	for _, has := range []bool{m.Queue != nil, m.Rerank != nil, m.MultiVector != nil, m.Sparse != nil} {
		if has {
			n++
		}
	}
	switch n {
	case 0:
		return errors.New("no queue")
	case 1:
		return nil
	}
	return fmt.Errorf("%d queues, expected one", n)
}

// warm has the model read a text.
func (m *Model) warm(ctx context.Context) (err error) {
	switch m.kind() {
	case reranker, multiKind:
		_, _, err = m.ranker().RankWait(ctx, "ready", []string{"ready"}, 1, rerank.Options{})
	case classifier:
		_, err = m.Rerank.Classify(ctx, []string{"ready"}, rerank.Options{})
	case sparseKind:
		_, err = m.Sparse.Embed(ctx, []string{"ready"}, sparse.Options{})
	default:
		_, err = m.Queue.Embed(ctx, []string{"ready"}, embed.Options{})
	}
	return err
}

// A ranker ranks documents.
type ranker interface {
	RankWait(ctx context.Context, query string, documents []string, top int, opts rerank.Options) ([]rerank.Ranked, time.Duration, error)
}

// ranker returns the queue of m that ranks documents.
func (m *Model) ranker() ranker {
	if m.MultiVector != nil {
		return m.MultiVector
	}
	return m.Rerank
}

// facts are what models of each kind say of themselves.
type facts struct {
	family    string
	prompts   map[string]string // by name
	maxTokens int               // of an input, or of a pair; 0 = no limit
	precision embed.Precision
	workers   int
	memory    int64 // of the weights, in bytes
}

func (m *Model) facts() facts {
	switch m.kind() {
	case reranker, classifier:
		i := &m.RerankInfo
		return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes}
	case multiKind:
		i := &m.MultiVectorInfo
		return facts{i.Family, i.Prompts, i.DocumentTokens, i.Precision, i.Workers, i.MemoryBytes}
	case sparseKind:
		i := &m.SparseInfo
		return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes}
	}
	i := &m.Info
	return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes}
}

// find returns the model of that name, loaded or not, or an error for the client.
func (h *Handler) find(name string) (*Model, error) {
	if m := h.model(name); m != nil {
		return m, nil
	}
	if slices.Contains(h.cfg.Others, name) {
		return nil, fail(codeModelKind, "model", "%.100q is a model of a kind that is not served here", name)
	}
	return nil, fail(codeModelNotFound, "model", "%.100q is not served here, expected one of: %s", name, h.shownNames())
}

// model returns the model of that name, loaded or not; nil = there is none.
func (h *Handler) model(name string) *Model {
	if m := h.models[name]; m != nil {
		return m
	}
	return h.cfg.Set.find(name)
}

// all returns all models, those that are always loaded before those of the set.
func (h *Handler) all() []*Model {
	list := make([]*Model, len(h.cfg.Models))
	for i := range h.cfg.Models {
		list[i] = &h.cfg.Models[i]
	}
	return append(list, h.cfg.Set.all()...)
}

// shownNames returns names and aliases for a message, not more than fit into one.
func (h *Handler) shownNames() string {
	var all []string
	for _, m := range h.all() {
		all = append(all, m.allNames()...)
	}
	slices.Sort(all)
	const most = 50
	if n := len(all) - most; n > 0 {
		return fmt.Sprintf("%s, and %d more, which /v1/models lists", strings.Join(all[:most], ", "), n)
	}
	return strings.Join(all, ", ")
}

// use finds the model of c, which has to be of a kind that the request is for, and has
// it loaded until x has done with it.
func (x *exchange) use(c *basics, wanted ...kind) error {
	if err := c.find(x.h, wanted...); err != nil {
		return err
	}
	e := c.model.entry
	if e == nil {
		return nil
	}
	x.event.Model = c.model.Name
	start := time.Now()
	m, leave, err := e.set.use(x.r.Context(), e, c.keepAlive)
	if c.model.queue() == nil {
		x.event.Load = time.Since(start)
	}
	if err != nil {
		return err
	}
	x.done = sync.OnceFunc(leave)
	c.model = m
	return c.checkKind(wanted)
}

// find finds the model of c, which has to be of a kind that the request is for.
func (c *basics) find(h *Handler, wanted ...kind) (err error) {
	if c.name == "" {
		if c.name, err = h.usual(wanted); err != nil {
			return err
		}
	}
	if c.model, err = h.find(c.name); err != nil {
		return err
	}
	if c.model.kind() == "" { // which is known when it is loaded
		return nil
	}
	return c.checkKind(wanted)
}

func (c *basics) checkKind(wanted []kind) error {
	if found := c.model.kind(); !slices.Contains(wanted, found) {
		return fail(codeModelKind, "model", "%.100q is %s", c.name, serving[found])
	}
	return nil
}

// usual returns the name of the model of requests that name none: the default where it
// is of a kind that is wanted, or the only one of the first kind that there is.
func (h *Handler) usual(wanted []kind) (string, error) {
	if m := h.model(h.cfg.Default); m != nil && slices.Contains(wanted, m.kind()) {
		return h.cfg.Default, nil
	}
	all := h.all()
	for _, k := range wanted {
		var list []string
		for _, m := range all {
			if m.kind() == k {
				list = append(list, m.Name)
			}
		}
		switch len(list) {
		case 0:
		case 1:
			return list[0], nil
		default:
			return "", fail(codeInvalidRequest, "model", "missing, expected one of: %s", strings.Join(list, ", "))
		}
	}
	for _, m := range all {
		if m.kind() != "" {
			return "", fail(codeModelKind, "model", "missing, and none is served of the kind that is asked: %.100q is %s", m.Name, serving[m.kind()])
		}
	}
	return "", fail(codeInvalidRequest, "model", "missing")
}
