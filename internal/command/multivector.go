package command

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/search"
	"github.com/rhumb-go/rhumb/tensor"
)

// rowsOf returns vectors of float32 as the rows of a matrix.
func rowsOf(vectors []encoding.Vector) tensor.Matrix {
	if len(vectors) == 0 {
		return tensor.Matrix{}
	}
	m := tensor.NewMatrix(len(vectors), len(vectors[0].Float32))
	for r := range vectors {
		copy(m.Row(r), vectors[r].Float32)
	}
	return m
}

// A tokenVectors are the vectors of a line, in the fields of the index's encoding.
type tokenVectors struct {
	floats tensor.Matrix
	bytes  []int8 // of int8 and binary, with their scales
	scales []float32
	bits   []byte // of binary
}

// tokenVectorsOf returns vectors in an encoding.
func tokenVectorsOf(vectors []encoding.Vector, encoding string) (t tokenVectors, err error) {
	if encoding == "float" {
		t.floats = rowsOf(vectors)
		return t, nil
	}
	for i := range vectors {
		var scale float32
		if t.bytes, scale, err = quant.AppendScaled(t.bytes, vectors[i].Float32); err != nil {
			return t, err
		}
		t.scales = append(t.scales, scale)
		if encoding == "binary" {
			if t.bits, err = quant.AppendBits(t.bits, vectors[i].Float32); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// score returns MaxSim of the query and the vectors.
func (t *tokenVectors) score(s *multivector.Scorer) (score float32, err error) {
	if t.bytes == nil {
		score, err = s.Score(t.floats)
	} else {
		score, err = s.ScoreInt8(t.bytes, t.scales)
	}
	if v := float64(score); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = embed.ErrNotFinite
	}
	return score, err
}

// searchMulti returns the k lines with the highest MaxSim with a query, equal ones by index.
func (x *index) searchMulti(ctx context.Context, query tensor.Matrix, k int) ([]search.Match, error) {
	if query.Rows == 0 {
		return nil, errors.New("query: no token that counts, expected one or more")
	}
	scorer, err := x.multi.NewScorer(query)
	if err != nil {
		return nil, err
	}
	score := func(row int) (float32, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		score, err := x.vectors[row].score(scorer)
		if err != nil {
			err = fmt.Errorf("input %d: %w", x.lines[row].index, err)
		}
		return score, err
	}
	if x.encoding != "binary" {
		return search.Best(len(x.vectors), k, score)
	}
	matches, err := search.Best(len(x.vectors), candidates*k, func(row int) (float32, error) { return scorer.ScoreBits(x.vectors[row].bits) })
	if err == nil {
		err = search.Rescore(search.Dot, matches, score)
	}
	return matches[:min(k, len(matches))], err
}
