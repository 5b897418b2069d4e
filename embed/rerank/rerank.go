// Package rerank scores pairs of texts with cross-encoders: rerankers and classifiers.
//
//	model, err := rerank.Load(ctx, "ms-marco-MiniLM-L6-v2", embed.Config{})
//	…
//	ranked, err := model.Rank(ctx, "a query", documents, 3, rerank.Options{})
//	fmt.Println(documents[ranked[0].Index], ranked[0].Value)
//
// A score has the same bits whatever else is scored with it, with any number of workers,
// and on every SIMD kernel set, as embed says of embeddings.
package rerank

import (
	"context"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// A Model scores pairs of texts. It is read-only: any number of calls may run at the
// same time.
type Model struct {
	loaded     *loader.Model
	info       Info
	activation pipeline.Activation // of scores
	template   *loader.Chat        // that makes a text of a pair; nil = the tokenizer makes pairs
	typed      bool                // the model reads the token types of pairs
	special    [2]int              // tokens of an empty text, and of an empty pair
	noPairs    error               // why the tokenizer makes no pairs
}

// Info is what a model says about itself.
type Info struct {
	embed.Facts
	Labels     []string // of a classifier, in the order of its outputs; one of a reranker
	MultiLabel bool     // each label is true or not by itself
	Activation string   // of a score: the class of torch.nn, "Sigmoid", "Identity" …
	Overruled  bool     // the folder says that it is an embedding model, see Load
}

// Load loads the reranker or the classifier in the folder dir, as sentence-transformers'
// CrossEncoder writes it up to version 6.2, or as transformers writes a model for
// sequence classification. A causal model as transformers writes it, which embed.Load takes
// for an embedding model, is a reranker here: its score is the logit of the token "yes" less
// that of "no", if its vocabulary has both. It is embed.Load in all else: how weights are held, and what
// errors say. A folder of another kind is an *embed.KindError that names what serves it.
// cfg.Pooling must be empty.
func Load(ctx context.Context, dir string, cfg embed.Config) (*Model, error) {
	return facade.InDir(ctx, dir, cfg, loader.ToRun, open)
}

// LoadFS loads the model at the root of fsys as Load does. Weights in a file with a
// method Bytes() []byte are used in place, see tensor.OpenFS.
func LoadFS(ctx context.Context, fsys fs.FS, cfg embed.Config) (*Model, error) {
	return open(ctx, fsys, "", cfg, loader.ToRun)
}

// Inspect returns what Load(ctx, dir, cfg) would say about its model, without packing the
// weights, as embed.Inspect does.
func Inspect(ctx context.Context, dir string, cfg embed.Config) (Info, error) {
	return facade.Inspect(facade.InDir(ctx, dir, cfg, loader.ToCount, open))
}

// Fingerprint returns that of the model which Load(ctx, dir, cfg) would load, without packing
// the weights: it reads them once.
func Fingerprint(ctx context.Context, dir string, cfg embed.Config) (string, error) {
	m, err := facade.InDir(ctx, dir, cfg, loader.ToCount, open)
	return facade.Fingerprint(ctx, m, err)
}

// Info returns what the model says about itself.
func (m *Model) Info() Info {
	i := m.info
	i.Facts, i.Labels = facade.Facts(m.loaded, i.Name), slices.Clone(i.Labels)
	return i
}

// Reranks reports whether the model has one output: then Score, Rank and Pairs serve it.
// Classify and ClassifyPairs serve every model.
func (m *Model) Reranks() bool { return len(m.info.Labels) == 1 }

// Fingerprint is embed.Model's, and is of all that makes the scores: labels, activation
// and chat template too.
func (m *Model) Fingerprint(ctx context.Context) (string, error) { return m.loaded.Fingerprint(ctx) }

// Close waits for the calls under way and releases the model's memory. Later calls
// return embed.ErrClosed. A second Close does nothing.
func (m *Model) Close() error { return m.loaded.Close() }
