// Package facade has what the packages of models of other kinds than embed's say alike:
// it turns the types of package embed into those of the pipeline and back.
package facade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// Open is loader.Open of what cfg says, which must have no Pooling. A folder of another
// kind than what, "a sparse model", is an *embed.KindError.
func Open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing,
	what string, read func(fs.FS, modelfolder.Options) (*modelfolder.Spec, error)) (*loader.Model, error) {
	if _, err := embed.ParsePrecision(cfg.Precision.String()); err != nil {
		return nil, err
	}
	if cfg.Pooling != "" {
		return nil, fmt.Errorf("pooling: %.50q given, expected none for %s", cfg.Pooling, what)
	}
	m, err := loader.Open(ctx, fsys, dir, loader.Config{
		Kernels: cfg.Kernels, Format: kernel.Format(cfg.Precision), Workers: cfg.Workers,
		BatchTokens: cfg.BatchTokens, MaxTokens: cfg.MaxTokens, Base: cfg.Base, Transformers: cfg.Transformers, TrustModelType: cfg.TrustModelType, Packing: packing,
	}, read)
	if other := (*modelfolder.KindError)(nil); errors.As(err, &other) {
		err = &embed.KindError{Kind: string(other.Kind), Err: err}
	}
	return m, err
}

// Facts returns those of a model of that name.
func Facts(m *loader.Model, name string) embed.Facts {
	return embed.Facts(loader.Describe[embed.Precision, embed.Loss](m, name))
}

// Outcome returns the error of a call that ended with err: faults of its inputs become an
// *embed.InputError, the first of several.
func Outcome(err error) error {
	if faults := (pipeline.Faults)(nil); errors.As(err, &faults) {
		i, err := faults.First()
		return &embed.InputError{Index: i, Err: err}
	}
	return err
}
