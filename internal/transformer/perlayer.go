package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A PerLayer reminds a layer of a token's embedding e, the first hidden state:
//
//	x = Scale·(x + Norm(Out·(Act(Gate·x) ∘ SignalNorm(Signal·e))))
//
// It is what Gemma 3n calls per-layer embeddings, in the form of EmbeddingGemma 2, which has
// no table of them.
type PerLayer struct {
	Signal     *Linear // hidden→width
	SignalNorm *Norm
	Gate       *Linear // hidden→width
	Act        kernel.Activation
	Out        *Linear // width→hidden
	Norm       *Norm
	Scale      float32
}

// keepEmbeddings copies the first hidden states, for each layer's PerLayer.
func (p *pass) keepEmbeddings() {
	kept := p.matrix(bufferEmbeddings, p.x.Rows, p.x.Cols)
	for i := range kept.Rows {
		copy(kept.Row(i), p.x.Row(i))
	}
}

// recall writes Out·(Act(Gate·x) ∘ SignalNorm(Signal·e)) to p.y.
func (p *pass) recall(team *parallel.Team, l *PerLayer) {
	inner, signal := p.matrix(bufferInner, p.x.Rows, l.Gate.N), p.matrix(bufferSignal, p.x.Rows, l.Signal.N)
	p.apply(team, inner, p.x, l.Gate, l.Act)
	p.apply(team, signal, p.matrix(bufferEmbeddings, p.x.Rows, p.x.Cols), l.Signal, kernel.Identity)
	p.signal = signalTask{p: p, x: inner, signal: signal, norm: l.SignalNorm}
	team.For(parts(p.x.Rows, normRows), &p.signal)
	p.apply(team, p.y, inner, l.Out, kernel.Identity)
}

// A signalTask multiplies x by the norm of the signal, for normRows tokens.
type signalTask struct {
	p         *pass
	x, signal tensor.Matrix
	norm      *Norm
}

func (t *signalTask) Run(_, i int) {
	s := t.p.model.set
	for j := i * normRows; j < min((i+1)*normRows, t.x.Rows); j++ {
		row := t.signal.Row(j)
		t.norm.apply(s, row, row, nil)
		s.Mul(t.x.Row(j), row)
	}
}
