package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// newModel returns a tiny BERT of 500 tokens, 40 positions and 24 components, and its
// way to the mean of hidden states.
func newModel(t testing.TB, workers, batchTokens int) (*Model, *Way) {
	dir := "../../testdata/goldens/bert/model"
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	file, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	bert, err := transformer.Open(t.Context(), transformer.Config{JSON: config, Weights: file, Set: kernel.Best()})
	require.NoError(t, err)
	m := &Model{Workers: workers, BatchTokens: batchTokens, Files: []*tensor.File{file}}
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	mean := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolMean}}
	return m, &Way{Transformer{bert}, &Pooled{Pooling: mean}}
}

// lists are a Call of token ids, which keeps the rows of each.
type lists struct {
	Request
	ids   [][]int32
	types [][]int32 // nil for none
	bytes int       // that Size tells

	append func(i int) error // nil = no more is done
	take   func(i int) error // nil = no more is done
	rows   [][][]float32
}

func (l *lists) Count() int              { return len(l.ids) }
func (l *lists) Check() (Request, error) { return l.Request, nil }
func (l *lists) Begin(context.Context)   { l.rows = make([][][]float32, len(l.ids)) }

func (l *lists) Size() (tokens, bytes int) {
	for _, ids := range l.ids {
		tokens += len(ids)
	}
	return tokens, l.bytes
}

func (l *lists) Append(dst Tokens, i int) (Tokens, error) {
	dst.IDs = append(dst.IDs, l.ids[i]...)
	if l.types != nil {
		dst.Types = append(dst.Types, l.types[i]...)
	}
	if l.append != nil {
		return dst, l.append(i)
	}
	return dst, nil
}

func (l *lists) Take(i int, rows tensor.Matrix) error {
	for r := range rows.Rows {
		l.rows[i] = append(l.rows[i], slices.Clone(rows.Row(r)))
	}
	if l.take != nil {
		return l.take(i)
	}
	return nil
}

// someIDs returns n inputs of 1 to 30 tokens.
func someIDs(n int) [][]int32 {
	all := make([][]int32, n)
	for i := range all {
		for j := range 1 + i*7%30 {
			all[i] = append(all[i], int32((i*31+j*17)%500))
		}
	}
	return all
}

// run returns the rows of ids by way.
func run(t testing.TB, m *Model, r Request, ids [][]int32) [][][]float32 {
	l := &lists{Request: r, ids: ids}
	require.NoError(t, m.Run(t.Context(), l))
	return l.rows
}

// Rows are what the encoder, the head and nothing else make of an input, and the same
// bits in any company.
func TestRun(t *testing.T) {
	ids := someIDs(40)
	for _, workers := range []int{1, 2, 3} {
		for _, batchTokens := range []int{1, 50, DefaultBatchTokens} {
			m, way := newModel(t, workers, batchTokens)
			for skip := range 3 {
				got := run(t, m, Request{Way: way, Skip: skip, Layers: 1 + skip%2}, ids)
				for i, in := range ids {
					hidden := tensor.NewMatrix(len(in), 24)
					batch := transformer.Batch{IDs: in, Starts: []int{0, len(in)}, Layers: 1 + skip%2}
					require.NoError(t, way.Encoder.(Transformer).Model.Forward(t.Context(), nil, hidden, batch))
					want := make([]float32, 24)
					way.Head.(*Pooled).Pooling.apply(want, hidden, skip, make([]float64, 24))
					require.Equal(t, [][]float32{want}, got[i], "input %d, %d workers, batches of %d", i, workers, batchTokens)
				}
			}
		}
	}
}

// allTokens is the Head that makes a row of each token.
type allTokens struct{}

func (allTokens) Apply(_ *Scratch, _ *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	return h.Rows, h.Starts
}

// A head may make any number of rows of an item.
func TestSeveralRows(t *testing.T) {
	m, way := newModel(t, 2, 50)
	ids := someIDs(20)
	got := run(t, m, Request{Way: &Way{way.Encoder, allTokens{}}}, ids)
	pooled := run(t, m, Request{Way: way}, ids)
	for i, in := range ids {
		require.Len(t, got[i], len(in))
		for j, mean := range pooled[i][0] {
			sum := 0.0
			for _, row := range got[i] {
				sum += float64(row[j])
			}
			require.Equal(t, mean, float32(sum/float64(len(in))))
		}
	}
}

// typed is an Encoder whose hidden states are the ids and types of tokens.
type typed struct{ Encoder }

func (typed) Forward(_ context.Context, _ *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error) {
	rows := s.matrix(len(b.IDs), 2)
	for i, id := range b.IDs {
		rows.Row(i)[0], rows.Row(i)[1] = float32(id), -1
		if b.Types != nil {
			rows.Row(i)[1] = float32(b.Types[i])
		}
	}
	return rows, nil
}

// Inputs have types or not, and those that have none beside others that do have zeros.
func TestTypes(t *testing.T) {
	m, way := newModel(t, 1, 1000)
	own := &Way{typed{way.Encoder}, allTokens{}}
	l := &lists{Request: Request{Way: own}, ids: [][]int32{{5}, {6, 7, 8}, {9, 10}}, types: [][]int32{nil, {0, 1, 1}, nil}}
	require.NoError(t, m.Run(t.Context(), l))
	assert.Equal(t, [][][]float32{{{5, 0}}, {{6, 0}, {7, 1}, {8, 1}}, {{9, 0}, {10, 0}}}, l.rows)
	l.types = nil
	require.NoError(t, m.Run(t.Context(), l))
	assert.Equal(t, [][][]float32{{{5, -1}}, {{6, -1}, {7, -1}, {8, -1}}, {{9, -1}, {10, -1}}}, l.rows)
	l.types = [][]int32{nil, {1, 1}, nil}
	assert.EqualError(t, m.Run(t.Context(), l), "input 1: 2 token types, expected 3, one for each token")

	l.Way, l.types = way, [][]int32{{0}, {0, 0, 1}, {2, 0}}
	assert.EqualError(t, m.Run(t.Context(), l), "input 2: token type 2, expected 0 to 1")
	l.types[2] = nil
	require.NoError(t, m.Run(t.Context(), l))
	none := run(t, m, l.Request, l.ids)
	assert.Equal(t, none[0], l.rows[0])
	assert.NotEqual(t, none[1], l.rows[1])
	assert.Equal(t, none[2], l.rows[2])
}

// A fault is that of its input, and the first is the call's error.
func TestFaults(t *testing.T) {
	m, way := newModel(t, 2, 50)
	ids := someIDs(30)
	bad := errors.New("bad")
	at := func(k ...int) func(i int) error {
		return func(i int) error {
			if slices.Contains(k, i) {
				return bad
			}
			return nil
		}
	}
	l := &lists{Request: Request{Way: way}, ids: ids, append: at(20, 7)}
	assert.Equal(t, Faults{7: bad, 20: bad}, m.Run(t.Context(), l))
	l.append, l.take = nil, at(29, 11)
	err := m.Run(t.Context(), l)
	assert.Equal(t, Faults{11: bad, 29: bad}, err)
	assert.EqualError(t, err, "input 11: bad")
	l.take = nil
	l.ids = slices.Clone(ids)
	l.ids[3], l.ids[4], l.ids[5] = nil, []int32{500}, []int32{1, -1}
	var faults Faults
	require.ErrorAs(t, m.Run(t.Context(), l), &faults)
	assert.Len(t, faults, 3)
	assert.EqualError(t, faults[3], "no tokens, expected at least one")
	assert.EqualError(t, faults[4], "token id 500, expected 0 to 499: ids must come from this model's tokenizer")
	require.NoError(t, m.Close())
	assert.Equal(t, ErrClosed, m.Run(t.Context(), l))
	assert.Equal(t, ErrClosed, m.Enter())
}

// A trap is a module that panics while it is set.
type trap struct{ set *atomic.Bool }

func (t trap) Apply(_ *Scratch, x tensor.Matrix) tensor.Matrix {
	if t.set.Load() {
		panic("a bug")
	}
	return x
}

// A panic while a batch is computed fails its calls alone.
func TestPanicInABatch(t *testing.T) {
	m, way := newModel(t, 2, 50)
	var set atomic.Bool
	way.Head.(*Pooled).Modules = []Module{trap{&set}}
	q := NewQueue(m, QueueConfig{})
	ids := someIDs(9)
	want := run(t, m, Request{Way: way}, ids)
	for range 3 {
		set.Store(true)
		l := &lists{Request: Request{Way: way}, ids: ids}
		err := m.Run(t.Context(), l)
		require.ErrorContains(t, err, "panic: a bug")
		require.ErrorContains(t, err, "trap")
		_, err = q.Run(t.Context(), l)
		require.ErrorContains(t, err, "panic: a bug")
		set.Store(false)
		_, err = q.Run(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, want, l.rows)
	}
	require.NoError(t, q.Close(t.Context()))
}
