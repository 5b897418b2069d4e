package pipeline

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// EachToken is the Head of a row for each token: the hidden states, through the
// modules that work on them.
type EachToken struct{ Modules []Module }

// Apply is that of Head.
func (e EachToken) Apply(s *Scratch, _ *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	return applyAll(e.Modules, s, h.Rows), h.Starts
}

// Grouped is the Head of a row for each of an item's Tokens.Groups, which is pooled by
// itself. That of late chunking, arXiv:2409.04701: all tokens saw the whole item.
type Grouped struct {
	Pooled          // Pooling is that of groups which are the whole item
	Group  *Pooling // of the others
}

// NewGrouped returns the Head of groups for a model that makes one vector by p, which has
// a Pooling. Of a group the token at the head is any other, so that the mean takes the
// place of "cls"; "weightedmean" counts positions from the group's first token.
func NewGrouped(p Pooled) *Grouped {
	g := &Grouped{p, &Pooling{Set: p.Pooling.Set}}
	for _, m := range p.Pooling.Modes {
		if m == PoolCLS {
			m = PoolMean
		}
		g.Group.Modes = append(g.Group.Modes, m)
	}
	return g
}

// Apply is that of Head.
func (g *Grouped) Apply(s *Scratch, _ *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	hidden := applyAll(g.Tokens, s, h.Rows)
	starts := append(s.groupStarts[:0], 0)
	for _, groups := range h.Groups {
		starts = append(starts, starts[len(starts)-1]+len(groups))
	}
	s.groupStarts = starts
	rows := s.matrix(starts[len(starts)-1], len(g.Pooling.Modes)*hidden.Cols)
	sums := grow(&s.sums, hidden.Cols)
	for i, groups := range h.Groups {
		item := hidden.Slice(h.Starts[i], h.Starts[i+1])
		for j, group := range groups {
			row := rows.Row(starts[i] + j)
			if group == nil {
				g.Pooling.apply(row, item, h.Skip[i], sums)
			} else {
				g.Group.apply(row, s.gather(item, group), 0, sums)
			}
		}
	}
	return applyAll(g.Modules, s, rows), starts
}

// gather returns the rows of h that group, which is ascending, names.
func (s *Scratch) gather(h tensor.Matrix, group []int32) tensor.Matrix {
	from, to := int(group[0]), int(group[len(group)-1])+1
	if to-from == len(group) {
		return h.Slice(from, to)
	}
	rows := asMatrix(grow(&s.group, len(group)*h.Cols), len(group), h.Cols)
	for i, t := range group {
		copy(rows.Row(i), h.Row(int(t)))
	}
	return rows
}

// TableTokens is a Table as an Encoder whose hidden states are those of tokens: the
// vector of each.
type TableTokens struct{ *Table }

// Forward is that of Encoder: a row is a token's vector times its weight.
func (t TableTokens) Forward(_ context.Context, _ *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error) {
	rows := asMatrix(grow(&s.hidden, len(b.IDs)*t.Width()), len(b.IDs), t.Width())
	for i, id := range b.IDs {
		row := rows.Row(i)
		t.row(row, int(id))
		if t.Weights != nil {
			t.Set.Scale(row, t.Weights[id])
		}
	}
	return rows, nil
}
