// Package kernel holds the inner loops: matrix products, norms, softmax,
// activations and conversions, in plain Go and in assembly for each CPU level.
//
// All SIMD sets but that for SSE4.1 give the same bits: every element of a product is one chain of
// fused multiply-adds over k in order, in float32 for each SumTerms of it, which are
// added in order; reductions use 16 partial sums (element
// i goes to sum i mod 16) added as a fixed tree (i and i+8, then +4, +2, +1),
// and exp, erf and tanh are one polynomial with one order of fused steps. Only the
// sums of bfloat16s by AMX have an order of their own. The generic set is plain Go, without
// fused steps, and agrees within a bound that each test derives; the set for SSE4.1 has its bits.
//
// The name of a file begins with what it works on: products, of matrices; rows, which
// are norms, activations and softmax; or vectors, which are distances and conversions.
// The others hold the sets together. Products are packed by the assembly of rows, which
// is why they are one package.
package kernel

import (
	"fmt"
	"strings"
	"sync"
)

//go:generate go run ./generate

// A Set is the kernels of one CPU level. It is read-only and safe for
// concurrent use. Its methods check lengths and panic where a caller breaks
// them; its fields are the bare loops.
type Set struct {
	name string

	// unproven says that no such CPU was at hand: the set serves where it computes
	// what the generic set does, see Best.
	unproven bool

	// rounds says that products are rounded before they are added.
	rounds bool

	products [Formats]product
	int8Loops
	floatLoops
	int4 int4Loops

	// The activations work in place on rows×cols elements, ld apart from row to row.
	gelu, geluTanh, silu, relu, tanh func(x []float32, ld, rows, cols int)

	// softmax replaces x by 2^((x-highest)·factor), highest the largest of x and least, and
	// returns its sum. factor > 0.
	softmax func(x []float32, factor, least float32) (total, highest float32)
	// divideRows multiplies each row of x by 1/total; nil = scale is run.
	divideRows func(x *float32, ld, rows, cols int, totals *float32)
	// addScaled multiplies each row of dst, stride apart, by its factor and adds that of x, ld
	// apart, to it, by fused multiply-adds.
	addScaled func(dst, x *float32, stride, ld, rows, cols int, factors *float32)
	// rotate turns element i of each head, which lie one behind the other and have two halves,
	// with element half+i, by the angle of cosine i and sine half+i.
	rotate func(heads *float32, count, half int, angles *float32)
	// layerNorm writes dst = (s-mean(s))/√(var(s)+eps)·gamma + beta with s = x+add;
	// add may be nil. dst may be x or add.
	layerNorm func(dst, x, add, gamma, beta []float32, eps float32)
	// layerNorm4 is layerNorm of four rows of at least one element, ld apart from row to row;
	// nil = there is no such loop.
	layerNorm4 func(dst, x, add *float32, ldDst, ldX, ldAdd, cols int, gamma, beta *float32, eps float32)
	// rmsNorm writes dst = x/√(mean(x²)+eps)·gamma. dst may be x.
	rmsNorm func(dst, x, gamma []float32, eps float32)

	// axpy adds a·x to dst by fused multiply-adds; mul multiplies dst by x, element
	// by element; max keeps the larger of dst and x (a NaN in either stays); scale
	// multiplies dst by a.
	axpy  func(dst, x []float32, a float32)
	mul   func(dst, x []float32)
	max   func(dst, x []float32)
	scale func(dst []float32, a float32)

	vectors // the loops over finished embeddings

	// peak runs n fused multiply-adds per accumulator on registers alone and
	// returns the floating-point operations done.
	peak func(n int) float64
}

// Name returns "generic", "sse41", "avx2", "avx512", "amx" or "neon".
func (s *Set) Name() string { return s.name }

// Rounds reports whether s rounds products before it adds them. Sets that do have the same
// bits, those of plain Go, and in float32 so have those that do not.
func (s *Set) Rounds() bool { return s.rounds }

// Sets returns the sets that this CPU runs, slowest first. GODEBUG=cpu.avx2=off
// and its like (golang.org/x/sys/cpu) take sets away.
func Sets() []*Set { return sets }

// Best returns the fastest set that this CPU runs. An unproven set is held
// against the generic one first, once; where it differs, the one before it serves.
func Best() *Set { return best() }

var best = sync.OnceValue(func() *Set { return fastest(sets) })

func fastest(sets []*Set) *Set {
	last := len(sets) - 1
	if sets[last].prove() != nil {
		return fastest(sets[:last])
	}
	return sets[last]
}

// prove returns the error of an unproven set's self test.
func (s *Set) prove() error {
	if !s.unproven {
		return nil
	}
	return SelfTest(s)
}

// ByName returns the set of that name; the empty name is the best set. An
// unproven set has to compute what the generic one does.
func ByName(name string) (*Set, error) {
	if name == "" {
		return Best(), nil
	}
	var have []string
	for _, s := range sets {
		if s.name == name {
			if err := s.prove(); err != nil {
				return nil, err
			}
			return s, nil
		}
		have = append(have, s.name)
	}
	return nil, fmt.Errorf("kernels %q: this CPU runs %s", name, strings.Join(have, ", "))
}
