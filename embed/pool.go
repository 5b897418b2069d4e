package embed

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A mode is a way to make one vector of the hidden states of a sequence. The
// names and rules are those of sentence-transformers 6.2, Pooling.
type mode uint8

const (
	poolCLS          mode = iota // the first token
	poolMax                      // the largest of each component
	poolMean                     // the sum over the count
	poolMeanSqrtLen              // the sum over the count's square root
	poolWeightedMean             // tokens weigh their position, counted from 1 and the prompt included
	poolLastToken                // the last token
)

// modes holds the name of each mode, and its key in configurations before sentence-transformers 5.4.
var modes = [...]struct{ name, key string }{
	poolCLS:          {"cls", "pooling_mode_cls_token"},
	poolMax:          {"max", "pooling_mode_max_tokens"},
	poolMean:         {"mean", "pooling_mode_mean_tokens"},
	poolMeanSqrtLen:  {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
	poolWeightedMean: {"weightedmean", "pooling_mode_weightedmean_tokens"},
	poolLastToken:    {"lasttoken", "pooling_mode_lasttoken"},
}

func parseMode(name string) (mode, error) {
	var have []string
	for m, known := range modes {
		if known.name == name {
			return mode(m), nil
		}
		have = append(have, known.name)
	}
	return 0, fmt.Errorf("unknown mode %.50q, expected one of %q", name, have)
}

// pooling makes one vector of the hidden states of a sequence, that of each
// mode after the other.
type pooling struct {
	set           *kernel.Set
	modes         []mode
	includePrompt bool
}

// apply writes the vector of the hidden states h (tokens×hidden) to dst, which
// has hidden elements for each mode. The first skip tokens are left out; where
// they are all, "cls" takes the first token, "max" is -Inf and the others are
// zero, as in the reference. sums has hidden elements.
//
// Sums are in float64, in the order of the tokens.
func (p *pooling) apply(dst []float32, h tensor.Matrix, skip int, sums []float64) {
	skip = min(skip, h.Rows)
	rest := h.Slice(skip, h.Rows)
	for i, m := range p.modes {
		out := dst[i*h.Cols : (i+1)*h.Cols]
		switch m {
		case poolCLS:
			copy(out, h.Row(skip%h.Rows))
		case poolLastToken:
			clear(out)
			if rest.Rows > 0 {
				copy(out, rest.Row(rest.Rows-1))
			}
		case poolMax:
			maxRows(p.set, out, rest)
		case poolMean:
			sumRows(sums, rest)
			divide(out, sums, float64(rest.Rows))
		case poolMeanSqrtLen:
			sumRows(sums, rest)
			divide(out, sums, math.Sqrt(float64(rest.Rows)))
		case poolWeightedMean:
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

// names returns the names of the modes.
func (p *pooling) names() []string {
	var names []string
	for _, m := range p.modes {
		names = append(names, modes[m].name)
	}
	return slices.Clip(names)
}
