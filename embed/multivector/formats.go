package multivector

import (
	"fmt"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// ScoreFloat16 is Score of a document whose vectors are IEEE halves, one behind the other.
// It has the bits that Score has for them as float32s.
func (s *Scorer) ScoreFloat16(document []float16.Float16) (float32, error) {
	k := s.query.K
	if len(document)%k != 0 {
		return 0, fmt.Errorf("document: %d halves, expected vectors of %d components, as those of the query have", len(document), k)
	}
	return s.score(len(document)/k, func(m *kernel.MaxDots) { m.AddFloat16(kernel.Halves(document)) }), nil
}

// ScoreInt8 is Score of a document whose vectors are int8, one behind the other, each to be
// multiplied by its scale, as quant.AppendScaled makes them. It has the bits that Score has
// for what quant.FromScaled makes of them.
func (s *Scorer) ScoreInt8(document []int8, scales []float32) (float32, error) {
	k := s.query.K
	if len(scales) != len(document)/k || len(document)%k != 0 {
		return 0, fmt.Errorf("document: %d components and %d scales, expected vectors of %d components, as those of the query have, and a scale for each",
			len(document), len(scales), k)
	}
	return s.score(len(scales), func(m *kernel.MaxDots) { m.AddInt8(kernel.Bytes(document), scales) }), nil
}

// ScoreBits is Score of a document whose vectors are packed bits, as quant.AppendBits makes
// them, one behind the other in whole bytes: 1 for a bit and -1 for a zero. The query has
// float32s; where these are 1 and -1 too, products are the components less twice those
// that differ, exactly.
func (s *Scorer) ScoreBits(document []byte) (float32, error) {
	size := (s.query.K + 7) / 8
	if len(document)%size != 0 {
		return 0, fmt.Errorf("document: %d bytes of packed bits, expected those of vectors of %d components, as those of the query have, %d each",
			len(document), s.query.K, size)
	}
	return s.score(len(document)/size, func(m *kernel.MaxDots) { m.AddSigns(document) }), nil
}
