// Package multivector embeds texts as a vector for each token, with ColBERT and its like,
// and scores documents by MaxSim: late interaction.
//
//	model, err := multivector.Load(ctx, "answerai-colbert-small-v1", embed.Config{})
//	…
//	query, err := model.EmbedQuery(ctx, "a query", multivector.Options{})
//	documents, err := model.EmbedDocuments(ctx, texts, multivector.Options{})
//	score, err := multivector.MaxSim(query.Vectors, documents[0].Vectors)
//
// Vectors and scores have the same bits whatever else is embedded with them, with any
// number of workers, and on every SIMD kernel set, as embed says of embeddings.
package multivector

import (
	"context"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Model embeds texts. It is read-only: any number of calls may run at the same time.
type Model struct {
	loaded *loader.Model
	name   string
	sides  [2]side
}

// Info is what a model says about itself.
type Info struct {
	embed.Facts
	Dimensions     int  // of a vector
	QueryTokens    int  // of a query at most, special tokens included; 0 = no limit
	ExpandedTokens int  // that a query has at least; 0 = no more than its text
	MeanMaxSim     bool // Score divides by the vectors of the query
}

// Load loads the multi-vector model in the folder dir, as sentence-transformers'
// MultiVectorEncoder writes it up to version 6.2, PyLate up to 3, or Stanford's ColBERT; an
// embedding model with colbert_linear.pt beside it, bge-m3, is one too.
// It is embed.Load in all else: how weights are held, and what errors say. A folder of
// another kind is an *embed.KindError that names what serves it. cfg.Pooling must be empty.
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
	q := &m.sides[query]
	i := Info{
		Facts: facade.Facts(m.loaded, m.name), Dimensions: m.loaded.Default.Dimensions,
		QueryTokens: q.limit, MeanMaxSim: m.loaded.Spec.Multi.Mean,
	}
	if q.expand != nil {
		i.ExpandedTokens = q.expand.Length
	}
	i.MaxTokens = m.sides[document].limit
	return i
}

// Tokenizer returns the model's.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.loaded.Default.Encoder.Tokenizer }

// Reading returns how documents are read in a request with these options. The error is an
// *embed.OptionError.
func (m *Model) Reading(opts Options) (embed.Reading, error) {
	c := m.newCall(document, nil, opts)
	if err := c.check(); err != nil {
		return embed.Reading{}, err
	}
	return c.Texts.Reading(), nil
}

// Fingerprint is embed.Model's, and is of all that makes the vectors.
func (m *Model) Fingerprint(ctx context.Context) (string, error) { return m.loaded.Fingerprint(ctx) }

// Close waits for the calls under way and releases the model's memory. Later calls
// return embed.ErrClosed. A second Close does nothing.
func (m *Model) Close() error { return m.loaded.Close() }
