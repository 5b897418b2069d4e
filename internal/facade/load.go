package facade

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/loader"
)

// InDir returns what open makes of the folder dir, whose name cfg has where it has none.
func InDir[M any](ctx context.Context, dir string, cfg embed.Config, packing loader.Packing,
	open func(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (M, error)) (M, error) {
	return loader.InDir(dir, func(fsys fs.FS, name string) (M, error) {
		cfg.Name = cmp.Or(cfg.Name, name)
		return open(ctx, fsys, dir, cfg, packing)
	})
}

// Inspect returns what m, which was loaded for that, says about itself, or err.
func Inspect[I any, M interface {
	Info() I
	Close() error
}](m M, err error) (info I, _ error) {
	if err != nil {
		return info, err
	}
	return m.Info(), m.Close()
}

// Fingerprint returns that of m, which was loaded for that, or err.
func Fingerprint[M interface {
	Fingerprint(context.Context) (string, error)
	Close() error
}](ctx context.Context, m M, err error) (string, error) {
	if err != nil {
		return "", err
	}
	print, err := m.Fingerprint(ctx)
	return print, errors.Join(err, m.Close())
}
