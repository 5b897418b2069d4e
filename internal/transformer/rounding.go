package transformer

import (
	"context"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Rounded has what stands for weights of linear layers, in Int4 or some in Int8, and for their biases, by the name of their tensor.
type Rounded struct {
	Weights map[string]*weight.Matrix
	Biases  map[string][]float32
}

// A rounding is what Round has while it runs.
type rounding struct {
	tokens  int // of one of the two copies of the batch
	counted []countedToken
	tensors map[string]*weight.Matrix
	rows    map[string]int          // of a tensor that are rounded
	biases  map[string]*roundedBias // by the name of the tensor with the weight
	seen    map[*Linear]bool        // layers that were used
	finer   map[string]bool         // the names of those in Int8
	exact   Linear                  // the layer at hand in float32
	rounded Linear                  // and rounded
	right   Linear                  // of product
	rough   []float32               // what the rounded layer makes
}

// A roundedBias is the bias of rounded weights, and the name of its tensor.
type roundedBias struct {
	name   string
	values []float32
}

// OpenToRound is OpenToCalibrate in Int4, for Round.
func OpenToRound(ctx context.Context, c Config) (*Model, error) {
	return openToCalibrate(ctx, c, kernel.Int4, new(kernel.Panels))
}

// Round returns the weights of the linear layers of m in Int4, rounded so that what errors there are
// make up for each other in the outputs for the tokens of b: by GPTQ (arXiv:2210.17323) with the inputs of each layer
// behind rounded ones, and with its outputs behind others as the aim (GPTAQ, arXiv:2504.02692). Biases, where
// there are any, make up for the mean of what is left. Weights that are not
// floats in the file are not among them, nor are those of layers that are used twice, or for some tokens alone.
// Layers with the names finer, as in Outliers, are in Int8, with their outliers for these tokens.
// Of each sequence of b every so many tokens count for all of them, but for no more than roundTimes: every first one where there is no number for it.
// m was made by OpenToRound, and must not be in use.
func (m *Model) Round(ctx context.Context, team *parallel.Team, b Batch, every []int, finer map[string]bool) (*Rounded, error) {
	n := len(b.IDs)
	twice := Batch{IDs: slices.Concat(b.IDs, b.IDs), Starts: slices.Clone(b.Starts)} // as they are, and behind rounded layers
	for _, at := range b.Starts[1:] {
		twice.Starts = append(twice.Starts, n+at)
	}
	r := &rounding{tokens: n, counted: countedTokens(b, every), rows: map[string]int{}, seen: map[*Linear]bool{}, finer: finer,
		tensors: map[string]*weight.Matrix{}, biases: map[string]*roundedBias{}}
	m.rounding = r
	defer func() { m.rounding = nil }()
	if err := m.Forward(ctx, team, tensor.NewMatrix(2*n, m.Hidden), twice); err != nil {
		return nil, err
	}
	to := &Rounded{Weights: r.tensors, Biases: map[string][]float32{}}
	for name, t := range r.tensors {
		if r.rows[name] != t.Rows {
			delete(r.tensors, name)
		} else if b := r.biases[name]; b != nil {
			to.Biases[b.name] = b.values
		}
	}
	return to, nil
}

// A countedToken is a token that counts for so many.
type countedToken struct {
	token int
	times float64
}

// roundTimes is what a token counts at the most.
const roundTimes = 4

// countedTokens returns every so many of the tokens of each sequence of b, see Round.
func countedTokens(b Batch, every []int) (tokens []countedToken) {
	for i := range b.Sequences() {
		step := 1
		if i < len(every) {
			step = max(every[i], 1)
		}
		for at := b.Starts[i]; at < b.Starts[i+1]; at += step {
			tokens = append(tokens, countedToken{at, float64(min(step, b.Starts[i+1]-at, roundTimes))})
		}
	}
	return tokens
}

// rounds reports whether round is to apply w.
func (p *pass) rounds(w *Linear) bool {
	return p.model.rounding != nil && w.Format == kernel.Int4 && p.task.branch(w) == nil
}

// round writes activation(x·w + bias) to dst, which may be x: in float32, and by the rounded weights for the
// second half of the rows, which has the tokens of the first.
func (p *pass) round(team *parallel.Team, dst, x tensor.Matrix, w *Linear, activation kernel.Activation) {
	m, r := p.model, p.model.rounding
	p.ready = nil
	source, rough := m.sources[w], tensor.Matrix{}
	switch {
	case source == nil || x.Rows != 2*r.tokens:
	case r.seen[w]:
		for _, s := range source.sources {
			delete(r.rows, s.tensor.Name)
		}
	default:
		r.seen[w] = true
		r.layer(p, team, x, w, source)
		rough = reuse(&r.rough, r.tokens, w.N)
		p.packFor(team, x.Slice(r.tokens, 2*r.tokens), &r.rounded)
		p.multiply(team, linearTask{dst: rough, w: &r.rounded})
	}
	r.exact.Resize(kernel.Float32, w.K, w.N)
	copy(r.exact.Bias, w.Bias)
	m.packs[w](&r.exact)
	p.packFor(team, x, &r.exact)
	p.multiply(team, linearTask{dst: dst, w: &r.exact})
	for i := range rough.Rows {
		copy(dst.Row(r.tokens + i)[:w.N], rough.Row(i))
	}
	m.set.Activate(activation, dst.Data, dst.Stride, dst.Rows, w.N)
}

// layer rounds the weights of w, which are those of source, for the inputs x, and packs them into r.rounded.
func (r *rounding) layer(p *pass, team *parallel.Team, x tensor.Matrix, w *Linear, source *panelTask) {
	rows := tensor.NewMatrix(w.N, w.K)
	source.read(rows, 0, nil)
	var to *weight.Matrix
	if r.finer[p.model.names[w]] {
		to = weight.NewMatrix(weight.Int8, w.N, w.K, p.outliers(x.Slice(r.tokens, 2*r.tokens), w.K)...)
		for i := range w.N {
			_ = to.QuantizeRow(i, rows.Row(i)) // what is not finite, Quantize finds
		}
		r.rounded.ResizeInt8(w.K, w.N, to.Outliers)
	} else {
		to = weight.NewMatrix(weight.Int4, w.N, w.K)
		r.rounded.Resize(kernel.Int4, w.K, w.N)
	}
	biased := !slices.ContainsFunc(source.sources, func(s rowsOf) bool { return s.bias.Name == "" })
	copy(r.rounded.Bias, w.Bias)
	r.compensate(p, team, to, rows, x, biased)
	for i := range r.rounded.Count() {
		var memory packMemory
		memory.take(to, i*kernel.Panel, min(kernel.Panel, w.N-i*kernel.Panel))
		if to.Scheme == weight.Int8 {
			p.model.set.PackInt8(&r.rounded, i, memory.codes, memory.scales, memory.kept)
		} else {
			p.model.set.PackInt4(&r.rounded, i, memory.codes, memory.scales)
		}
	}
	at := 0
	for _, s := range source.sources {
		name := s.tensor.Name
		if r.tensors[name] == nil {
			r.tensors[name] = weight.NewMatrix(to.Scheme, s.tensor.Shape[0], w.K, to.Outliers...)
		}
		if biased && r.biases[name] == nil {
			r.biases[name] = &roundedBias{name: s.bias.Name, values: make([]float32, s.tensor.Shape[0])}
		}
		r.rows[name] += s.to - s.from
		for i := s.from; i < s.to; i++ {
			r.tensors[name].SetRow(i, to, at)
			if biased {
				r.biases[name].values[i] = r.rounded.Bias[at]
			}
			at++
		}
	}
}

// outliers returns those of a layer with k inputs, see Outliers, for the inputs x.
func (p *pass) outliers(x tensor.Matrix, k int) []int {
	reach := make([]float32, k)
	for i := range x.Rows {
		for j, v := range x.Row(i)[:k] {
			reach[j] = max(reach[j], v, -v)
		}
	}
	return largest(reach)
}
