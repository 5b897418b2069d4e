package main

import (
	"context"
	"errors"
	"fmt"
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
	model, err := f.load(ctx, c)
	if err == nil {
		return model, model.Info().Name, nil
	}
	var other *embed.KindError
	if !errors.As(err, &other) || other.Kind != "reranker" && other.Kind != "cross-encoder" {
		return nil, "", err
	}
	dir, cfg, err := f.find(ctx, c)
	if err != nil {
		return nil, "", err
	}
	pairs, err := rerank.Load(dir, cfg)
	if err != nil {
		return nil, "", err
	}
	if !pairs.Reranks() {
		err := fmt.Errorf("model %q: a classifier, which rhumb classify serves; expected an embedding model or a reranker", f.name)
		return nil, "", errors.Join(err, pairs.Close())
	}
	return pairs, pairs.Info().Name, nil
}
