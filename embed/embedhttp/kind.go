package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

func (m *Model) kind() kind {
	switch {
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

// full reports whether m has all the work that it takes on.
func (m *Model) full() bool {
	switch {
	case m.Rerank != nil:
		return m.Rerank.Full()
	case m.MultiVector != nil:
		return m.MultiVector.Full()
	case m.Sparse != nil:
		return m.Sparse.Full()
	}
	return m.Queue.Full()
}

// facts are what models of each kind say of themselves.
type facts struct {
	family    string
	prompts   map[string]string // by name
	maxTokens int               // of an input, or of a pair; 0 = no limit
	precision embed.Precision
	workers   int
	memory    int64 // of the weights, in bytes
	tokenizer *tokenizer.Tokenizer
}

func (m *Model) facts() facts {
	switch {
	case m.Rerank != nil:
		i := &m.RerankInfo
		return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes, m.Rerank.Tokenizer()}
	case m.MultiVector != nil:
		i := &m.MultiVectorInfo
		return facts{i.Family, i.Prompts, i.DocumentTokens, i.Precision, i.Workers, i.MemoryBytes, m.MultiVector.Tokenizer()}
	case m.Sparse != nil:
		i := &m.SparseInfo
		return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes, m.Sparse.Tokenizer()}
	}
	i := &m.Info
	return facts{i.Family, i.Prompts, i.MaxTokens, i.Precision, i.Workers, i.MemoryBytes, m.Queue.Tokenizer()}
}

// find returns the model of that name, or an error for the client.
func (h *Handler) find(name string) (*Model, error) {
	if m := h.models[name]; m != nil {
		return m, nil
	}
	if slices.Contains(h.cfg.Others, name) {
		return nil, fail(codeModelKind, "model", "%.100q is a model of a kind that is not served here", name)
	}
	return nil, fail(codeModelNotFound, "model", "%.100q is not served here, expected one of: %s",
		name, strings.Join(names(h.models), ", "))
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
	if found := c.model.kind(); !slices.Contains(wanted, found) {
		return fail(codeModelKind, "model", "%.100q is %s", c.name, serving[found])
	}
	return nil
}

// usual returns the name of the model of requests that name none: the default where it
// is of a kind that is wanted, or the only one of the first kind that there is.
func (h *Handler) usual(wanted []kind) (string, error) {
	if m := h.models[h.cfg.Default]; m != nil && slices.Contains(wanted, m.kind()) {
		return h.cfg.Default, nil
	}
	for _, k := range wanted {
		names := slices.DeleteFunc(slices.Clone(h.names), func(name string) bool { return h.models[name].kind() != k })
		switch len(names) {
		case 0:
		case 1:
			return names[0], nil
		default:
			return "", fail(codeInvalidRequest, "model", "missing, expected one of: %s", strings.Join(names, ", "))
		}
	}
	m := &h.cfg.Models[0]
	return "", fail(codeModelKind, "model", "missing, and none is served of the kind that is asked: %.100q is %s", m.Name, serving[m.kind()])
}
