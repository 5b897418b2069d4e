package transformer

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// The outputs of fitted scales are nearer to those that are aimed at than with the scales that there were, in every row, and no other
// scale of a group is better, with any number of workers. Codes stay, a row of zeros too.
func TestRefit(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	p := openToRound(t, "bert").lease(1)
	p.model.rounding = new(rounding)
	for _, k := range []int{1, 32, 100, 256} {
		const rows, tokens = 11, 300
		x, w, aims := tensor.NewMatrix(tokens, k), tensor.NewMatrix(rows, k), tensor.NewMatrix(rows, tokens)
		for i := range x.Data {
			x.Data[i] = float32(random.NormFloat64()) + 0.5
		}
		for i := range rows - 1 {
			for j := range k {
				w.Row(i)[j] = float32(random.NormFloat64())
			}
			for token := range tokens { // the layer's outputs, and what is to be mended
				for j, v := range x.Row(token)[:k] {
					aims.Row(i)[token] += v * w.Row(i)[j]
				}
				aims.Row(i)[token] += 0.3 * float32(random.NormFloat64())
			}
		}
		h, aim := tensor.NewMatrix(k, k), tensor.NewMatrix(rows, k)
		for token := range tokens {
			for a, v := range x.Row(token)[:k] {
				for b, w := range x.Row(token)[:k] {
					h.Row(a)[b] += v * w
				}
				for i := range rows {
					aim.Row(i)[a] += v * aims.Row(i)[token]
				}
			}
		}
		to := weight.NewMatrix(weight.Int4, rows, k)
		c := &compensation{to: to, w: w, errs: tensor.NewMatrix(rows, k)}
		back := make([]float32, k)
		for i := range rows {
			require.NoError(t, to.QuantizeRow(i, w.Row(i)[:k]))
			to.DequantizeRow(back, i)
			for j, v := range back {
				c.errs.Row(i)[j] = w.Row(i)[j] - v
			}
		}
		off := func(i int) (sum float64) {
			to.DequantizeRow(back, i)
			for token := range tokens {
				d := float64(aims.Row(i)[token])
				for j, v := range x.Row(token)[:k] {
					d -= float64(v) * float64(back[j])
				}
				sum += d * d
			}
			return sum
		}
		var before [rows]float64
		for i := range rows {
			before[i] = off(i)
		}
		codes, scales := append([]byte(nil), to.Codes...), append([]float32(nil), to.Scales...)
		p.refit(nil, c, h, aim)
		require.Equal(t, codes, to.Codes)
		var all, was float64
		for i := range rows {
			least := off(i)
			all, was = all+least, was+before[i]
			assert.LessOrEqual(t, least, before[i]*(1+1e-6), "%d: row %d", k, i)
			for j, v := range back {
				assert.InDelta(t, w.Row(i)[j]-v, c.errs.Row(i)[j], 1e-6)
			}
			_, fitted := to.Row(i)
			for g, scale := range fitted {
				for _, by := range []float32{0.98, 1.02} {
					fitted[g] = by * scale
					assert.GreaterOrEqual(t, off(i), least, "%d: row %d, group %d", k, i, g)
				}
				fitted[g] = scale
			}
		}
		assert.Less(t, all, was, k)
		fitted := to.Scales
		to.Scales = scales
		team := parallel.NewTeam(3)
		p.refit(team, c, h, aim)
		team.Close()
		require.Equal(t, fitted, to.Scales)
	}
}

// A row whose scales are the best already keeps them, and errs is as it was.
func TestRefitKeeps(t *testing.T) {
	p := openToRound(t, "bert").lease(1)
	p.model.rounding = new(rounding)
	const k = 64
	to, w, h, aim := weight.NewMatrix(weight.Int4, 1, k), tensor.NewMatrix(1, k), tensor.NewMatrix(k, k), tensor.NewMatrix(1, k)
	for j := range k {
		h.Row(j)[j] = 1
		w.Row(0)[j] = 0.25 * float32(j%16-8)
	}
	copy(aim.Data, w.Data)
	require.NoError(t, to.QuantizeRow(0, w.Row(0)))
	c := &compensation{to: to, w: w, errs: tensor.NewMatrix(1, k)}
	p.refit(nil, c, h, aim)
	assert.Equal(t, []float32{0.25, 0.25}, to.Scales)
	assert.Equal(t, make([]float32, k), c.errs.Row(0)[:k])
}
