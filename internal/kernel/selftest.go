package kernel

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// SelfTest runs each kernel of s on a small input and holds it against the
// generic set. The error says which kernel differs, and by how much.
func SelfTest(s *Set) error {
	const m, n, k = 17, 39, 70
	value := func(i int) float32 { return float32(math.Sin(float64(i)*1.7+0.3)) * 3 }
	fill := func(rows, cols, seed int) tensor.Matrix {
		x := tensor.NewMatrix(rows, cols)
		for i := range x.Data {
			x.Data[i] = value(i + seed)
		}
		return x
	}
	x, w, bias := fill(m, k, 0), fill(n, k, 1000), fill(1, n, 2000).Data
	// Sums of 70 products of up to 9 in size, and what follows from them.
	const bound = 1e-3
	check := func(name string, run func(s *Set) []float32) error {
		want, got := run(&generic), run(s)
		for i := range want {
			if d := math.Abs(float64(want[i]) - float64(got[i])); !(d <= bound) {
				return fmt.Errorf("kernels %s: %s: element %d: found %v, expected %v", s.name, name, i, got[i], want[i])
			}
		}
		return nil
	}
	for a := Identity; a <= Tanh; a++ {
		if err := check("product, "+a.String(), func(s *Set) []float32 { return selfProduct(s, Float32, x, w, bias, nil, a) }); err != nil {
			return err
		}
	}
	for f := range Formats {
		for _, a := range []Activation{Identity, GELU} {
			if err := check("product in "+f.String()+", "+a.String(), func(s *Set) []float32 { return selfProduct(s, f, x, w, bias, nil, a) }); err != nil {
				return err
			}
		}
	}
	if err := selfTestWhole(s, Float32, BFloat16, Int8, Int4); err != nil {
		return err
	}
	for f := range Formats {
		for _, a := range []Activation{Identity, GELU} {
			if f != Int8 && !slices.Equal(twice(s, f, x, w, a, s.MultiplyPacked), twice(s, f, x, w, a, nil)) {
				return fmt.Errorf("kernels %s: product in %v, %v, packed: differs from the product that is packed afterwards", s.name, f, a)
			}
		}
	}
	if err := check("weights in int4", func(s *Set) []float32 {
		const weights = 300 // more than 8 groups
		groups := Int4Groups(weights)
		codes, scales := make([]byte, groups*Int4GroupBytes), make([]float32, groups)
		s.QuantizeInt4(codes, scales, fill(1, weights, 7000).Data)
		dst := make([]float32, len(codes))
		widen(dst, codes)
		return append(dst, scales...)
	}); err != nil {
		return err
	}
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16} {
		if err := check("float32 of "+d.String(), func(s *Set) []float32 {
			t := tensor.Tensor{DType: d, Shape: []int{n}}
			for i := range n {
				t.Data = append(t.Data, byte(37*i), byte(0x3f+i%2<<7))
			}
			dst := make([]float32, n)
			_ = s.Float32sAt(dst, t, 0) // nothing is wrong with t
			return dst
		}); err != nil {
			return err
		}
	}
	gamma, beta := fill(1, n, 3000).Data, fill(1, n, 4000).Data
	for _, kernel := range []struct {
		name string
		run  func(s *Set, x, y []float32)
	}{
		{"softmax", func(s *Set, x, _ []float32) { s.Softmax(x, 0.5) }},
		{"layer norm", func(s *Set, x, y []float32) { s.LayerNorm(x, x, y, gamma, beta, 1e-5) }},
		{"RMS norm", func(s *Set, x, _ []float32) { s.RMSNorm(x, x, gamma, 1e-5) }},
		{"multiply and add", func(s *Set, x, y []float32) { s.Axpy(x, y, 0.7) }},
		{"multiply", func(s *Set, x, y []float32) { s.Mul(x, y) }},
		{"max", func(s *Set, x, y []float32) { s.Max(x, y) }},
		{"scale", func(s *Set, x, _ []float32) { s.Scale(x, 0.7) }},
		{"rotate", func(s *Set, x, y []float32) { s.Rotate(x[:n/2*2], y[:n/2*2]) }},
	} {
		err := check(kernel.name, func(s *Set) []float32 {
			x := fill(1, n, 5000).Data
			kernel.run(s, x, fill(1, n, 6000).Data)
			return x
		})
		if err != nil {
			return err
		}
	}
	for _, f := range []Format{Float32, BFloat16} {
		if err := check("attention in "+f.String(), func(s *Set) []float32 {
			return attention(s, f, fill(m, k, 7000), fill(k, n, 8000))
		}); err != nil {
			return err
		}
	}
	return selfTestVectors(s)
}

// selfProduct returns act(x·wᵀ + bias).
func selfProduct(s *Set, f Format, x, w tensor.Matrix, bias []float32, outliers []int, act Activation) []float32 {
	dst := tensor.NewMatrix(x.Rows, w.Rows)
	selfMultiply(s, f, dst, x, w, bias, outliers, act)
	return dst.Data
}

// selfMultiply writes act(x·wᵀ + bias) to dst.
func selfMultiply(s *Set, f Format, dst, x, w tensor.Matrix, bias []float32, outliers []int, act Activation) {
	var rows Rows
	var panels Panels
	panels.Resize(f, x.Cols, w.Rows)
	if f == Int8 {
		panels.ResizeInt8(x.Cols, w.Rows, outliers)
	}
	rows.Resize(s, x.Rows, &panels)
	for t := range rows.Tiles() {
		s.PackRows(&rows, t, x)
	}
	for p := range panels.Count() {
		s.PackTransposed(&panels, p, w.Slice(p*Panel, min((p+1)*Panel, w.Rows)))
	}
	copy(panels.Bias, bias)
	s.Multiply(dst, &rows, 0, rows.Tiles(), &panels, 0, panels.Count(), 0, act)
}

// selfTestWhole multiplies whole numbers in these formats, so small that no set rounds
// any: in Int8 and Int4 the steps of rows and columns are 1. The results are those of the generic
// set, in tiles of all heights and widths, whole blocks of terms and parts of them, and
// runs of tiles below and beside each other.
func selfTestWhole(s *Set, formats ...Format) error {
	outliers := []int{3, 60}
	for _, shape := range [][3]int{{9, 200, 70}, {17, 39, 192}, {64, 64, 64}, {70, 33, 100}} {
		m, n, k := shape[0], shape[1], shape[2]
		x, w, bias := tensor.NewMatrix(m, k), tensor.NewMatrix(n, k), make([]float32, n)
		for i := range m {
			row := x.Row(i)
			for j := range row {
				row[j] = float32((i*31+j*j*7)%256 - 100)
			}
			row[0], row[1], row[outliers[0]], row[outliers[1]] = -100, 155, 1000, float32(8*i)
		}
		for i := range n {
			row := w.Row(i)
			for j := range row {
				row[j] = float32((i*29+j*j*11)%255 - 127)
			}
			row[2], bias[i] = 127, float32(i-20)
		}
		for _, f := range formats {
			x, w := x, w
			if f == Int4 {
				x, w = inInt4Steps(x, 127), inInt4Steps(w, -8)
			}
			want, got := selfProduct(&generic, f, x, w, bias, outliers, Identity), selfProduct(s, f, x, w, bias, outliers, Identity)
			for i := range want {
				if want[i] != got[i] {
					return fmt.Errorf("kernels %s: %d×%d×%d whole numbers in %v: element %d: found %v, expected %v", s.name, m, n, k, f, i, got[i], want[i])
				}
			}
		}
	}
	return nil
}

// inInt4Steps returns x cut to numbers of the size of end at the most, which each group of 32
// begins with.
func inInt4Steps(x tensor.Matrix, end float32) tensor.Matrix {
	cut := tensor.NewMatrix(x.Rows, x.Cols)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			cut.Row(i)[j] = float32(math.Mod(float64(v), float64(end)))
			if j%int4Group == 0 {
				cut.Row(i)[j] = end
			}
		}
	}
	return cut
}

// twice returns act(x·wᵀ)·w in format f. What lies between is packed by multiply, or where
// that is nil afterwards.
func twice(s *Set, f Format, x, w tensor.Matrix, act Activation, multiply func(*Rows, []float32, *Rows, int, int, *Panels, int, int, int, Activation)) []float32 {
	var rows, inner Rows
	var first, second Panels
	first.Resize(f, w.Cols, w.Rows)
	second.Resize(f, w.Rows, w.Cols)
	rows.Resize(s, x.Rows, &first)
	inner.Resize(s, x.Rows, &second)
	for t := range rows.Tiles() {
		s.PackRows(&rows, t, x)
	}
	for p := range first.Count() {
		s.PackTransposed(&first, p, w.Slice(p*Panel, min((p+1)*Panel, w.Rows)))
	}
	for p := range second.Count() {
		s.Pack(&second, p, w)
	}
	if multiply != nil {
		multiply(&inner, Floats(BlockRows*Panel), &rows, 0, rows.Tiles(), &first, 0, first.Count(), 0, act)
	} else {
		between := tensor.NewMatrix(x.Rows, w.Rows)
		s.Multiply(between, &rows, 0, rows.Tiles(), &first, 0, first.Count(), 0, act)
		for t := range inner.Tiles() {
			s.PackRows(&inner, t, between)
		}
	}
	dst := tensor.NewMatrix(x.Rows, w.Cols)
	s.Multiply(dst, &inner, 0, inner.Tiles(), &second, 0, second.Count(), 0, Identity)
	return dst.Data
}

// proven reports whether p computes in s what the generic set does in format f: p is for CPUs
// that the tests may not have run on.
func proven(s *Set, f Format, p product) bool {
	with := *s
	with.products[f] = p
	return selfTestWhole(&with, f) == nil
}
