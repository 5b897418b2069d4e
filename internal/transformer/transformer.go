// Package transformer computes hidden states from token ids. The parts are
// shared by all model families, and there is one forward pass; a family (bert.go)
// only says which parts a model has and under which names its file keeps them.
package transformer

import (
	"cmp"
	"context"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Batch is a list of sequences laid end to end, without padding.
type Batch struct {
	IDs    []int32
	Types  []int32 // token types, one for each id, below Model.Types; nil = all 0. A model of fewer than 2 types has no use for them
	Starts []int   // Starts[i] is where sequence i begins; the last element is len(IDs)
	Layers int     // run the first layers only; 0 = all
	Task   int     // add the updates of Model.Tasks[Task-1]; 0 = none
	Prefix *Prefix // that each sequence goes on from; nil = none
	Read   []int   // of each sequence, the one of its tokens, among IDs, whose hidden state alone is asked for; nil = all
	Seen   []int   // of each sequence: tokens that others see, the first ones; nil = all. A model of which HidesTokens is false, or a Prefix, has no use for it
}

// Sequences returns the number of sequences.
func (b Batch) Sequences() int { return len(b.Starts) - 1 }

// A Model is a stack of layers on an embedding table. A nil part is a part that
// the family does not have. It is read-only and safe for concurrent use.
type Model struct {
	Family       string // model_type in config.json
	Trusted      string // code in auto_map that was taken for what the family computes, on the word of Config.TrustModelType; "" = none
	Hidden       int    // width of a hidden state
	MaxPositions int    // most tokens of a sequence, where a table or RoPE's scaling sets a limit; 0 = none
	Embeddings   Embeddings
	Layers       []Layer
	FinalNorm    *Norm
	Projection   *Linear  // of the normed states, to Hidden components; nil = none. Not beside a Head
	Latents      *Latents // that the normed states pass through; nil = none. Not beside a Projection or a Head
	Head         *Head    // that the model was opened with
	Tasks        []Task   // that a batch may ask for
	Task         int      // of a batch that asks for none, as in Batch; 0 = none
	End          *int32   // the id of the token, the first of its kind, that has the vector of a text; nil = none
	Placeholders []int32  // ids that stand for what is no text: no batch may have them
	Stored       string   // how the file has the weights of linear layers, such as "int8" or "GPTQ, 4 bits"; "" = as floats
	// Linears has the tensors with the weights of linear layers that may be
	// quantized, and which layer that is, as in Outliers; "" where there are several.
	Linears map[string]string
	Ignored []string // paths of keys of RoPE in config.json that nothing is computed of
	Passed  []string // how the names begin, in the file, of tensors of parts that no text passes

	set     *kernel.Set
	mixing  kernel.Format           // of the products of attention
	names   map[*Linear]string      // of the layers in Int8
	reaches map[*Linear][]float32   // while Calibrate runs: the largest magnitude of each input
	errors  map[string]*sumOfErrors // while Errors runs: of each layer in Int8
	bytes   int64                   // of the weights
	scratch [2]sync.Pool            // of *pass, for up to longBatch tokens and for more

	rests map[*Linear]*Linear // of a model that refines products: what Int8 leaves of the weights

	packs    map[*Linear]func(*Linear) // of openToCalibrate: pack a layer
	layers   map[string]*Linear        // all, by the names of Outliers; nil = several of that name
	sources  map[*Linear]*panelTask    // what layers are made of that Round rounds
	rounding *rounding                 // while Round runs
	spare    *kernel.Panels            // where that is done when it is used; nil = it is packed
	exact    bool                      // of OpenExact
}

// A Layer is one transformer block. Each half has three places for a norm: on
// what goes in (Qwen), on what comes out (Gemma), on the sum with the residual
// (BERT):
//
//	x = AttnSum(x + AttnOut(Attention(AttnIn(x))))
//	x = MLPSum(x + MLPOut(MLP(MLPIn(x))))
//
// AttnTwice is JinaBERT's: x = AttnSum(x + AttnTwice(x + Attention(x))). Beside is
// DeBERTa's: what it makes of the x that goes into the layer is added to the x that
// comes out. PerLayer is EmbeddingGemma 2's, after both halves. Some layers of LFM2 have a
// Short in the place of attention.
type Layer struct {
	AttnIn, AttnOut, AttnSum *Norm
	AttnTwice                *Norm
	Attention                Attention
	MLPIn, MLPOut, MLPSum    *Norm
	MLP                      MLP
	Beside                   *Convolution
	PerLayer                 *PerLayer
	Short                    *ShortConvolution
}

// narrows reports whether a layer may run for some tokens alone, but for keys and values.
func (l *Layer) narrows() bool { return l.Beside == nil && l.Short == nil }

// first returns the product that a layer begins with.
func (l *Layer) first() *Linear {
	if l.Short != nil {
		return l.Short.In
	}
	return l.Attention.QKV
}

// A Linear is y = x·wᵀ + bias, packed.
type Linear = kernel.Panels

// A pass is the memory of one forward pass.
type pass struct {
	model    *Model
	batch    Batch
	task     *Task         // the batch's, nil for none
	rows     kernel.Rows   // the left side of the product at hand
	inner    kernel.Rows   // that of the next one
	ready    *Linear       // that rows are packed for already
	tiles    [][]float32   // of each worker
	x        tensor.Matrix // the residual stream, tokens×hidden
	y        tensor.Matrix // what goes into a half of a layer, and what that adds to x
	buffers  [11][]float32
	halves   [2]Linear // of QKV, see queries
	sums     []float64 // of a head
	keep     *Prefix   // that the pass is for; nil = none
	narrow   bool      // attention is for the tokens that are read alone, in the last layer
	gathered bool      // x and y have rows of these alone, behind it

	embed     embedTask
	pack      packTask
	linear    linearTask
	branch    branchTask
	refined   refined
	compared  compared
	rotate    rotateTask
	attention attentionTask
	gate      gateTask
	windows   windowTask
	short     shortTask
	signal    signalTask
	norm      normTask
	routed    routed
	fold      foldTask
	latent    latentTask
}

// longBatch is how many tokens share memory with fewer: a short batch beside a long one
// must not take the memory of the last long one, which the next would have to make anew.
const longBatch = 1024

// The buffers of a pass.
const (
	bufferY     = iota
	bufferInner // what is inside attention, an MLP or the embeddings
	bufferRouterLogits
	bufferExpertIn
	bufferExpertInner
	bufferExpertOut
	bufferBranch
	bufferBeside     // what a layer's Beside makes
	bufferStates     // the residual stream, where a Projection makes the last hidden states
	bufferEmbeddings // the first hidden states, of a PerLayer
	bufferSignal     // what a PerLayer makes of them
)

// Forward writes the last hidden states of b (tokens×hidden) to dst, which must
// have as many rows; where b reads some alone, the other rows are undefined. The work is split over team; nil is the caller alone. The
// ids must be within the vocabulary, the types within Types, and each sequence
// within MaxPositions and not empty: Forward panics otherwise. ctx is looked at
// before each layer.
func (m *Model) Forward(ctx context.Context, team *parallel.Team, dst tensor.Matrix, b Batch) error {
	tokens := len(b.IDs)
	if dst.Rows != tokens || dst.Cols != m.Hidden || b.Starts[len(b.Starts)-1] != tokens || b.Types != nil && len(b.Types) != tokens {
		panic("transformer: Forward: shape")
	}
	p := m.lease(tokens)
	defer m.give(p, tokens)
	return p.forward(ctx, team, dst, b, nil)
}

// forward is Forward; where keep is not nil it ends as soon as that has all it keeps.
func (p *pass) forward(ctx context.Context, team *parallel.Team, dst tensor.Matrix, b Batch, keep *Prefix) error {
	m, tokens := p.model, len(b.IDs)
	layers := m.Layers
	if b.Layers > 0 {
		layers = layers[:b.Layers]
	}
	p.batch, p.keep, p.ready, p.narrow, p.gathered = b, keep, nil, false, false // a canceled pass may have left rows
	if p.task = nil; cmp.Or(b.Task, m.Task) > 0 {
		p.task = &m.Tasks[cmp.Or(b.Task, m.Task)-1]
	}
	p.x = dst
	if m.Projection != nil {
		p.x = p.matrix(bufferStates, tokens, m.Projection.K)
	}
	p.y = p.matrix(bufferY, tokens, p.x.Cols)

	p.embedTokens(team)
	if layers[0].PerLayer != nil {
		p.keepEmbeddings()
	}
	if in := layers[0].AttnIn; in != nil {
		p.norms(team, normTask{next: in, dst: p.y, feeds: layers[0].first()})
	}
	for i := range layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := &layers[i]
		if l.Beside != nil {
			p.convolve(team, l.Beside)
		}
		p.narrow = b.Read != nil && i+1 == len(layers) && l.narrows() && keep == nil
		if in := p.input(l.AttnIn); l.Short != nil {
			p.shorten(team, in, l.Short)
		} else {
			p.attend(team, in, i)
		}
		if keep != nil && i+1 == len(layers) {
			return nil
		}
		p.norms(team, normTask{add: p.y, out: l.AttnOut, twice: l.AttnTwice, sum: l.AttnSum, next: l.MLPIn, dst: p.y, feeds: l.MLP.Up})
		p.mlp(team, p.input(l.MLPIn), &l.MLP)
		next, to, feeds := m.FinalNorm, p.x, (*Linear)(nil)
		if i+1 < len(layers) {
			next, to, feeds = layers[i+1].AttnIn, p.y, layers[i+1].first()
		}
		end := normTask{add: p.y, out: l.MLPOut, sum: l.MLPSum}
		if l.Beside != nil {
			p.norms(team, end)
			end = normTask{add: p.matrix(bufferBeside, tokens, p.x.Cols), sum: l.Beside.Sum}
		}
		if l.PerLayer != nil {
			p.norms(team, end)
			p.recall(team, l.PerLayer)
			end = normTask{add: p.y, out: l.PerLayer.Norm, scale: l.PerLayer.Scale}
		}
		end.next, end.dst, end.feeds = next, to, feeds
		p.norms(team, end)
	}
	if m.Latents != nil {
		p.latents(team, m.Latents)
	}
	if m.Projection != nil {
		p.apply(team, dst.Slice(0, p.x.Rows), p.x, m.Projection, kernel.Identity)
	}
	if p.gathered {
		p.scatter(dst)
	}
	return nil
}

// lease returns memory for a pass over so many tokens, to be given back.
func (m *Model) lease(tokens int) *pass {
	if p, ok := m.passes(tokens).Get().(*pass); ok {
		return p
	}
	return &pass{model: m}
}

// give gives it back, without what callers own.
func (m *Model) give(p *pass, tokens int) {
	p.batch, p.keep, p.attention.before = Batch{}, nil, tensor.Matrix{}
	m.passes(tokens).Put(p)
}

func (m *Model) passes(tokens int) *sync.Pool {
	if tokens > longBatch {
		return &m.scratch[1]
	}
	return &m.scratch[0]
}

// input returns what goes into a half of a layer: p.y where norm has made it.
func (p *pass) input(norm *Norm) tensor.Matrix {
	if norm != nil {
		return p.y
	}
	return p.x
}

// matrix returns rows×cols in buffer i, which grows when it has to.
func (p *pass) matrix(i, rows, cols int) tensor.Matrix {
	return reuse(&p.buffers[i], rows, cols)
}

// reuse returns rows×cols in memory, which grows when it has to.
func reuse(memory *[]float32, rows, cols int) tensor.Matrix {
	stride := stride(cols)
	if cap(*memory) < rows*stride {
		*memory = kernel.Floats(rows * stride)
	}
	return tensor.Matrix{Rows: rows, Cols: cols, Stride: stride, Data: (*memory)[:rows*stride]}
}

// stride returns how far apart to lay rows of so many columns: an odd number of
// cache lines, so that the rows of a tile are spread over all sets of the cache.
func stride(cols int) int {
	const line = 16
	return (parts(cols, line) | 1) * line
}

// columns returns columns from, to (exclusive) of m, which they alias.
func columns(m tensor.Matrix, from, to int) tensor.Matrix {
	m.Cols = to - from
	m.Data = m.Data[from:]
	return m
}

// Operations returns the floating-point operations of the matrix products of
// one forward pass over sequences of the given lengths, in tokens.
func (m *Model) Operations(lengths []int) float64 { return m.operations(lengths, false) }

// ReadOperations is Operations where a batch reads one token of each sequence, the last one.
func (m *Model) ReadOperations(lengths []int) float64 { return m.operations(lengths, true) }

func (m *Model) operations(lengths []int, reads bool) float64 {
	var ops float64
	for _, length := range lengths {
		n := float64(length)
		if w := m.Embeddings.Projection; w != nil {
			ops += n * operations(w)
		}
		for i := range m.Layers {
			l := &m.Layers[i]
			a, rows := &l.Attention, n
			narrow := reads && i+1 == len(m.Layers) && l.narrows()
			if narrow {
				rows = 1
			}
			ops += rows * l.MLP.operations()
			if c := l.Beside; c != nil {
				ops += n * operations(c.Groups...)
			}
			if p := l.PerLayer; p != nil {
				ops += rows * operations(p.Signal, p.Gate, p.Out)
			}
			if c := l.Short; c != nil {
				ops += n * operations(c.In, c.Out)
				continue
			}
			pairs := a.pairs(length)
			if narrow {
				from, to := a.sees(length-1, length)
				pairs = float64(to - from)
			}
			queries := float64(a.Heads * a.HeadDim)
			ops += n*operations(a.QKV) - (n-rows)*2*float64(a.QKV.K)*queries + rows*operations(a.Output) + 4*pairs*queries
			if d := a.Disentangled; d != nil {
				ops += d.operations(length)
			}
		}
		if last := &m.Layers[len(m.Layers)-1]; reads && last.narrows() {
			n = 1
		}
		if w := m.Projection; w != nil {
			ops += n * operations(w)
		}
		if m.Latents != nil {
			ops += n * m.Latents.operations()
		}
	}
	return ops
}

// operations returns those of one token.
func operations(linears ...*Linear) (ops float64) {
	for _, w := range linears {
		ops += 2 * float64(w.K) * float64(w.N)
	}
	return ops
}

// HidesTokens reports whether Batch.Seen works: only attention brings tokens together, by
// queries and keys.
func (m *Model) HidesTokens() bool {
	for i := range m.Layers {
		if l := &m.Layers[i]; l.Attention.Disentangled != nil || l.Beside != nil || l.Short != nil {
			return false
		}
	}
	return true
}

// Types returns how many token types the model has; with fewer than 2 it takes no
// notice of a batch's.
func (m *Model) Types() int { return m.Embeddings.Types.Rows }

// Bytes returns the memory that the weights hold: packed, or in the file where
// they stay there.
func (m *Model) Bytes() int64 { return m.bytes }
