package sparse

import (
	"cmp"
	"context"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
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
	return &Model{l, cfg.Name}, nil
}

// maxActive returns how many weights m keeps at most of a text that takes route r; 0 = all.
func maxActive(m *loader.Model, r *loader.Route) int {
	return cmp.Or(m.Spec.MaxActive, r.Spec.MaxActive)
}
