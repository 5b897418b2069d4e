package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A HeadKind is what a model is opened with beside the part that makes hidden states.
type HeadKind uint8

const (
	NoHead             HeadKind = iota
	ClassificationHead          // that of transformers' …ForSequenceClassification: logits of labels
	LanguageHead                // that of …ForCausalLM: logits of some tokens to follow the last
	MaskedHead                  // that of …ForMaskedLM: logits of all tokens in the place of each, see Expand
)

// String returns the kind in words.
func (k HeadKind) String() string {
	return [...]string{
		NoHead: "no head", ClassificationHead: "classification head", LanguageHead: "language head", MaskedHead: "masked-language-model head",
	}[k]
}

// A Head makes logits of a sequence: Out·Norm(Act(Dense·x)), where x is of its last
// hidden states what Of says. A nil part is one that the family does not have. Its
// products are in float32, whatever those of the layers are in.
type Head struct {
	Of      HeadInput
	Padding int32             // the id that a LastToken does not have; -1 = none
	Dense   *Linear           // hidden→width
	Act     kernel.Activation // of Dense
	Norm    *Norm
	Out     *Linear // width→labels; nil of a MaskedHead
	Cap     float32 // logits become Cap·tanh(logits/Cap); 0 = they stay as they are

	Vocabulary []*Linear // of a MaskedHead: width→some entries of the vocabulary each, in their order
}

// A HeadInput says which hidden states a head works on.
type HeadInput uint8

const (
	FirstToken HeadInput = iota
	LastToken            // the last one whose id is not Padding, the first where there is none
	MeanToken            // the mean of all
	EachToken            // all of them; the logits are the mean of theirs
)

// Labels returns how many logits there are for each sequence.
func (h *Head) Labels() int { return h.Out.N }

// ReadsOne reports whether the logits of a sequence are made of one of its hidden states.
func (h *Head) ReadsOne() bool {
	return h != nil && h.Out != nil && (h.Of == FirstToken || h.Of == LastToken)
}

// Token returns which hidden state that is, of a sequence of ids.
func (h *Head) Token(ids []int32) int {
	if h.Of == FirstToken {
		return 0
	}
	at := len(ids) - 1
	for at > 0 && ids[at] == h.Padding {
		at--
	}
	return at
}

// Logits writes the logits that the model's head makes to dst (sequences×labels),
// from the last hidden states of b (tokens×hidden). The work is split over team;
// nil is the caller alone. A sequence has the same logits in any batch.
func (m *Model) Logits(team *parallel.Team, dst, states tensor.Matrix, b Batch) {
	h := m.Head
	if h == nil || h.Out == nil || states.Rows != len(b.IDs) || states.Cols != m.Hidden || dst.Rows != b.Sequences() || dst.Cols != h.Labels() {
		panic("transformer: Logits: shape")
	}
	p := m.lease(states.Rows)
	defer m.give(p, states.Rows)
	p.batch, p.task, p.ready = b, nil, nil
	x := p.transform(team, p.headInput(states))
	if h.Of == EachToken {
		each := p.matrix(bufferInner, x.Rows, dst.Cols)
		p.apply(team, each, x, h.Out, kernel.Identity)
		p.means(dst, each)
	} else {
		p.apply(team, dst, x, h.Out, kernel.Identity)
	}
	if h.Cap != 0 {
		for i := range dst.Rows {
			row := dst.Row(i)
			for j := range row {
				row[j] /= h.Cap
			}
			m.set.Activate(kernel.Tanh, row, len(row), 1, len(row))
			m.set.Scale(row, h.Cap)
		}
	}
}

// transform returns what the head makes of x before its last layer, in the memory of x
// where it is as wide.
func (p *pass) transform(team *parallel.Team, x tensor.Matrix) tensor.Matrix {
	h := p.model.Head
	if h.Dense != nil {
		y := x
		if h.Dense.N != x.Cols {
			y = p.matrix(bufferRouterLogits, x.Rows, h.Dense.N)
		}
		p.apply(team, y, x, h.Dense, h.Act)
		x = y
	}
	if h.Norm != nil {
		for i := range x.Rows {
			h.Norm.apply(p.model.set, x.Row(i), x.Row(i), nil)
		}
	}
	return x
}

// headInput returns what the head works on, in memory that may be written.
func (p *pass) headInput(states tensor.Matrix) tensor.Matrix {
	h, b := p.model.Head, &p.batch
	rows := b.Sequences()
	if h.Of == EachToken {
		rows = states.Rows
	}
	x := p.matrix(bufferY, rows, states.Cols)
	switch h.Of {
	case MeanToken:
		p.means(x, states)
		return x
	case EachToken:
		for i := range rows {
			copy(x.Row(i), states.Row(i))
		}
		return x
	}
	for i := range rows {
		at := b.Starts[i]
		copy(x.Row(i), states.Row(at+h.Token(b.IDs[at:b.Starts[i+1]])))
	}
	return x
}

// means writes the mean of the rows of each sequence to dst, summed in float64 in
// their order.
func (p *pass) means(dst, x tensor.Matrix) {
	if len(p.sums) < x.Cols {
		p.sums = make([]float64, x.Cols)
	}
	sums, b := p.sums[:x.Cols], &p.batch
	for i := range dst.Rows {
		clear(sums)
		for j := b.Starts[i]; j < b.Starts[i+1]; j++ {
			for k, v := range x.Row(j) {
				sums[k] += float64(v)
			}
		}
		n := float64(b.Starts[i+1] - b.Starts[i])
		for k, v := range sums {
			dst.Row(i)[k] = float32(v / n)
		}
	}
}
