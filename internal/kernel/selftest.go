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
	product := func(s *Set, f Format, a Activation) []float32 {
		dst := tensor.NewMatrix(m, n)
		var rows Rows
		var panels Panels
		panels.Resize(f, k, n)
		rows.Resize(s, m, &panels)
		for t := range rows.Tiles() {
			s.PackRows(&rows, t, x)
		}
		for p := range panels.Count() {
			s.PackTransposed(&panels, p, w.Slice(p*Panel, min((p+1)*Panel, n)))
		}
		copy(panels.Bias, bias)
		s.Multiply(dst, &rows, 0, rows.Tiles(), &panels, 0, panels.Count(), 0, a)
		return dst.Data
	}
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
		if err := check("product, "+a.String(), func(s *Set) []float32 { return product(s, Float32, a) }); err != nil {
			return err
		}
	}
	for f := range Formats {
		for _, a := range []Activation{Identity, GELU} {
			if err := check("product in "+f.String()+", "+a.String(), func(s *Set) []float32 { return product(s, f, a) }); err != nil {
				return err
			}
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

// provenInt8 reports whether p computes in s what s does without it, bit for bit: p
// is for CPUs that the tests may not have run on.
func provenInt8(s *Set, p product) bool {
	const m, n, k = 13, 45, 70
	x, w := tensor.NewMatrix(m, k), tensor.NewMatrix(n, k)
	for i := range x.Data {
		x.Data[i] = float32(i*i%509) - 200
	}
	for i := range w.Data {
		w.Data[i] = float32(i*i%251) - 125
	}
	with := *s
	with.products[Int8] = p
	var got [2][]float32
	for i, s := range []*Set{s, &with} {
		var rows Rows
		var panels Panels
		panels.ResizeInt8(k, n, []int{3, 60})
		rows.Resize(s, m, &panels)
		for t := range rows.Tiles() {
			s.PackRows(&rows, t, x)
		}
		for p := range panels.Count() {
			s.PackTransposed(&panels, p, w.Slice(p*Panel, min((p+1)*Panel, n)))
		}
		dst := tensor.NewMatrix(m, n)
		s.Multiply(dst, &rows, 0, rows.Tiles(), &panels, 0, panels.Count(), 0, Identity)
		got[i] = dst.Data
	}
	return slices.Equal(got[0], got[1])
}
