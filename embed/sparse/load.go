package sparse

import (
	"cmp"
	"context"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// open loads the model at the root of fsys, which lies in dir, "" where that is not known.
func open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (*Model, error) {
	l, err := facade.Open(ctx, fsys, dir, cfg, packing, "a sparse model", modelfolder.ReadSparse)
	if err != nil {
		return nil, err
	}
	if err := l.SameDimensions(); err != nil {
		_ = l.Close() // err says more
		return nil, err
	}
	e := l.Default.Encoder
	return &Model{loaded: l, info: Info{
		Name: cfg.Name, Family: e.Runs.Family(), Layers: e.Runs.Layers(), Vocabulary: l.Default.Dimensions,
		Overruled: l.Spec.Overruled, MaxActive: maxActive(l, l.Default), MaxTokens: e.Options().MaxTokens,
		Prompts: l.Prompts, DefaultPrompt: l.Spec.DefaultPrompt, Routes: l.RouteNames(),
		Precision: cfg.Precision, Arithmetic: l.Set.How(kernel.Format(cfg.Precision)), Kernels: l.Set.Name(), Workers: l.Workers,
		MemoryBytes: l.Bytes, Transformers: e.Tokenizer.Version(), TokenizerReading: e.Tokenizer.Reading(), TrustedCode: l.Trusted, Ignored: l.Spec.Ignored.List(), Stored: e.Stored(),
		Latents: slices.ContainsFunc(l.Default.Spec.Modules, func(m *modelfolder.Module) bool { return m.Class == modelfolder.SparseAutoEncoder }),
	}}, nil
}

// maxActive returns how many weights m keeps at most of a text that takes route r; 0 = all.
func maxActive(m *loader.Model, r *loader.Route) int {
	return cmp.Or(m.Spec.MaxActive, r.Spec.MaxActive)
}
