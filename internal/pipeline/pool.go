package pipeline

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Mode is how one vector is made of the hidden states of a sequence. The
// names and rules are those of sentence-transformers 6.2, Pooling.
type Mode uint8

const (
	PoolCLS          Mode = iota // the first token
	PoolMax                      // the largest of each component
	PoolMean                     // the sum over the count
	PoolMeanSqrtLen              // the sum over the count's square root
	PoolWeightedMean             // tokens weigh their position, counted from 1 and the prompt included
	PoolLastToken                // the last token
)

var modes = [...]string{
	PoolCLS:          "cls",
	PoolMax:          "max",
	PoolMean:         "mean",
	PoolMeanSqrtLen:  "mean_sqrt_len_tokens",
	PoolWeightedMean: "weightedmean",
	PoolLastToken:    "lasttoken",
}

// String returns the name of m, such as "mean".
func (m Mode) String() string { return modes[m] }

// ParseMode returns the mode of that name.
func ParseMode(name string) (Mode, error) {
	if m := slices.Index(modes[:], name); m >= 0 {
		return Mode(m), nil
	}
	return 0, fmt.Errorf("unknown mode %.50q, expected one of %q", name, modes)
}

// A Pooling makes one vector of the hidden states of a sequence, that of each
// mode after the other.
type Pooling struct {
	Set   *kernel.Set
	Modes []Mode
}

// apply writes the vector of the hidden states h (tokens×hidden) to dst, which
// has hidden elements for each mode. The first skip tokens are left out; where
// they are all, "cls" takes the first token, "max" is -Inf and the others are
// zero, as in the reference. sums has hidden elements.
//
// Sums are in float64, in the order of the tokens.
func (p *Pooling) apply(dst []float32, h tensor.Matrix, skip int, sums []float64) {
	skip = min(skip, h.Rows)
	rest := h.Slice(skip, h.Rows)
	for i, m := range p.Modes {
		out := dst[i*h.Cols : (i+1)*h.Cols]
		switch m {
		case PoolCLS:
			copy(out, h.Row(skip%h.Rows))
		case PoolLastToken:
			clear(out)
			if rest.Rows > 0 {
				copy(out, rest.Row(rest.Rows-1))
			}
		case PoolMax:
			maxRows(p.Set, out, rest)
		case PoolMean:
			sumRows(sums, rest)
			divide(out, sums, float64(rest.Rows))
		case PoolMeanSqrtLen:
			sumRows(sums, rest)
			divide(out, sums, math.Sqrt(float64(rest.Rows)))
		case PoolWeightedMean:
			divide(out, sums, weightRows(sums, rest, skip))
		}
	}
}

// sumRows writes the sum of the rows of h to dst.
func sumRows(dst []float64, h tensor.Matrix) {
	clear(dst)
	for i := range h.Rows {
		row := h.Row(i)[:len(dst)]
		for j := range dst {
			dst[j] += float64(row[j])
		}
	}
}

// weightRows writes the sum of the rows of h to dst, row i times before+i+1,
// and returns the sum of these weights. The products are exact.
func weightRows(dst []float64, h tensor.Matrix, before int) (total float64) {
	clear(dst)
	for i := range h.Rows {
		weight := float64(before + i + 1)
		total += weight
		row := h.Row(i)[:len(dst)]
		for j := range dst {
			dst[j] += weight * float64(row[j])
		}
	}
	return total
}

// maxRows writes the largest element of each column of h to dst; a NaN stays.
func maxRows(s *kernel.Set, dst []float32, h tensor.Matrix) {
	for j := range dst {
		dst[j] = float32(math.Inf(-1))
	}
	for i := range h.Rows {
		s.Max(dst, h.Row(i))
	}
}

// divide writes sums/by to dst; by is at least 1e-9.
func divide(dst []float32, sums []float64, by float64) {
	by = max(by, 1e-9)
	for j, s := range sums {
		dst[j] = float32(s / by)
	}
}
