package command

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// An inspected model is what one says about itself, and what its weights need in memory
// at each precision.
type inspected struct {
	description
	fingerprint string
	memory      []memoryNeed
}

// A memoryNeed is what a model's weights need at a precision.
type memoryNeed struct {
	precision string
	bytes     int64
}

// A description is what a model says about itself. What models of every kind say is in
// the first, what is of one kind alone in the others.
type description struct {
	embed.Info
	cross  *rerank.Info      // of a reranker or a classifier
	multi  *multivector.Info // of a multi-vector model
	sparse *sparse.Info      // of a sparse model
	others []string          // kinds that an embedding model's folder has besides
}

// kinds returns what the model is: first what it is described as, then what else the folder
// has.
func (d *description) kinds() []string {
	switch {
	case d.multi != nil:
		return []string{"multi-vector"}
	case d.sparse != nil:
		return []string{"sparse"}
	case d.cross == nil:
		return append([]string{"embedding"}, d.others...)
	case len(d.cross.Labels) == 1:
		return []string{"reranker"}
	}
	return []string{"classifier"}
}

// otherKinds returns what a folder with an embedding model has besides.
func otherKinds(ctx context.Context, dir string, cfg embed.Config) (kinds []string) {
	if i, err := sparse.Inspect(ctx, dir, cfg); err == nil && !i.Overruled {
		kinds = append(kinds, "sparse")
	}
	if _, err := multivector.Inspect(ctx, dir, cfg); err == nil {
		kinds = append(kinds, "multi-vector")
	}
	return kinds
}

// inspect inspects the model in a folder, "" for the one inside the binary, as one of
// allKinds, "" for what the folder says it is, without loading the folder's weights.
func inspect(ctx context.Context, dir string, cfg embed.Config, as string) (i inspected, err error) {
	if i.description, err = describe(ctx, dir, cfg, as); err != nil {
		return i, err
	}
	if as == "" && dir != "" {
		i.others = otherKinds(ctx, dir, cfg)
	}
	switch {
	case i.multi != nil:
		i.fingerprint, err = multivector.Fingerprint(ctx, dir, cfg)
	case i.sparse != nil:
		i.fingerprint, err = sparse.Fingerprint(ctx, dir, cfg)
	case i.cross != nil:
		i.fingerprint, err = rerank.Fingerprint(ctx, dir, cfg)
	case dir != "":
		i.fingerprint, err = embed.Fingerprint(ctx, dir, cfg)
	default:
		var m *embed.Model
		if m, err = minilm.Load(ctx, cfg); err != nil {
			return i, err
		}
		defer m.Close() //nolint:errcheck // nothing was written
		i.fingerprint, err = m.Fingerprint(ctx)
	}
	// A precision may refuse what another one takes, so each is asked for what it needs.
	own := cfg.Precision
	for _, p := range embed.Precisions() {
		if err != nil {
			return i, err
		}
		bytes := i.MemoryBytes
		if p != own {
			cfg.Precision = p
			var other description
			other, err = describe(ctx, dir, cfg, as)
			bytes = other.MemoryBytes
		}
		i.memory = append(i.memory, memoryNeed{p.String(), bytes})
	}
	return i, err
}

// describe returns what the model in a folder, "" for the one inside the binary, says
// about itself, as one of allKinds, "" for what the folder says it is.
func describe(ctx context.Context, dir string, cfg embed.Config, as string) (d description, err error) {
	if err := checkBuiltin(dir, as); err != nil {
		return d, err
	}
	if dir == "" {
		m, err := minilm.Load(ctx, cfg)
		if err != nil {
			return d, err
		}
		return description{Info: m.Info()}, m.Close()
	}
	switch as {
	case asSparse:
		m, err := sparse.Inspect(ctx, dir, cfg)
		d.sparse = &m
		d.Facts, d.Routes = m.Facts, m.Routes
		return d, err
	case asMultiVector:
		m, err := multivector.Inspect(ctx, dir, cfg)
		d.multi = &m
		d.Facts = m.Facts
		return d, err
	case asRerank, asClassify:
		c, err := rerank.Inspect(ctx, dir, cfg)
		if err == nil {
			err = checkCross(c, as)
		}
		d.cross = &c
		d.Facts = c.Facts
		return d, err
	}
	d.Info, err = embed.Inspect(ctx, dir, cfg)
	var other *embed.KindError
	if as != "" || !errors.As(err, &other) || asOf[other.Kind] == "" {
		return d, err
	}
	found, otherErr := describe(ctx, dir, cfg, asOf[other.Kind])
	if errors.As(otherErr, &other) {
		return d, err // it is of a third kind
	}
	return found, otherErr
}
