package main

import (
	"context"
	"errors"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A servedModel is an embedding model or a reranker.
type servedModel interface {
	Fingerprint(context.Context) (string, error)
	Close() error
}

// A servedQueue is one of either.
type servedQueue interface {
	Close(context.Context) error
}

func queueOf(m embedhttp.Model) servedQueue {
	if m.Rerank != nil {
		return m.Rerank
	}
	return m.Queue
}

// load loads the model of a value of --model, of the kind that its folder says. Its name
// is the one given, or else its own.
func (f *serveFlags) load(ctx context.Context, c *console, m *metrics, arg string) (servedModel, embedhttp.Model, error) {
	name, from, named := strings.Cut(arg, "=")
	if !named {
		name, from = "", arg
	}
	served := embedhttp.Model{Name: name}
	if named && name == "" || from == "" {
		return nil, served, usagef("--model %s: expected NAME=MODEL or MODEL", arg)
	}
	flags := f.model
	flags.name = from
	model, own, err := flags.loadKind(ctx, c)
	if err != nil {
		return nil, served, err
	}
	if served.Fingerprint, err = model.Fingerprint(ctx); err != nil {
		return nil, served, errors.Join(err, model.Close())
	}
	switch {
	case named:
	case from == builtin:
		served.Name, served.Aliases = builtin, []string{"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"}
	default:
		served.Name = own
	}
	cfg := embed.QueueConfig{MaxTokens: f.queueTokens, Observe: m.observeBatch(served.Name)}
	switch model := model.(type) {
	case *embed.Model:
		served.Queue, served.Info = embed.NewQueue(model, cfg), model.Info()
	case *rerank.Model:
		served.Rerank, served.RerankInfo = rerank.NewQueue(model, cfg), model.Info()
	}
	return model, served, nil
}

// loadKind loads the model that the flags name, an embedding model or a reranker, and
// returns its own name too.
func (f *modelFlags) loadKind(ctx context.Context, c *console) (servedModel, string, error) {
	dir, cfg, err := f.find(ctx, c)
	if err != nil {
		return nil, "", err
	}
	model, err := open(ctx, dir, cfg)
	if err == nil {
		return model, model.Info().Name, nil
	}
	var other *embed.KindError
	if !errors.As(err, &other) {
		return nil, "", err
	}
	pairs, crossErr := rerank.Load(ctx, dir, cfg)
	switch {
	case errors.As(crossErr, &other):
		return nil, "", err // it is of a third kind
	case crossErr != nil:
		return nil, "", crossErr
	case !pairs.Reranks():
		return nil, "", errors.Join(err, pairs.Close()) // which says what serves a classifier
	}
	return pairs, pairs.Info().Name, nil
}
