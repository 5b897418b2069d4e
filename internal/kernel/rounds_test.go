package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// rounding yields the sets that have the bits of plain Go, in assembly.
func rounding(yield func(*Set) bool) {
	for _, s := range sets {
		if s.rounds && s != &generic && !yield(s) {
			return
		}
	}
}

// unusual returns n elements, now and then one that is zero, tiny, huge or not finite.
func unusual(rng *rand.Rand, n int) []float32 {
	x := normals(rng.Uint64(), n)
	for i := range x {
		if rng.IntN(9) == 0 {
			x[i] = []float32{0, float32(math.Copysign(0, -1)), 0x1p-149, -0x1p-130, 20, -20, 3e38, -3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}[rng.IntN(11)]
		}
	}
	return x
}

// Each product has the bits of plain Go, of all heights and widths, in whole steps and without,
// and packs what plain Go does.
func TestRoundedProductsAreThoseOfPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	for n, shape := range append(shapes, [3]int{8, 32, 256}, [3]int{7, 20, 255}, [3]int{2, 16, 1}) {
		m, k := shape[0], shape[2]
		x, w := tensor.NewMatrix(m, k), tensor.NewMatrix(shape[1], k)
		copy(x.Data, normals(1, len(x.Data)))
		copy(w.Data, normals(2, len(w.Data)))
		bias := normals(3, shape[1])
		for s := range rounding {
			for f := range Formats {
				var outliers []int
				if f == Int8 {
					outliers = randomOutliers(rng, n%9, k)
				}
				for _, act := range []Activation{Identity, GELU} {
					want, got := selfProduct(&generic, f, x, w, bias, outliers, act), selfProduct(s, f, x, w, bias, outliers, act)
					sameBits(t, want, got, "%s %v %v %v %d outliers", s.name, f, shape, act, len(outliers))
				}
			}
		}
	}
}

// Parts of a sum begin where those of plain Go do.
func TestRoundedTermsAreThoseOfPlainGo(t *testing.T) {
	x, w := tensor.NewMatrix(9, 1000), tensor.NewMatrix(40, 1000)
	copy(x.Data, normals(4, len(x.Data)))
	copy(w.Data, normals(5, len(w.Data)))
	for s := range rounding {
		for _, span := range [][2]int{{0, 1000}, {32, 1000}, {224, 1000}, {256, 640}, {480, 512}} {
			var results [2][]float32
			for i, s := range []*Set{&generic, s} {
				var whole Panels
				whole.Resize(Float32, 1000, 40)
				for p := range whole.Count() {
					s.PackTransposed(&whole, p, w.Slice(p*Panel, min((p+1)*Panel, 40)))
				}
				part, terms := whole.Terms(span[0], span[1]), tensor.Matrix{Rows: 9, Cols: span[1] - span[0], Stride: 1000, Data: x.Data[span[0]:]}
				var rows Rows
				rows.Resize(s, 9, &part)
				for tile := range rows.Tiles() {
					s.PackRows(&rows, tile, terms)
				}
				dst := tensor.NewMatrix(9, 40)
				s.Multiply(dst, &rows, 0, rows.Tiles(), &part, 0, part.Count(), 0, Identity)
				results[i] = dst.Data
			}
			sameBits(t, results[0], results[1], "%s %v", s.name, span)
		}
	}
}

// What works on rows has the bits of plain Go, at all lengths and for elements of all kinds.
func TestRoundedRowsAreThoseOfPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 74))
	wide := spread(1 << 17)
	for s := range rounding {
		for a := GELU; a <= QuickGELU; a++ {
			want, got := clone(wide), clone(wide)
			(&generic).Activate(a, want, len(want), 1, len(want))
			s.Activate(a, got, len(got), 1, len(got))
			sameBits(t, want, got, "%s %v", s.name, a)
		}
		for _, f := range []Format{BFloat16, Int8, Int4} {
			want, got := clone(wide), clone(wide)
			generic.products[f].gelu(want, len(want), 1, len(want))
			s.products[f].gelu(got, len(got), 1, len(got))
			sameBits(t, want, got, "%s GELU in %v", s.name, f)
		}
		for n := 1; n < 150; n++ {
			for round := range 6 {
				x, add, gamma, beta := normals(rng.Uint64(), n), normals(rng.Uint64(), n), normals(rng.Uint64(), n), normals(rng.Uint64(), n)
				if round > 2 {
					x, add = unusual(rng, n), unusual(rng, n)
				}
				kernels := map[string]func(s *Set, x []float32){
					"layer norm":    func(s *Set, x []float32) { s.LayerNorm(x, x, add, gamma, beta, 1e-5) },
					"plain norm":    func(s *Set, x []float32) { s.LayerNorm(x, clone(x), nil, gamma, beta, 1e-5) },
					"RMS norm":      func(s *Set, x []float32) { s.RMSNorm(x, x, gamma, 1e-5) },
					"exponentials":  func(s *Set, x []float32) { x[0] += 0 * s.Exponentials(x, 0.3) },
					"softmax":       func(s *Set, x []float32) { s.Softmax(x, 2) },
					"axpy":          func(s *Set, x []float32) { s.Axpy(x, add, 0.7) },
					"mul":           func(s *Set, x []float32) { s.Mul(x, add) },
					"max":           func(s *Set, x []float32) { s.Max(x, add) },
					"scale":         func(s *Set, x []float32) { s.Scale(x, 1.7) },
					"rest of a row": func(s *Set, x []float32) { int8Rest(s, x) },
					"largest":       func(s *Set, x []float32) { x[0] = s.MaxAbs(x) },
				}
				for a := GELU; a <= QuickGELU; a++ {
					kernels[a.String()] = func(s *Set, x []float32) { s.Activate(a, x, n, 1, n) }
				}
				for name, kernel := range kernels {
					want, got := clone(x), clone(x)
					kernel(&generic, want)
					kernel(s, got)
					sameBits(t, want, got, "%s %s of %d", s.name, name, n)
				}
			}
		}
	}
}

// int8Rest writes what the terms of Int8 leave of x to it.
func int8Rest(s *Set, x []float32) {
	var p Panels
	p.ResizeInt8(len(x), 1, []int{len(x) / 2})
	s.Int8RowRest(x, clone(x), &p)
}

// Attention packs and divides what plain Go does.
func TestRoundedAttentionIsThatOfPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(75, 76))
	for s := range rounding {
		for _, f := range []Format{Float32, BFloat16} {
			for n := 1; n < 90; n++ {
				rows := 1 + rng.IntN(s.products[f].tileRows)
				scores := normals(rng.Uint64(), rows*n)
				if n%3 == 0 {
					scores = unusual(rng, rows*n)
				}
				run := func(s *Set) (packed, divided, totals, highest []float32) {
					x := tensor.Matrix{Rows: rows, Cols: n, Stride: n, Data: clone(scores)}
					var values Panels
					values.Resize(f, n, 1)
					var r Rows
					r.Resize(s, rows, &values)
					totals, highest = make([]float32, rows), slices.Repeat([]float32{[]float32{Lowest, 0.5}[n%2]}, rows)
					for i := range r.Tiles() { // plain Go has lower tiles
						from, to := r.Span(i)
						s.PackExponentials(&r, i, x.Slice(from, to), 0.4, highest[from:], totals[from:])
					}
					for i := range rows {
						tile := 0
						for _, to := r.Span(tile); to <= i; _, to = r.Span(tile) {
							tile++
						}
						from, to := r.Span(tile)
						for w := range r.words {
							word := r.data[from*r.words+(w/4*(to-from)+i-from)*4+w%4]
							if f == BFloat16 {
								low, high := unpair(word)
								packed = append(packed, low, high)
							} else {
								packed = append(packed, word)
							}
						}
					}
					s.DivideRows(x, totals)
					sum := x
					sum.Data = clone(scores)
					s.AddScaled(sum, x, totals)
					return packed, append(x.Data, sum.Data...), totals, highest
				}
				want, wantDivided, wantTotals, wantHighest := run(&generic)
				got, gotDivided, gotTotals, gotHighest := run(s)
				sameBits(t, wantHighest, gotHighest, "%s largest in %v of %d", s.name, f, n)
				sameBits(t, want, got, "%s %v of %d", s.name, f, n)
				sameBits(t, wantDivided, gotDivided, "%s divided in %v of %d", s.name, f, n)
				sameBits(t, wantTotals, gotTotals, "%s totals in %v of %d", s.name, f, n)
			}
		}
	}
}

// The products of finished embeddings are those of plain Go.
func TestRoundedDistancesAreThoseOfPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(77, 78))
	for s := range rounding {
		for n := 1; n < 800; n += 1 + n/20 {
			rows := 1 + rng.IntN(9)
			query, x := normals(rng.Uint64(), n), normals(rng.Uint64(), rows*n)
			bytes := make([]byte, (rows+1)*n)
			for i := range bytes {
				bytes[i] = byte(rng.Uint32())
			}
			for name, f := range map[string]func(s *Set, dst []float32){
				"dot":      func(s *Set, dst []float32) { s.DotFloat32(dst, query, x) },
				"square":   func(s *Set, dst []float32) { s.SquareFloat32(dst, x, n) },
				"distance": func(s *Set, dst []float32) { s.DistanceFloat32(dst, query, x) },
			} {
				want, got := make([]float32, rows), make([]float32, rows)
				f(&generic, want)
				f(s, got)
				sameBits(t, want, got, "%s %s of %d×%d", s.name, name, rows, n)
			}
			for _, flip := range []byte{0, Flip} {
				want, got := make([]int32, 2*rows), make([]int32, 2*rows)
				for s, dst := range map[*Set][]int32{&generic: want, s: got} {
					s.DotInt8(dst[:rows], bytes[:n], bytes[n:], flip)
					s.SquareInt8(dst[rows:], bytes[n:], n, flip)
				}
				require.Equal(t, want, got, "%s int8 of %d×%d", s.name, rows, n)
			}
		}
	}
}
