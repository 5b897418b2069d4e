package tensor

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/x448/float16"
)

// BenchmarkFloat32s converts 1 Mi elements, normally distributed as weights are,
// with a standard deviation of 0.03.
func BenchmarkFloat32s(b *testing.B) {
	const n = 1 << 20
	for _, d := range []DType{F64, F32, F16, BF16} {
		t := Tensor{Name: "weights", DType: d, Shape: []int{n}, Data: make([]byte, n*d.Size())}
		r := rand.New(rand.NewPCG(1, 2))
		for i := range n {
			putFloat(t.Data[i*d.Size():], d, r.NormFloat64()*0.03)
		}
		dst := make([]float32, n)
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Float32s(dst); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
}

// BenchmarkFloat32sAt converts rows of 384 elements, as a lookup of a token does.
func BenchmarkFloat32sAt(b *testing.B) {
	const rows, columns = 1024, 384
	t := Tensor{Name: "table", DType: F16, Shape: []int{rows, columns}, Data: make([]byte, rows*columns*2)}
	for i := range rows * columns {
		putFloat(t.Data[2*i:], F16, float64(float16.Fromfloat32(float32(i%977-400)/1e4).Float32()))
	}
	dst := make([]float32, columns)
	b.ReportAllocs()
	row := 0
	for b.Loop() {
		if err := t.Float32sAt(dst, row*columns); err != nil {
			b.Fatal(err)
		}
		row = (row + 7) % rows
	}
}
