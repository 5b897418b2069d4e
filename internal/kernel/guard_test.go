//go:build unix

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/rhumb-go/rhumb/tensor"
)

// A guarded is memory between two pages that no instruction may touch.
type guarded struct{ words []float32 }

func guard(t *testing.T, n int) guarded {
	page := unix.Getpagesize()
	size := roundUp(4*n, page)
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(b)) })
	require.NoError(t, unix.Mprotect(b[:page], unix.PROT_NONE))
	require.NoError(t, unix.Mprotect(b[page+size:], unix.PROT_NONE))
	return guarded{unsafe.Slice((*float32)(unsafe.Pointer(&b[page])), size/4)}
}

// each calls f with a slice that holds x, at either end of the memory.
func (g guarded) each(x []float32, f func(x []float32)) {
	for _, at := range []int{0, len(g.words) - len(x)} {
		s := g.words[at : at+len(x) : at+len(x)]
		copy(s, x)
		f(s)
	}
}

func TestElementwiseStaysWithinItsSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	a, b, c, d := guard(t, 200), guard(t, 200), guard(t, 200), guard(t, 200)
	for _, s := range sets {
		for n := 1; n <= 70; n++ {
			x := randomMatrix(rng, 1, n, n).Data
			want := clone(x)
			s.LayerNorm(want, want, x, x, x, 1)
			a.each(x, func(a []float32) {
				b.each(x, func(b []float32) {
					c.each(x, func(c []float32) {
						d.each(x, func(d []float32) {
							copy(a, x)
							s.LayerNorm(a, a, b, c, d, 1)
							sameBits(t, want, a, "%s layer norm of %d", s.name, n)
						})
						s.RMSNorm(a, b, c, 1)
					})
					s.Axpy(a, b, 2)
					s.Mul(a, b)
					s.Max(a, b)
					if n%2 == 0 {
						s.Rotate(a, b)
					}
				})
				s.Scale(a, 0.5)
				s.Exponentials(a, 0.5)
				for f := GELU; f <= QuickGELU; f++ {
					s.Activate(f, a, n, 1, n)
				}
				if cols := n / 4; cols > 0 {
					copy(a, x)
					four := tensor.Matrix{Rows: 4, Cols: cols, Stride: cols, Data: a[:4*cols]}
					if n%2 == 1 { // to the end
						four.Data = a[n-4*cols:]
					}
					b.each(x[:cols], func(b []float32) { s.LayerNorms(four, four, four, b, b, 1) })
				}
				if cols := n / 3; cols > 0 {
					s.Activate(GELU, a[:2*cols+n%3], cols, 2, cols)
				}
			})
		}
	}
}

func TestProductsStayWithinTheirSlices(t *testing.T) {
	for s, f := range setsAndFormats {
		productsStayWithinTheirSlices(t, s, f)
	}
}

func productsStayWithinTheirSlices(t *testing.T, s *Set, f Format) {
	rng := rand.New(rand.NewPCG(33, 34))
	x, w, c := guard(t, 40*50), guard(t, 80*50), guard(t, 40*90)
	packed, panels, bias := guard(t, 40*60), guard(t, 60*96), guard(t, 96)
	for _, shape := range shapes[:15] {
		m, n, k := shape[0], shape[1], min(shape[2], 40)
		xs, ws := randomMatrix(rng, m, k, k+1), randomMatrix(rng, n, k, k+2)
		want := tensor.NewMatrix(m, n)
		var outliers []int
		if f == Int8 {
			outliers = randomOutliers(rng, rng.IntN(9), k)
			multiplyInt8(s, want, xs, ws, nil, outliers)
		} else {
			multiplyIn(s, f, want, xs, ws, nil, Identity)
		}
		x.each(xs.Data, func(x []float32) {
			w.each(ws.Data, func(w []float32) {
				var b Panels
				b.Resize(f, k, n)
				if f == Int8 {
					b.ResizeInt8(k, n, outliers)
				}
				panels.each(make([]float32, len(b.data)), func(data []float32) {
					bias.each(make([]float32, len(b.Bias)), func(bias []float32) {
						b.data, b.Bias = data, bias
						ws := tensor.Matrix{Rows: n, Cols: k, Stride: k + 2, Data: w}
						for p := range b.Count() {
							s.PackTransposed(&b, p, ws.Slice(p*Panel, min((p+1)*Panel, n)))
						}
						var a Rows
						a.Resize(s, m, &b)
						packed.each(make([]float32, len(a.data)), func(data []float32) {
							a.data = data
							for tile := range a.Tiles() {
								s.PackRows(&a, tile, tensor.Matrix{Rows: m, Cols: k, Stride: k + 1, Data: x})
							}
							c.each(make([]float32, (m-1)*(n+3)+n), func(c []float32) {
								dst := tensor.Matrix{Rows: m, Cols: n, Stride: n + 3, Data: c}
								s.Multiply(dst, &a, 0, a.Tiles(), &b, 0, b.Count(), 0, Identity)
								for i := range m {
									require.Equalf(t, want.Row(i), dst.Row(i), "%s %v %v row %d", s.name, f, shape, i)
								}
							})
						})
					})
				})
			})
		})
	}
}

// The kernels of attention read and write nothing beside what is theirs.
func TestAttentionStaysWithinItsSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	x, packed, totals, highest := guard(t, MaxTileRows*70), guard(t, MaxTileRows*96), guard(t, MaxTileRows), guard(t, MaxTileRows)
	for s, f := range setsAndFormats {
		for cols := 1; cols <= 66; cols++ {
			rows := 1 + rng.IntN(s.products[f].tileRows)
			values := randomMatrix(rng, rows, cols, cols+rng.IntN(4))
			x.each(values.Data, func(data []float32) {
				m := tensor.Matrix{Rows: rows, Cols: cols, Stride: values.Stride, Data: data}
				var b Panels
				b.Resize(f, cols, 1)
				var r Rows
				r.Resize(s, rows, &b)
				packed.each(make([]float32, len(r.data)), func(data []float32) {
					r.data = data
					totals.each(make([]float32, rows), func(totals []float32) {
						highest.each(slices.Repeat([]float32{Lowest}, rows), func(highest []float32) {
							s.PackExponentials(&r, 0, m, 1, highest, totals)
						})
						s.DivideRows(m, totals)
						s.AddScaled(m, m, totals)
						if gelu := s.products[f].gelu; gelu != nil {
							gelu(m.Data, m.Stride, m.Rows, m.Cols)
						}
					})
				})
				b.Resize(f, rows, min(cols, Panel))
				packed.each(make([]float32, b.size), func(data []float32) {
					b.data = data
					s.Pack(&b, 0, tensor.Matrix{Rows: rows, Cols: min(cols, Panel), Stride: m.Stride, Data: m.Data})
				})
			})
		}
	}
}
