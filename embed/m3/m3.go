// Package m3 makes of a text all outputs of BAAI's bge-m3 (M3-Embedding,
// arXiv:2402.03216) in one forward pass: an embedding, a sparse vector, and a vector for
// each token.
//
//	model, err := m3.Load(ctx, "bge-m3", embed.Config{})
//	…
//	outputs, err := model.Embed(ctx, texts, m3.Options{})
//	outputs[0].Dense, outputs[0].Sparse, outputs[0].Vectors
//
// Embedding, Sparse and MultiVector have one of these each, of the same weights.
//
// They have the same bits whatever else is embedded with them, with any number of workers,
// and on every SIMD kernel set, as embed says of embeddings.
package m3

import (
	"context"
	"errors"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Model embeds texts. It is read-only: any number of calls may run at the same time.
type Model struct {
	loaded *loader.Model
	name   string
	skip   map[int32]bool // tokens without a weight

	embedding   *embed.Model // these have the weights of loaded
	sparse      *sparse.Model
	multiVector *multivector.Model
}

// Info is what a model says about itself.
type Info struct {
	embed.Facts
	Dimensions       int // of an embedding
	VectorDimensions int // of the vector of a token
}

// Load loads the model in the folder dir: an embedding model as embed.Load loads it, with
// sparse_linear.pt and colbert_linear.pt beside. It is embed.Load in all else: how weights
// are held, and what errors say. cfg.Pooling must be empty.
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

// open loads the model at the root of fsys, which lies in dir, "" where that is not known.
func open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (*Model, error) {
	fsys = loader.Share(fsys, dir)
	l, err := facade.Open(ctx, fsys, dir, cfg, packing, "a model of several outputs", modelfolder.ReadM3)
	if err != nil {
		return nil, err
	}
	m := &Model{loaded: l, name: cfg.Name, skip: map[int32]bool{}}
	for _, id := range l.Spec.M3.Skip {
		m.skip[id] = true
	}
	if packing != loader.ToRun {
		return m, nil
	}
	if m.embedding, err = embed.LoadFS(ctx, fsys, cfg); err == nil {
		m.sparse, err = sparse.LoadFS(ctx, fsys, cfg)
	}
	if err == nil {
		m.multiVector, err = multivector.LoadFS(ctx, fsys, cfg)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Embedding returns m as a model of embeddings alone, which embed.Load makes of the same
// folder. It has m's weights and is closed with it: closing one closes both.
func (m *Model) Embedding() *embed.Model { return m.embedding }

// Sparse returns m as a sparse model, as Embedding does.
func (m *Model) Sparse() *sparse.Model { return m.sparse }

// MultiVector returns m as a multi-vector model, as Embedding does.
func (m *Model) MultiVector() *multivector.Model { return m.multiVector }

// Tokenizer returns the model's.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.loaded.Default.Encoder.Tokenizer }

// Info returns what the model says about itself.
func (m *Model) Info() Info {
	r := m.loaded.Default
	return Info{facade.Facts(m.loaded, m.name), r.Dimensions, r.TokenDimensions}
}

// Fingerprint is embed.Model's, and is of all that makes the outputs.
func (m *Model) Fingerprint(ctx context.Context) (string, error) { return m.loaded.Fingerprint(ctx) }

// Close waits for the calls under way and releases the model's memory. Later calls
// return embed.ErrClosed. A second Close does nothing.
func (m *Model) Close() error { return m.loaded.Close() }
