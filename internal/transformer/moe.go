package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Experts are MLPs of which each token takes part in the Top that Router (hidden→
// experts) scores highest, each weighed by its softmax over all experts
// (arXiv:2101.03961). Bias is added once.
type Experts struct {
	Router *Linear
	MLPs   []MLP
	Top    int
	Bias   []float32
}

func (e *Experts) linears() []*Linear {
	list := []*Linear{e.Router}
	for i := range e.MLPs {
		list = append(list, e.MLPs[i].linears()...)
	}
	return list
}

func (e *Experts) operations() float64 {
	return operations(e.Router) + float64(e.Top)*e.MLPs[0].operations()
}

// routed says which tokens take part in which expert.
type routed struct {
	tokens  [][]int     // of each expert, ascending
	weights [][]float32 // theirs
}

// choose makes the lists from the scores (tokens×experts), which it overwrites.
// Of equal weights the first expert's counts as larger.
func (r *routed) choose(s *kernel.Set, scores tensor.Matrix, top int) {
	for len(r.tokens) < scores.Cols {
		r.tokens, r.weights = append(r.tokens, nil), append(r.weights, nil)
	}
	for e := range r.tokens {
		r.tokens[e], r.weights[e] = r.tokens[e][:0], r.weights[e][:0]
	}
	for i := range scores.Rows {
		row := scores.Row(i)
		s.Softmax(row, 1)
		for range top {
			best := 0
			for e, w := range row {
				if w > row[best] {
					best = e
				}
			}
			r.tokens[best] = append(r.tokens[best], i)
			r.weights[best] = append(r.weights[best], row[best])
			row[best] = -1
		}
	}
}

// routeToExperts writes the sum of the experts of x, in their order, to p.y,
// which may be x.
func (p *pass) routeToExperts(team *parallel.Team, x tensor.Matrix, m *MLP) {
	e := m.Experts
	scores := p.matrix(bufferRouterLogits, x.Rows, len(e.MLPs))
	p.apply(team, scores, x, e.Router, kernel.Identity)
	p.routed.choose(p.model.set, scores, e.Top)

	sum := p.matrix(bufferInner, x.Rows, x.Cols)
	for i := range sum.Rows {
		copy(sum.Row(i), e.Bias)
	}
	for i := range e.MLPs {
		tokens := p.routed.tokens[i]
		if len(tokens) == 0 {
			continue
		}
		in := p.matrix(bufferExpertIn, len(tokens), x.Cols)
		for j, token := range tokens {
			copy(in.Row(j), x.Row(token))
		}
		out := p.matrix(bufferExpertOut, len(tokens), x.Cols)
		p.expand(team, out, in, bufferExpertInner, &e.MLPs[i])
		for j, token := range tokens {
			p.model.set.Axpy(sum.Row(token), out.Row(j), p.routed.weights[i][j])
		}
	}
	for i := range sum.Rows {
		copy(p.y.Row(i), sum.Row(i))
	}
}
