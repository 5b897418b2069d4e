package transformer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// plainAttention is what a computes for the sequences that begin at starts, in
// float64 and straight from the definition: every pair of tokens has a score,
// and those that do not see each other have none.
func plainAttention(a *Attention, qkv tensor.Matrix, starts []int) [][]float64 {
	out := make([][]float64, qkv.Rows)
	for s := range len(starts) - 1 {
		for i := starts[s]; i < starts[s+1]; i++ {
			out[i] = make([]float64, a.Heads*a.HeadDim)
			for h := range a.Heads {
				group := h / (a.Heads / a.KVHeads)
				query := qkv.Row(i)[h*a.HeadDim:][:a.HeadDim]
				var total float64
				mixed := make([]float64, a.HeadDim)
				for j := starts[s]; j < starts[s+1]; j++ {
					if a.Causal && j > i || a.Window > 0 && (j-i > a.Window || i-j > a.Window) {
						continue
					}
					key := qkv.Row(j)[(a.Heads+group)*a.HeadDim:][:a.HeadDim]
					value := qkv.Row(j)[(a.Heads+a.KVHeads+group)*a.HeadDim:][:a.HeadDim]
					var score float64
					for d := range a.HeadDim {
						score += float64(query[d]) * float64(key[d])
					}
					if p := a.Disentangled; p != nil {
						behind := i - j
						if p.Buckets > 0 {
							behind = logBucket(behind, p.Buckets, p.Farthest)
						}
						at := max(0, min(behind+p.Span, 2*p.Span-1))
						for d := range a.HeadDim {
							if p.Keys.Rows > 0 {
								score += float64(query[d]) * float64(p.Keys.Row(at)[h*a.HeadDim+d])
							}
							if p.Queries.Rows > 0 {
								score += float64(key[d]) * float64(p.Queries.Row(at)[h*a.HeadDim+d])
							}
						}
					}
					score *= float64(a.Scale)
					if b := a.Bias; b != nil && b.Slopes != nil {
						score -= float64(b.Slopes[h]) * math.Abs(float64(j-i))
					} else if b != nil {
						n := len(b.Buckets) / 2
						score += float64(b.Near[h][b.Buckets[n+max(-n, min(j-i, n))]])
					}
					weight := math.Exp(score)
					total += weight
					for d := range a.HeadDim {
						mixed[d] += weight * float64(value[d])
					}
				}
				for d, v := range mixed {
					out[i][h*a.HeadDim+d] = v / total
				}
			}
		}
	}
	return out
}

func TestAttentionAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	lengths := []int{1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 64, 65, 100, 130}
	worst := map[string]float64{}
	cases := 160
	if testing.Short() { // an emulated CPU is slow
		cases = 40
	}
	for n := range cases {
		dim := []int{1, 2, 3, 4, 6, 10, 16, 20, 33, 64, 80}[rng.IntN(11)]
		heads := [][2]int{{1, 1}, {4, 2}, {6, 1}, {3, 3}, {6, 2}}[rng.IntN(5)]
		a := &Attention{
			Heads: heads[0], KVHeads: heads[1], HeadDim: dim, Scale: scoreScale(dim),
			Causal: rng.IntN(2) == 0, Window: []int{0, 0, 1, 2, 5, 16, 63, 64, 200}[rng.IntN(9)],
		}
		switch rng.IntN(4) {
		case 0:
			a.Bias = &DistanceBias{Slopes: slopes(a.Heads)}
		case 1:
			const buckets = 12
			a.Bias = &DistanceBias{Near: make([][]float32, a.Heads)}
			for h := range a.Bias.Near {
				a.Bias.Near[h] = random(rng, buckets)
			}
			for range 2*(1+rng.IntN(20)) + 1 {
				a.Bias.Buckets = append(a.Bias.Buckets, rng.Int32N(buckets))
			}
			a.Scale = 1
		case 2:
			a.Disentangled = randomPositions(rng, a)
			a.KVHeads = a.Heads
		}
		starts := []int{0}
		for range 1 + rng.IntN(3) {
			starts = append(starts, starts[len(starts)-1]+lengths[rng.IntN(len(lengths))])
		}
		rows := starts[len(starts)-1]
		width := (a.Heads + 2*a.KVHeads) * dim
		qkv := tensor.Matrix{Rows: rows, Cols: width, Stride: width, Data: random(rng, rows*width)}
		want := plainAttention(a, qkv, starts)
		for _, s := range kernel.Sets() {
			t.Run(fmt.Sprintf("%d/%s", n, s.Name()), func(t *testing.T) {
				in := qkv
				in.Data = slices.Clone(qkv.Data)
				p := &pass{model: &Model{set: s}, batch: Batch{Starts: starts}}
				task := attentionTask{p: p, attention: a, qkv: in, heads: []*head{new(head)}, together: 1}
				if n%2 == 0 {
					task.together = a.Heads / a.KVHeads
				}
				for i := range (len(starts) - 1) * a.Heads / task.together {
					task.Run(0, i)
				}
				for i := range rows {
					for j, v := range in.Row(i)[:a.Heads*dim] {
						d := math.Abs(float64(v) - want[i][j])
						worst[s.Name()] = max(worst[s.Name()], d)
						// Scores of a few units, with rounding errors of some 1e-6 of
						// that where they are not scaled; values of size 1.
						require.LessOrEqual(t, d, 2e-5, "%+v, token %d, component %d", a, i, j)
					}
					require.Equal(t, qkv.Row(i)[a.Heads*dim:], in.Row(i)[a.Heads*dim:]) // keys and values stay
				}
			})
		}
	}
	t.Log("worst differences", worst)
}

// Texts of several blocks of keys: against float64, and with the same bits on all sets that
// round alike, however high their tiles are. Scores are spread so that the highest one changes
// from block to block.
func TestLongAttention(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 12))
	lengths := []int{keyBlock - 1, keyBlock + 1, 2*keyBlock + 40, 3 * keyBlock}
	if testing.Short() {
		lengths = lengths[1:3]
	}
	for _, length := range lengths {
		for n, a := range []*Attention{
			{}, {Causal: true}, {Window: 40}, {Window: keyBlock + 20}, {Causal: true, Window: 70},
			{Bias: &DistanceBias{Slopes: slopes(2)}}, {Disentangled: new(Disentangled)},
		} {
			a.Heads, a.KVHeads, a.HeadDim, a.Scale = 2, 1, 8, scoreScale(8)
			if a.Disentangled != nil {
				a.Disentangled, a.KVHeads = randomPositions(rng, a), 2
			}
			width := (a.Heads + 2*a.KVHeads) * a.HeadDim
			qkv := tensor.Matrix{Rows: length, Cols: width, Stride: width, Data: random(rng, length*width)}
			for i := range length {
				for j := range a.Heads * a.HeadDim {
					qkv.Row(i)[j] *= 3
				}
			}
			starts := []int{0, length}
			want := plainAttention(a, qkv, starts)
			alike := map[bool][]float32{}
			for _, s := range kernel.Sets() {
				in := qkv
				in.Data = slices.Clone(qkv.Data)
				p := &pass{model: &Model{set: s}, batch: Batch{Starts: starts}}
				task := attentionTask{p: p, attention: a, qkv: in, heads: []*head{new(head)}, together: a.Heads / a.KVHeads}
				for i := range a.Heads / task.together {
					task.Run(0, i)
				}
				for i := range length {
					for j, v := range in.Row(i)[:a.Heads*a.HeadDim] {
						// Scores of some 30, with rounding errors of some 1e-6 of that.
						require.InDelta(t, want[i][j], v, 6e-5, "%s: case %d, %d tokens, token %d, component %d", s.Name(), n, length, i, j)
					}
				}
				if alike[s.Rounds()] == nil {
					alike[s.Rounds()] = in.Data
				}
				require.Equal(t, alike[s.Rounds()], in.Data, "%s: case %d, %d tokens", s.Name(), n, length)
			}
		}
	}
}

// randomPositions returns one with both terms or one of them, with buckets and without.
func randomPositions(rng *rand.Rand, a *Attention) *Disentangled {
	d := &Disentangled{Span: 1 + rng.IntN(60)}
	if rng.IntN(2) == 0 {
		d.Span++
		d.Buckets, d.Farthest = d.Span, 2+d.Span/2+rng.IntN(100)
	}
	width, terms := a.Heads*a.HeadDim, rng.IntN(3)
	for i, m := range []*tensor.Matrix{&d.Keys, &d.Queries} {
		if terms != i {
			*m = tensor.Matrix{Rows: 2 * d.Span, Cols: width, Stride: width, Data: random(rng, 2*d.Span*width)}
		}
	}
	return d
}

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// Pairs counts what the definition lets see each other.
func TestPairs(t *testing.T) {
	for _, a := range []Attention{{}, {Causal: true}, {Window: 3}, {Causal: true, Window: 3}, {Window: 100}, {Causal: true, Window: 1}} {
		for _, length := range []int{1, 2, 3, 4, 9, 50} {
			want := 0
			for i := range length {
				for j := range length {
					if (!a.Causal || j <= i) && (a.Window == 0 || max(j-i, i-j) <= a.Window) {
						want++
					}
				}
			}
			require.Equal(t, float64(want), a.pairs(length), "%+v, %d", a, length)
		}
	}
}

// A head of many tokens yields within its part, and has the same bits.
func TestMixYields(t *testing.T) {
	s, dim := kernel.Best(), 8
	qkv := tensor.NewMatrix(1200, 3*dim)
	for i := range qkv.Data {
		qkv.Data[i] = float32(i%17) / 20
	}
	a := &Attention{Heads: 1, KVHeads: 1, HeadDim: dim, Scale: scoreScale(dim)}
	mixed := func(length int, team *parallel.Team) []float32 {
		var h head
		dst := tensor.NewMatrix(length, dim)
		q := qkv.Slice(0, length)
		h.pack(s, kernel.Float32, joined{after: columns(q, dim, 2*dim)}, joined{after: columns(q, 2*dim, 3*dim)})
		h.mix(s, a, dst, columns(q, 0, dim), 0, team)
		return dst.Data
	}
	yields := 0
	team := parallel.NewYieldingTeam(1, func() { yields++ })
	require.Equal(t, mixed(1200, nil), mixed(1200, team))
	require.InDelta(t, 1200*1200/partPairs, yields, 1)
	yields = 0
	mixed(400, team)
	require.Zero(t, yields, "a short part costs nothing more")
}

// One head's attention, as a share of the CPU's peak.
func BenchmarkMix(b *testing.B) {
	s := kernel.Best()
	for _, length := range []int{16, 32, 128, 512, 8192} {
		for _, dim := range []int{32, 64} {
			b.Run(fmt.Sprintf("%dx%d", length, dim), func(b *testing.B) {
				qkv := tensor.NewMatrix(length, 36*dim)
				for i := range qkv.Data {
					qkv.Data[i] = float32(i%17) / 20
				}
				dst := tensor.NewMatrix(length, dim)
				a := &Attention{Heads: 12, KVHeads: 12, HeadDim: dim, Scale: scoreScale(dim)}
				var h head
				for b.Loop() {
					h.pack(s, kernel.Float32, joined{after: columns(qkv, 12*dim, 13*dim)}, joined{after: columns(qkv, 24*dim, 25*dim)})
					h.mix(s, a, dst, columns(qkv, 0, dim), 0, nil)
				}
				rate := 4 * float64(length*length*dim) * float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(rate/1e9, "GFLOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// One head's disentangled attention with the sizes of DeBERTa-v3, as a share of the CPU's peak.
func BenchmarkMixDisentangled(b *testing.B) {
	s := kernel.Best()
	for _, length := range []int{16, 128, 512} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			const dim, span = 64, 256
			rng := rand.New(rand.NewPCG(1, 2))
			qkv := tensor.Matrix{Rows: length, Cols: 3 * dim, Stride: 3 * dim, Data: random(rng, length*3*dim)}
			table := tensor.Matrix{Rows: 2 * span, Cols: dim, Stride: dim, Data: random(rng, 2*span*dim)}
			a := &Attention{Heads: 1, KVHeads: 1, HeadDim: dim, Scale: scoreScale(3 * dim),
				Disentangled: &Disentangled{Keys: table, Queries: table, Span: span, Buckets: span, Farthest: 512}}
			dst := tensor.NewMatrix(length, dim)
			var h head
			k := columns(qkv, dim, 2*dim)
			for b.Loop() {
				h.positions.prepare(s, kernel.Float32, a.Disentangled, 0, k)
				h.pack(s, kernel.Float32, joined{after: k}, joined{after: columns(qkv, 2*dim, 3*dim)})
				h.mix(s, a, dst, columns(qkv, 0, dim), 0, nil)
			}
			ops := 4*float64(length*length*dim) + a.Disentangled.operations(length)
			b.ReportMetric(ops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
