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

// expertsConfig is what a config.json says of a mixture of experts in some layers, under
// the names of the code that is published beside nomic-ai/nomic-embed-text-v2-moe.
type expertsConfig struct {
	NumExperts          int  `json:"num_experts"` // 0 = none
	MoETopK             int  `json:"moe_top_k"`
	MoEEveryNLayers     int  `json:"moe_every_n_layers"`
	MoENormalizeWeights bool `json:"moe_normalize_expert_weights"`
	ExpertChoiceRouter  bool `json:"expert_choice_router"`
	NumSharedExperts    int  `json:"num_shared_experts"`
}

// checkExperts checks c.
func (c *expertsConfig) checkExperts(w *weights) {
	if most := 1 << 16; c.NumExperts < 0 || c.NumExperts > most {
		w.refusef("num_experts: found %d, expected 0 to %d", c.NumExperts, most)
	}
	if c.NumExperts == 0 {
		return
	}
	if c.MoEEveryNLayers < 1 || c.MoETopK < 1 || c.MoETopK > c.NumExperts {
		w.refusef("moe_every_n_layers, moe_top_k: found %d and %d, expected 1 or more, the second at most num_experts %d",
			c.MoEEveryNLayers, c.MoETopK, c.NumExperts)
	}
	w.only("moe_normalize_expert_weights", c.MoENormalizeWeights, false)
	w.only("expert_choice_router", c.ExpertChoiceRouter, false)
	w.only("num_shared_experts", c.NumSharedExperts, 0)
}

// hasExperts reports whether the MLP of layer i is one of experts.
func (c *expertsConfig) hasExperts(i int) bool { return c.NumExperts > 0 && i%c.MoEEveryNLayers == 1 }

// experts returns those under w's path, of m's kind, whose weights lie one below the
// other, without a bias.
func (c *expertsConfig) experts(w *weights, m MLP, hidden, inner int) *Experts {
	if _, ok := w.rowsOf(part{"experts.mlp.w1", c.NumExperts * inner, 0, c.NumExperts * inner}, hidden); !ok {
		return new(Experts)
	}
	e := &Experts{
		Router: w.exact().linear(hidden, withoutBias, whole("router.layer", c.NumExperts)),
		MLPs:   make([]MLP, c.NumExperts),
		Top:    c.MoETopK,
		Bias:   w.at("experts").vector(hidden, "bias"),
	}
	for i := range e.MLPs {
		m.Up = w.linear(hidden, withoutBias, part{"experts.mlp.w1", c.NumExperts * inner, i * inner, (i + 1) * inner})
		m.Down = w.linearTransposed(hidden, part{"experts.mlp.w2", c.NumExperts * inner, i * inner, (i + 1) * inner})
		e.MLPs[i] = m
	}
	return e
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
