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

// kinds returns those of m, first the one that it is known by; none where they are not known
// before it is loaded.
func (m *Model) kinds() (kinds []kind) {
	if m.queue() == nil {
		return m.told
	}
	for _, of := range []struct {
		kind kind
		is   bool
	}{
		{embedding, m.Queue != nil},
		{sparseKind, m.Sparse != nil},
		{multiKind, m.MultiVector != nil},
		{reranker, m.Rerank != nil && len(m.RerankInfo.Labels) < 2},
		{classifier, m.Rerank != nil && len(m.RerankInfo.Labels) > 1},
	} {
		if of.is {
			kinds = append(kinds, of.kind)
		}
	}
	return kinds
}

// kind returns the first of kinds; "" = there is none.
func (m *Model) kind() kind {
	if kinds := m.kinds(); len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

// isAny reports whether m is of one of the kinds wanted.
func (m *Model) isAny(wanted []kind) bool {
	return slices.ContainsFunc(m.kinds(), func(k kind) bool { return slices.Contains(wanted, k) })
}

// A queue is what the queues of models of all kinds have in common.
type queue interface {
	Full() bool
	Stats() embed.QueueStats
	Tokenizer() *tokenizer.Tokenizer
	Close(ctx context.Context) error
}

// queue returns that of m, or all of several as one, nil where it is not loaded.
func (m *Model) queue() queue {
	var all queues
	if m.Rerank != nil {
		all = append(all, m.Rerank)
	}
	if m.Queue != nil {
		all = append(all, m.Queue)
	}
	if m.Sparse != nil {
		all = append(all, m.Sparse)
	}
	if m.MultiVector != nil {
		all = append(all, m.MultiVector)
	}
	if m.M3 != nil {
		all = append(all, m.M3)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// queues are those of one model, at least one.
type queues []queue

// Full reports whether any is: they share what computes.
func (q queues) Full() bool { return slices.ContainsFunc(q, queue.Full) }

// Stats are the sums of all, with the least of their bounds.
func (q queues) Stats() (sum embed.QueueStats) {
	for i, one := range q {
		s := one.Stats()
		if i == 0 || s.MaxTexts < sum.MaxTexts {
			sum.MaxTexts = s.MaxTexts
		}
		if i == 0 || s.MaxTokens < sum.MaxTokens {
			sum.MaxTokens = s.MaxTokens
		}
		sum.WaitingTexts, sum.WaitingTokens = sum.WaitingTexts+s.WaitingTexts, sum.WaitingTokens+s.WaitingTokens
		sum.Batches, sum.Texts, sum.Tokens = sum.Batches+s.Batches, sum.Texts+s.Texts, sum.Tokens+s.Tokens
	}
	return sum
}

// Tokenizer is that of all.
func (q queues) Tokenizer() *tokenizer.Tokenizer { return q[0].Tokenizer() }

// Close closes all.
func (q queues) Close(ctx context.Context) (err error) {
	for _, one := range q {
		err = errors.Join(err, one.Close(ctx))
	}
	return err
}

// description returns m without its queues, if it comes and goes.
func (m *Model) description() *Model {
	if m.entry == nil {
		return m
	}
	d := *m
	d.Queue, d.Rerank, d.MultiVector, d.Sparse, d.M3 = nil, nil, nil, nil, nil
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

// check checks that m has one queue, or those of a model of several outputs.
func (m *Model) check() error {
	all, _ := m.queue().(queues)
	whole := m.Queue != nil && m.Sparse != nil && m.MultiVector != nil && m.Rerank == nil
	switch n := len(all); {
	case n == 0:
		return errors.New("no queue")
	case !whole && (n > 1 || m.M3 != nil):
		return fmt.Errorf("%d queues, expected one, or those of an embedding, a sparse and a multi-vector model of one folder", n)
	}
	return nil
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

// facts returns what models of every kind say of themselves.
func (m *Model) facts() *embed.Facts {
	switch m.kind() {
	case reranker, classifier:
		return &m.RerankInfo.Facts
	case multiKind:
		return &m.MultiVectorInfo.Facts
	case sparseKind:
		return &m.SparseInfo.Facts
	}
	return &m.Info.Facts
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
	if !c.model.isAny(wanted) {
		return fail(codeModelKind, "model", "%.100q is %s", c.name, serving[c.model.kind()])
	}
	return nil
}

// usual returns the name of the model of requests that name none: the default where it
// is of a kind that is wanted, or the only one of the first kind that there is, before those
// that are of it besides.
func (h *Handler) usual(wanted []kind) (string, error) {
	if m := h.model(h.cfg.Default); m != nil && m.isAny(wanted) {
		return h.cfg.Default, nil
	}
	all := h.all()
	for _, k := range wanted {
		var list, also []string
		for _, m := range all {
			switch {
			case m.kind() == k:
				list = append(list, m.Name)
			case m.isAny([]kind{k}):
				also = append(also, m.Name)
			}
		}
		if len(list) == 0 {
			list = also
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
