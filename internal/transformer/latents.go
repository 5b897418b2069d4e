package transformer

import (
	"runtime"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Latents are what NV-Embed (arXiv:2405.17428) does with the last hidden states: each token
// attends to a table of vectors that were learned, and an MLP follows.
//
//	x = x + Output(attention of Queries(In(x)) to Keys and Values)
//	x = x + MLP(MLPIn(x))
type Latents struct {
	In, MLPIn       *Norm
	Queries, Output *Linear
	Keys            []kernel.Panels // of each head: its width × vectors
	Values          []kernel.Panels // of each head: vectors × its width
	Scale           float32         // of the scores
	MLP             MLP
}

// latentRows is how many tokens a part of a latentTask has.
const latentRows = 64

// A latentTask computes one head of some tokens, in the place of their queries.
type latentTask struct {
	p         *pass
	latents   *Latents
	attention Attention // all of which that tells of such a head
	queries   tensor.Matrix
	team      *parallel.Team // that yields within a part
	heads     []*head        // one for each worker
}

func (t *latentTask) Run(worker, i int) {
	l, own := t.latents, t.heads[worker]
	head, from := i%len(l.Keys), i/len(l.Keys)*latentRows
	own.keys, own.values = l.Keys[head], l.Values[head]
	width := own.values.N
	q := columns(t.queries.Slice(from, min(from+latentRows, t.queries.Rows)), head*width, (head+1)*width)
	own.mix(t.p.model.set, &t.attention, q, q, 0, t.team)
}

// latents computes l of p.x, in place.
func (p *pass) latents(team *parallel.Team, l *Latents) {
	p.norms(team, normTask{next: l.In, dst: p.y, feeds: l.Queries})
	t := &p.latent
	t.p, t.latents, t.team, t.queries = p, l, team, p.matrix(bufferInner, p.x.Rows, l.Queries.N)
	t.attention.Scale = l.Scale
	p.apply(team, t.queries, p.y, l.Queries, kernel.Identity)
	for len(t.heads) < team.Size() {
		t.heads = append(t.heads, new(head))
	}
	team.For(parts(p.x.Rows, latentRows)*len(l.Keys), t)
	p.apply(team, p.y, t.queries, l.Output, kernel.Identity)
	p.norms(team, normTask{add: p.y, next: l.MLPIn, dst: p.y, feeds: l.MLP.Up})
	p.mlp(team, p.y, &l.MLP)
	p.norms(team, normTask{add: p.y})
}

// operations returns those of one token.
func (l *Latents) operations() float64 {
	pairs := float64(len(l.Keys) * l.Values[0].K * l.Values[0].N)
	return operations(l.Queries, l.Output) + l.MLP.operations() + 4*pairs
}

// A latentPacking makes the keys and values of a head of vectors that are normed.
type latentPacking struct {
	w       *weights
	vectors tensor.Matrix
	from    tensor.Tensor // keys, then values: outputs×inputs
	to      *Latents
}

func (t *latentPacking) Run(_, i int) {
	k, v := &t.to.Keys[i], &t.to.Values[i]
	product, s := t.product(i, v.N), t.w.set
	for j := range k.Count() {
		s.PackTransposed(k, j, product.Slice(j*kernel.Panel, min((j+1)*kernel.Panel, product.Rows)))
	}
	product = t.product(len(t.to.Keys)+i, v.N)
	for j := range v.Count() {
		s.Pack(v, j, product)
	}
}

// product returns the vectors times block i of the weight, of so many outputs.
func (t *latentPacking) product(i, outputs int) tensor.Matrix {
	s, inputs := t.w.set, t.vectors.Cols
	weight, product := tensor.NewMatrix(outputs, inputs), tensor.NewMatrix(t.vectors.Rows, outputs)
	t.w.convert(weight.Data, t.from, i*outputs*inputs)
	var right kernel.Panels
	right.Resize(kernel.Float32, inputs, outputs)
	for j := range right.Count() {
		s.PackTransposed(&right, j, weight.Slice(j*kernel.Panel, min((j+1)*kernel.Panel, outputs)))
	}
	var left kernel.Rows
	left.Resize(s, t.vectors.Rows, &right)
	for j := range left.Tiles() {
		s.PackRows(&left, j, t.vectors)
	}
	s.Multiply(product, &left, 0, left.Tiles(), &right, 0, right.Count(), 0, kernel.Identity)
	return product
}

// packLatents makes the keys and values of l, of so many heads, of the vectors and the weight
// that w has under these names.
func (w *weights) packLatents(l *Latents, vectors string, count int, context *Norm, weight string, heads, width int) {
	inputs := len(context.Gamma)
	table, ok := w.tensor(vectors, count, inputs)
	from, also := w.tensor(weight, 2*heads*width, inputs)
	if !ok || !also || inputs == 0 {
		return
	}
	l.Keys, l.Values = make([]kernel.Panels, heads), make([]kernel.Panels, heads)
	w.bytes += int64(heads) * (kernel.PanelsBytes(kernel.Float32, width, count) + kernel.PanelsBytes(kernel.Float32, count, width))
	for i := range l.Keys {
		if w.set != nil {
			l.Keys[i].Resize(kernel.Float32, width, count)
			l.Values[i].Resize(kernel.Float32, count, width)
		}
	}
	if w.set == nil || w.ctx.Err() != nil {
		return
	}
	t := latentPacking{w: w, vectors: tensor.NewMatrix(count, inputs), from: from, to: l}
	w.convert(t.vectors.Data, table, 0)
	for i := range count {
		context.apply(w.set, t.vectors.Row(i), t.vectors.Row(i), nil)
	}
	team := parallel.NewTeam(min(runtime.GOMAXPROCS(0), heads))
	defer team.Close()
	team.ForLong(heads, &t)
	w.file.Release(from)
	w.file.Release(table)
}
