// Package sparse embeds texts as weights of the entries of a vocabulary, most of which
// are zero: SPLADE and its like. An Index searches them.
//
//	model, err := sparse.Load(ctx, "splade-v3", embed.Config{})
//	…
//	vectors, err := model.Embed(ctx, []string{"a text", "another"}, sparse.Options{})
//	fmt.Println(sparse.Dot(vectors[0], vectors[1]))
//
// A vector has the same bits whatever else is embedded with it, with any number of
// workers, and on every SIMD kernel set, as embed says of embeddings.
package sparse

import (
	"context"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Model embeds texts. It is read-only: any number of calls may run at the same time.
type Model struct {
	loaded *loader.Model
	name   string
}

// Info is what a model says about itself.
type Info struct {
	embed.Facts
	Latents   bool     // indices are those of a SparseAutoEncoder's latents, and not token ids
	Overruled bool     // the folder says that it is an embedding model, a masked-language model without modules.json
	MaxActive int      // weights that a vector has at most; 0 = all that are not zero
	Routes    []string // prompt names that choose among several ways through the model, ascending; nil = there is one
}

// Load loads the sparse model in the folder dir. What sentence-transformers' SparseEncoder
// writes up to version 6.2 is one: a masked-language model with a SpladePooling; weights
// of tokens, alone or beside that in a Router, where the prompt name of a request chooses,
// and queries do not run the transformer; an embedding model with a SparseAutoEncoder. So
// is a masked-language model as transformers writes it, whose greatest weights are pooled,
// and an embedding model of GTE's with one label for each token, which are its lexical
// weights, and one with sparse_linear.pt beside it, bge-m3.
//
// It is embed.Load in all else: how weights are held, and what errors say. A folder of
// another kind is an *embed.KindError that names what serves it; one whose sparse vectors
// come of other modules is an error that names those. cfg.Pooling must be empty.
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
	l := m.loaded
	i := Info{
		Facts: facade.Facts(l, m.name), Overruled: l.Spec.Overruled, MaxActive: maxActive(l, l.Default), Routes: l.RouteNames(),
		Latents: slices.ContainsFunc(l.Default.Spec.Modules, func(m *modelfolder.Module) bool { return m.Class == modelfolder.SparseAutoEncoder }),
	}
	i.Vocabulary = l.Default.Dimensions
	return i
}

// Fingerprint is embed.Model's, and is of all that makes the vectors.
func (m *Model) Fingerprint(ctx context.Context) (string, error) { return m.loaded.Fingerprint(ctx) }

// Tokenizer returns the model's tokenizer.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.loaded.Default.Encoder.Tokenizer }

// Prompt returns what comes before each text of a request with these options; "" for
// none. The error is an *embed.OptionError.
func (m *Model) Prompt(opts Options) (string, error) {
	c := m.newCall(nil, opts)
	err := c.check()
	return c.Reader.Prompt, err
}

// Reading returns how texts are read in a request with these options. The error is an
// *embed.OptionError.
func (m *Model) Reading(opts Options) (embed.Reading, error) {
	c := m.newCall(nil, opts)
	if err := c.check(); err != nil {
		return embed.Reading{}, err
	}
	return c.Texts.Reading(), nil
}

// Close waits for the calls under way and releases the model's memory. Later calls
// return embed.ErrClosed. A second Close does nothing.
func (m *Model) Close() error { return m.loaded.Close() }
