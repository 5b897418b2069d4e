package transformer

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// The square of the factor, in float64, is the matrix with something on the diagonal, for sizes about
// those of blocks, with any number of workers.
func TestFactorize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	m := openToRound(t, "bert")
	m.rounding = &rounding{}
	p := m.lease(1)
	for _, k := range []int{1, 5, 64, 67, 200} {
		x := tensor.NewMatrix(k/2+1, k) // of less than full rank
		for i := range x.Data {
			x.Data[i] = float32(random.NormFloat64())
		}
		h := tensor.NewMatrix(k, k)
		mean := 0.0
		for i := range k {
			for j := range k {
				for r := range x.Rows {
					h.Row(i)[j] += x.Row(r)[i] * x.Row(r)[j]
				}
			}
			mean += float64(h.Row(i)[i]) / float64(k)
		}
		r := tensor.NewMatrix(k, k)
		copy(r.Data, h.Data)
		damp(r, 0.25)
		p.factorize(nil, r)
		for i := range k {
			for j := range k {
				var got float64
				for c := range k {
					got += float64(r.Row(i)[c]) * float64(r.Row(j)[c])
				}
				want := float64(h.Row(i)[j])
				if i == j {
					want += 0.25 * mean
				}
				require.InDelta(t, want, got, 2e-6*mean, "%d: %d, %d", k, i, j) // factors are rounded to float32
				if j < i {
					require.Zero(t, r.Row(i)[j])
				}
			}
		}
		team := parallel.NewTeam(3)
		again := tensor.NewMatrix(k, k)
		copy(again.Data, h.Data)
		damp(again, 0.25)
		p.factorize(team, again)
		team.Close()
		require.Equal(t, r.Data, again.Data)
	}
}

// solve solves.
func TestSolve(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	m := openToRound(t, "bert")
	m.rounding = &rounding{}
	p := m.lease(1)
	for _, k := range []int{1, 100, 128, 300} {
		r, y := tensor.NewMatrix(k, k), tensor.NewMatrix(3, k)
		for i := range k {
			for j := i + 1; j < k; j++ {
				r.Row(i)[j] = float32(random.NormFloat64()) / float32(k)
			}
			r.Row(i)[i] = 1 + random.Float32()
		}
		v := tensor.NewMatrix(3, k)
		for i := range 3 {
			for j := range k {
				y.Row(i)[j] = float32(random.NormFloat64())
			}
			for a := range k {
				for b := range k {
					v.Row(i)[a] += y.Row(i)[b] * r.Row(a)[b]
				}
			}
		}
		p.solve(nil, v, r)
		assert.InDeltaSlice(t, y.Data, v.Data, 1e-5, k)
	}
}

// The mean output of a rounded layer with a bias is that in float32, whatever its inputs have become, and one without a bias keeps none.
func TestCompensatedMean(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	const tokens, k, n = 40, 96, 12
	p := openToRound(t, "bert").lease(1)
	w, x := tensor.NewMatrix(n, k), tensor.NewMatrix(2*tokens, k)
	for i := range w.Data {
		w.Data[i] = float32(random.NormFloat64())
	}
	for i := range tokens {
		for j := range k {
			x.Row(i)[j] = float32(random.NormFloat64()) + float32(j%5)
			x.Row(tokens + i)[j] = x.Row(i)[j] + 0.1*float32(random.NormFloat64()) + 0.05*float32(j%3)
		}
	}
	for _, biased := range []bool{true, false} {
		r := &rounding{tokens: tokens, counted: countedTokens(Batch{Starts: []int{0, tokens}}, nil)}
		p.model.rounding = r
		r.rounded.Resize(kernel.Int4, k, n)
		to := weight.NewMatrix(weight.Int4, n, k)
		r.compensate(p, nil, to, w, x, biased)
		row := make([]float32, k)
		for i := range n {
			to.DequantizeRow(row, i)
			var want, got float64
			for token := range tokens {
				for j := range k {
					want += float64(w.Row(i)[j]) * float64(x.Row(token)[j]) / tokens
					got += float64(row[j]) * float64(x.Row(tokens + token)[j]) / tokens
				}
			}
			if biased {
				assert.InDelta(t, want, got+float64(r.rounded.Bias[i]), 1e-4)
			} else {
				assert.Zero(t, r.rounded.Bias[i])
			}
		}
	}
}

// Every so many tokens of a sequence count for all of them, and those that are far longer than others, or farther off, for less.
func TestCounts(t *testing.T) {
	counted := countedTokens(Batch{Starts: []int{0, 3, 9, 11}}, []int{1, 4})
	require.Equal(t, []countedToken{{0, 1}, {1, 1}, {2, 1}, {3, 4}, {7, 2}, {9, 1}, {10, 1}}, counted)
	before, after := tensor.NewMatrix(11, 2), tensor.NewMatrix(11, 2)
	for i := range 11 {
		before.Row(i)[0], after.Row(i)[0], after.Row(i)[1] = 1, 1, 0.1
	}
	before.Row(1)[0], after.Row(1)[0], after.Row(1)[1] = 10, 10, 1 // ten times as long
	after.Row(3)[1] = 0.4                                          // four times as far
	counts := (&rounding{counted: counted}).counts(before, after)
	assert.InDeltaSlice(t, []float64{1, 0.04, 1, 4 * 0.25 * 1.16 / 1.01, 2, 1, 1}, counts, 1e-6)
}

func openToRound(t *testing.T, name string) *Model {
	config, file := openFiles(t, modelFolder(name))
	m, err := OpenToRound(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
	require.NoError(t, err)
	return m
}

// Rounded weights are those of all layers that are used once for all tokens, and the outputs for the
// tokens they were rounded for are nearer to those in float32 than with each weight at its nearest.
func TestRound(t *testing.T) {
	if testing.Short() {
		t.Skip("of many models")
	}
	biases := map[string]int{"bert": 12, "modernbert": 0, "qwen3": 0, "t5": 0}
	for name, least := range map[string]int{"bert": 12, "modernbert": 8, "qwen3": 14, "t5": 12, "albert-groups": 0, "nomic-moe": 2} {
		g := readGolden(t, name)
		m := openToRound(t, name)
		rounded, err := m.Round(t.Context(), nil, g.batch, nil, nil)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(rounded.Weights), least, name)
		if least == 0 {
			assert.Len(t, rounded.Weights, 1, "%s: all layers are one", name)
			continue
		}
		if n, ok := biases[name]; ok {
			assert.Len(t, rounded.Biases, n, name)
		}
		team := parallel.NewTeam(3)
		again, err := m.Round(t.Context(), team, g.batch, nil, nil)
		team.Close()
		require.NoError(t, err)
		require.Equal(t, rounded, again, name)

		config, file := openFiles(t, modelFolder(name))
		off := func(file *tensor.File) (sum float64) {
			m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
			require.NoError(t, err)
			got := forward(t, m, nil, g.batch)
			for i, want := range g.hidden {
				for j, v := range want {
					sum += math.Pow(float64(got.Row(i)[j])-float64(v), 2)
				}
			}
			return sum
		}
		nearest, compensated := dequantized(t, file, rounded, true), dequantized(t, file, rounded, false)
		ratio := off(compensated) / off(nearest)
		t.Logf("%s: %d tensors, %.3f of the squared error", name, len(rounded.Weights), ratio)
		assert.Less(t, ratio, 0.8, name)
	}
}

// dequantized returns file with what its rounded tensors stand for in their place, or with each of their
// weights at its nearest.
func dequantized(t *testing.T, file *tensor.File, rounded *Rounded, nearest bool) *tensor.File {
	var tensors []tensor.Tensor
	for _, name := range file.Names() {
		f, _ := file.Tensor(name)
		if b, ok := rounded.Biases[name]; ok && !nearest {
			f = tensor.FromFloat32s(name, f.Shape, b)
		}
		if m, ok := rounded.Weights[name]; ok {
			var data []byte
			row := make([]float32, m.Cols)
			for i := range m.Rows {
				if nearest {
					require.NoError(t, f.Float32sAt(row, i*m.Cols))
					alone := weight.NewMatrix(weight.Int4, 1, m.Cols)
					require.NoError(t, alone.QuantizeRow(0, row))
					alone.DequantizeRow(row, 0)
				} else {
					m.DequantizeRow(row, i)
				}
				for _, v := range row {
					data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
				}
			}
			f = tensor.Tensor{Name: name, DType: tensor.F32, Shape: f.Shape, Data: data}
		}
		tensors = append(tensors, f)
	}
	var b bytes.Buffer
	require.NoError(t, tensor.Write(&b, tensors, nil))
	made, err := tensor.Parse(b.Bytes())
	require.NoError(t, err)
	return made
}

// A layer that is in Int8 is so in the file, and in a model in Int4 that is opened from it, which computes what these weights stand for.
func TestRoundFiner(t *testing.T) {
	if testing.Short() {
		t.Skip("of many models")
	}
	g := readGolden(t, "bert")
	m := openToRound(t, "bert")
	errs, err := m.Errors(t.Context(), nil, g.batch, nil)
	require.NoError(t, err)
	require.Len(t, errs, 8)
	require.Len(t, m.AttentionLayers(), 4)
	finer := map[string]bool{}
	for layer, e := range errs {
		assert.Positive(t, e.Error, layer)
		assert.Less(t, math.Sqrt(e.Error), 0.3, layer)
		finer[layer] = strings.Contains(layer, "attention")
	}
	rounded, err := m.Round(t.Context(), nil, g.batch, nil, finer)
	require.NoError(t, err)
	require.Len(t, rounded.Weights, 12)

	config, file := openFiles(t, modelFolder("bert"))
	var tensors []tensor.Tensor
	for _, name := range file.Names() {
		f, _ := file.Tensor(name)
		if b, ok := rounded.Biases[name]; ok {
			f = tensor.FromFloat32s(name, f.Shape, b)
		}
		q, ok := rounded.Weights[name]
		if !ok {
			tensors = append(tensors, f)
			continue
		}
		assert.Equal(t, strings.Contains(name, "attention"), q.Scheme == weight.Int8, name)
		codes, scales := q.Tensors(name)
		tensors = append(append(tensors, codes, scales), q.OutlierTensors(name)...)
	}
	var b bytes.Buffer
	require.NoError(t, tensor.Write(&b, tensors, nil))
	stored, err := tensor.Parse(b.Bytes())
	require.NoError(t, err)
	config = bytes.Replace(config, []byte("{"), []byte(`{"quantization_config": {"quant_method": "rhumb", "version": 1, "scheme": "int4"},`), 1)
	open := func(f kernel.Format) tensor.Matrix {
		m, err := Open(t.Context(), Config{JSON: config, Weights: stored, Set: kernel.Best(), Format: f})
		require.NoError(t, err)
		for l, name := range m.names {
			if f == kernel.Int4 {
				assert.Equal(t, finer[name], l.Format == kernel.Int8, name)
			}
		}
		return forward(t, m, nil, g.batch)
	}
	exact, coded := open(kernel.Float32), open(kernel.Int4)
	for i := range exact.Rows {
		assert.Greater(t, cosineOf(exact.Row(i), coded.Row(i)), 0.999, "inputs in 8 bits are the difference")
	}
}

func cosineOf(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}
