package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// maskedColumns is how many tokens of the vocabulary a layer of Head.Vocabulary has, but
// for the last: the logits of a block of rows over so many stay in a core's second cache.
const maskedColumns = 512

// An Expansion is how Expand makes one weight of the logits of a vocabulary entry, as
// SpladePooling of sentence-transformers 6.2 does (arXiv:2109.10086): of each token
// log(1 + max(logit, 0)), and of these one of all tokens.
type Expansion struct {
	Sum   bool // the sum over the tokens; else the greatest
	Twice bool // the logarithm of the weight of a token is taken once more, as log(1 + weight)
}

// weight returns that of a token, or of the greatest logit of several. A NaN stays.
func (e Expansion) weight(logit float32) float64 {
	if logit <= 0 {
		return 0
	}
	w := math.Log1p(float64(logit))
	if e.Twice {
		w = math.Log1p(w)
	}
	return w
}

// factor returns 1 + x, so that the weight of a token with a positive logit is log(1 + x)
// and the sum of weights the logarithm of a product. A NaN stays.
func (e Expansion) factor(logit float32) float64 {
	if e.Twice {
		return 1 + math.Log1p(float64(logit))
	}
	return 1 + float64(logit)
}

// largeFactors is the product of factors at which its logarithm is taken: with one factor
// more, which is at most 2¹²⁸ + 1, it does not overflow.
const largeFactors = 1 << 500

// Expand writes the weights of all vocabulary entries to dst (sequences×vocabulary),
// which the masked-language-model head makes of the last hidden states of b
// (tokens×hidden). Logits are made some rows and columns at a time, never those of a
// batch. The work is split over team; nil is the caller alone. A sequence has the same
// weights in any batch.
func (m *Model) Expand(team *parallel.Team, dst, states tensor.Matrix, b Batch, e Expansion) {
	h := m.Head
	if h == nil || h.Vocabulary == nil || states.Rows != len(b.IDs) || states.Cols != m.Hidden ||
		dst.Rows != b.Sequences() || dst.Cols != m.Embeddings.Tokens.Rows {
		panic("transformer: Expand: shape")
	}
	p := m.lease(states.Rows)
	defer m.give(p, states.Rows)
	p.batch, p.task, p.ready = b, nil, nil
	x := p.transform(team, p.headInput(states))
	p.packFor(team, x, h.Vocabulary[0])
	t := &p.fold
	for len(t.memory) < team.Size() {
		t.memory = append(t.memory, foldMemory{})
	}
	t.p, t.dst, t.expansion = p, dst, e
	team.For(len(h.Vocabulary), t)
	t.dst = tensor.Matrix{}
}

// A foldTask makes the weights of the entries of one layer of Head.Vocabulary, for all
// sequences.
type foldTask struct {
	p         *pass
	dst       tensor.Matrix
	expansion Expansion
	memory    []foldMemory // of each worker
}

// foldMemory is of some logits, and of the sums of a sequence: sums and the logarithms of
// factors.
type foldMemory struct {
	logits        []float32
	factors, sums []float64
}

// Run does layer i.
func (t *foldTask) Run(worker, i int) {
	p, memory := t.p, &t.memory[worker]
	set, rows, starts, w := p.model.set, &p.rows, p.batch.Starts, p.model.Head.Vocabulary[i]
	if t.expansion.Sum && memory.sums == nil {
		memory.sums, memory.factors = make([]float64, maskedColumns), make([]float64, maskedColumns)
	}
	step, sequence := rows.BlockTiles(), 0
	for t0 := 0; t0 < rows.Tiles(); t0 += step {
		t1 := min(t0+step, rows.Tiles())
		from, _ := rows.Span(t0)
		_, to := rows.Span(t1 - 1)
		logits := reuse(&memory.logits, to-from, w.N)
		set.Multiply(logits, rows, t0, t1, w, 0, w.Count(), 0, kernel.Identity)
		for j := from; j < to; j++ {
			row := t.dst.Row(sequence)[i*maskedColumns:][:w.N]
			if t.expansion.Sum {
				memory.add(t.expansion, logits.Row(j-from), j == starts[sequence])
			} else if j == starts[sequence] {
				copy(row, logits.Row(j-from))
			} else {
				set.Max(row, logits.Row(j-from))
			}
			if j+1 == starts[sequence+1] {
				t.end(row, memory)
				sequence++
			}
		}
	}
}

// add adds the weights that logits of a token stand for to those of the tokens before it
// in its sequence.
func (m *foldMemory) add(e Expansion, logits []float32, first bool) {
	factors, sums := m.factors[:len(logits)], m.sums[:len(logits)]
	if first {
		clear(sums)
		for k := range factors {
			factors[k] = 1
		}
	}
	for k, v := range logits {
		if v <= 0 {
			continue
		}
		if v < 0x1p-30 { // log(1 + v) is v, of which a factor would keep less
			sums[k] += float64(v)
			continue
		}
		f := factors[k] * e.factor(v) // a NaN too
		if f > largeFactors {
			sums[k] += math.Log(f)
			f = 1
		}
		factors[k] = f
	}
}

// end writes the weights of a sequence whose tokens were all added to row, which has the
// greatest logits of each entry where it is not the sum that counts: the greatest weight is
// that of the greatest logit.
func (t *foldTask) end(row []float32, m *foldMemory) {
	for k := range row {
		if t.expansion.Sum {
			row[k] = float32(m.sums[k] + math.Log(m.factors[k]))
		} else {
			row[k] = float32(t.expansion.weight(row[k]))
		}
	}
}

// A masked says under which names a file keeps a masked-language-model head: a dense
// layer, its activation and a norm, then the decoder. They lie beside the model.
type masked struct {
	dense     string // "" = none
	denseBias bias
	act       kernel.Activation
	norm      string // "" = none
	normBias  bias
	eps       float32
	decoder   string // whose weight may be the token table's
	bias      bias   // of the decoder
	tiedBias  string // the tensor that is the decoder's bias where the weight is tied; "" = the decoder's own
	tying     tying
}

// A tying says whether the token table is the decoder's weight.
type tying uint8

const (
	tiedUnlessSaid tying = iota // unless config.json has tie_word_embeddings false
	tiedWhereSaid               // where config.json has it true
	tiedAlways                  // whatever it has
)

// The names of several families in transformers 5.23: modeling_bert.py,
// modeling_roberta.py and modeling_mpnet.py, whose activation is the exact GELU whatever
// hidden_act says.
func bertMasked(act kernel.Activation, eps float32) masked {
	return masked{
		dense: "cls.predictions.transform.dense", denseBias: withBias, act: act,
		norm: "cls.predictions.transform.LayerNorm", normBias: withBias, eps: eps,
		decoder: "cls.predictions.decoder", bias: withBias, tiedBias: "cls.predictions.bias",
	}
}

func robertaMasked(eps float32) masked {
	return masked{
		dense: "lm_head.dense", denseBias: withBias, act: kernel.GELU,
		norm: "lm_head.layer_norm", normBias: withBias, eps: eps,
		decoder: "lm_head.decoder", bias: withBias, tiedBias: "lm_head.bias",
	}
}

// maskedHead puts that head into m, where the model is opened with one. As in
// transformers 5.23, tie_weights, a file with a weight or a bias of its own for the
// decoder is not tied, whatever the config says.
func (w *weights) maskedHead(m *Model, c masked) {
	if w.head != MaskedHead {
		return
	}
	tie := struct {
		TieWordEmbeddings bool `json:"tie_word_embeddings"`
	}{c.tying == tiedUnlessSaid}
	w.decode(&tie)
	if c.tying == tiedAlways {
		tie.TieWordEmbeddings = true
	}
	if w.refused != nil {
		return
	}
	tokens := m.Embeddings.Tokens
	vocabulary, width := tokens.Rows, tokens.Cols
	beside := w.beside().exact()
	m.Head = &Head{Of: EachToken, Act: c.act}
	if c.dense != "" {
		m.Head.Dense = beside.unlisted(m.Hidden, c.denseBias, whole(c.dense, width))
	}
	if c.norm != "" {
		m.Head.Norm = beside.norm(c.norm, width, c.eps, c.normBias)
	}
	weight, bias := c.decoder+".weight", c.decoder+".bias"
	tied := c.tying == tiedAlways || tie.TieWordEmbeddings && !beside.holds(weight)
	if tie.TieWordEmbeddings && c.tiedBias != "" && !beside.holds(bias) {
		bias = c.tiedBias
	}
	ids := make([]int32, vocabulary)
	for i := range ids {
		ids[i] = int32(i)
	}
	for from := 0; from < vocabulary && w.ctx.Err() == nil; from += maskedColumns {
		to := min(from+maskedColumns, vocabulary)
		var l *Linear
		if tied {
			l = beside.tied(tokens, c.decoder, ids[from:to])
		} else {
			l = beside.unlisted(width, withoutBias, part{weight, vocabulary, from, to})
		}
		m.Head.Vocabulary = append(m.Head.Vocabulary, l)
	}
	if !c.bias {
		return
	}
	if t, ok := beside.tensor(bias, vocabulary); ok && w.set != nil {
		for i, l := range m.Head.Vocabulary {
			if len(l.Bias) > 0 {
				w.convert(l.Bias[:l.N], t, i*maskedColumns)
			}
		}
	}
}
