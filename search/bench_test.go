package search

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/rhumb-go/rhumb/quant"
)

// Rows of 384 components that no cache holds: 151 MB of float32. memmove is what
// memory gives.
func BenchmarkNearest(b *testing.B) {
	const d, n = 384, 98304
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = rng.Float32() - 0.5
	}
	query := rows[:d]
	scores := make([]float32, n)
	run := func(name string, bytes int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(bytes))
			for b.Loop() {
				f()
			}
		})
	}
	search := func(name string, bytes int, f func() ([]Match, error)) {
		run(name, bytes, func() {
			if _, err := f(); err != nil {
				b.Fatal(err)
			}
		})
	}
	to := make([]float32, n*d)
	run("memmove", 4*n*d, func() { copy(to, rows) })
	run("float32/loop", 4*n*d, func() {
		for i := range scores {
			sum := float32(0)
			for j, x := range rows[i*d:][:d] {
				sum += x * query[j]
			}
			scores[i] = sum
		}
	})
	run("float32/gonum", 4*n*d, func() {
		for i := range scores {
			scores[i] = blas32.Dot(blas32.Vector{N: d, Inc: 1, Data: query}, blas32.Vector{N: d, Inc: 1, Data: rows[i*d:][:d]})
		}
	})
	search("float32/dot", 4*n*d, func() ([]Match, error) { return Nearest(Dot, query, rows, 10) })
	search("float32/cosine", 4*n*d, func() ([]Match, error) { return Nearest(Cosine, query, rows, 10) })
	search("float32/euclidean", 4*n*d, func() ([]Match, error) { return Nearest(Euclidean, query, rows, 10) })
	half := halves(b, rows)
	search("float16/dot", 2*n*d, func() ([]Match, error) { return Nearest(Dot, query, half, 10) })
	q, _, err := quant.AppendScaled([]int8(nil), rows)
	if err != nil {
		b.Fatal(err)
	}
	run("int8/loop", n*d, func() {
		for i := range scores {
			sum := int32(0)
			for j, x := range q[i*d:][:d] {
				sum += int32(x) * int32(q[j])
			}
			scores[i] = float32(sum)
		}
	})
	run("int8/dot", n*d, func() {
		if err := Scores(scores, Dot, q[:d], q); err != nil {
			b.Fatal(err)
		}
	})
	search("int8/cosine", n*d, func() ([]Match, error) { return Nearest(Cosine, q[:d], q, 10) })
	search("int8/float32 query", n*d, func() ([]Match, error) { return Nearest(Cosine, query, q, 10) })
	bits := pack[uint8](b, rows, d)
	search("binary/hamming", n*d/8, func() ([]Match, error) { return Nearest(Hamming, bits[:d/8], bits, 10) })
	search("binary/float32 query", n*d/8, func() ([]Match, error) { return Nearest(Signs, query, bits, 10) })
}

func BenchmarkScore(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := randomUnit(rng, 384), randomUnit(rng, 384)
	for _, m := range []Metric{Dot, Cosine, Euclidean} {
		b.Run(m.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Score(m, x, y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("gonum", func(b *testing.B) {
		for b.Loop() {
			blas32.Dot(blas32.Vector{N: 384, Inc: 1, Data: x}, blas32.Vector{N: 384, Inc: 1, Data: y})
		}
	})
}
