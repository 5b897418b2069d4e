package multivector

import (
	"context"
	"io/fs"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// The tasks of a text.
const (
	query = iota
	document
)

// A side is what a model does with the texts of a task.
type side struct {
	task     string // the name of its prompt
	limit    int    // of a text's tokens; 0 = none
	first    int    // tokens at the start whose vectors are left out
	drop     []bool // of each token id: its vectors are left out; nil = none is
	expand   *modelfolder.Expansion
	grouping *modelfolder.TokenPooling
}

// open loads the model at the root of fsys, which lies in dir, "" where that is not known.
func open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (*Model, error) {
	l, err := facade.Open(ctx, fsys, dir, cfg, packing, "a multi-vector model", modelfolder.ReadMulti)
	if err != nil {
		return nil, err
	}
	s := l.Spec.Multi
	m := &Model{loaded: l, name: cfg.Name}
	m.sides = [2]side{query: newSide("query", l, &s.Query), document: newSide("document", l, &s.Document)}
	m.sides[query].expand = s.Expansion
	return m, nil
}

// newSide returns the side of a task as the folder says.
func newSide(task string, l *loader.Model, s *modelfolder.Side) side {
	e := l.Default.Encoder
	made := side{task: task, limit: e.Options().MaxTokens, first: l.Spec.Multi.First}
	if n := s.MaxTokens; n > 0 {
		made.limit = modelfolder.Lowest(n, e.Transformer.MaxPositions)
	}
	if s.Pool {
		made.grouping = l.Spec.Multi.Pooling
	}
	if len(s.Skip) == 0 && s.Keep == nil {
		return made
	}
	made.drop = make([]bool, e.Runs.Vocabulary())
	for i := range made.drop {
		made.drop[i] = s.Keep != nil
	}
	for _, id := range s.Keep {
		if id >= 0 && int(id) < len(made.drop) {
			made.drop[id] = false
		}
	}
	for _, id := range s.Skip {
		if int(id) < len(made.drop) {
			made.drop[id] = true
		}
	}
	return made
}
