package sparse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// open loads the model at the root of fsys, which lies in dir, "" where that is not known.
func open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (*Model, error) {
	if _, err := embed.ParsePrecision(cfg.Precision.String()); err != nil {
		return nil, err
	}
	if cfg.Pooling != "" {
		return nil, fmt.Errorf("pooling: %.50q given, expected none for a sparse model", cfg.Pooling)
	}
	format := kernel.Format(cfg.Precision)
	l, err := loader.Open(ctx, fsys, dir, loader.Config{
		Kernels: cfg.Kernels, Format: format, Workers: cfg.Workers,
		BatchTokens: cfg.BatchTokens, MaxTokens: cfg.MaxTokens, Packing: packing,
	}, modelfolder.ReadSparse)
	if other := (*modelfolder.KindError)(nil); errors.As(err, &other) {
		err = &embed.KindError{Kind: string(other.Kind), Err: err}
	}
	if err != nil {
		return nil, err
	}
	e := l.Default.Encoder
	return &Model{loaded: l, info: Info{
		Name: cfg.Name, Family: e.Runs.Family(), Layers: e.Runs.Layers(), Vocabulary: l.Default.Dimensions,
		MaxActive: l.Spec.Sparse.MaxActive, MaxTokens: e.Options().MaxTokens,
		Prompts: l.Prompts, DefaultPrompt: l.Spec.DefaultPrompt,
		Precision: cfg.Precision, Arithmetic: l.Set.How(format), Kernels: l.Set.Name(), Workers: l.Workers,
		MemoryBytes: l.Bytes,
	}}, nil
}
