// Package search finds the vectors nearest to another one, exactly, among embeddings
// as they are stored: float32, or the formats of package quant.
//
//	rows := slices.Concat(vectors...) // end to end, each as long as the query
//	matches, err := search.Nearest(search.Dot, query, rows, 10)
//	fmt.Println(matches[0].Row, matches[0].Score)
package search

import (
	"fmt"
	"math"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/quant"
)

// kernels serve every call: their sums have the same bits in every set.
var kernels = kernel.Best()

// A Number is the element of a stored vector.
type Number interface {
	float32 | float16.Float16 | int8 | uint8
}

// A Metric says how near two vectors are. Vectors of uint8 are taken less 128.
// What it takes:
//
//	query              rows         Dot  Cosine  Euclidean  Hamming  Signs
//	float32            float32      yes  yes     yes
//	float32, float16   float16      yes  yes     yes
//	int8               int8         yes  yes     yes        bits
//	uint8              uint8        yes  yes     yes        bits
//	float32            int8, uint8  yes  yes                         bits
//
// where "bits" are packed, as quant.AppendBits makes them.
type Metric uint8

const (
	Dot       Metric = iota // Σ qᵢ·rᵢ, higher is nearer
	Cosine                  // Σ qᵢ·rᵢ / √(Σ qᵢ²·Σ rᵢ²), 0 where one is all zeros, higher is nearer
	Euclidean               // √Σ (qᵢ-rᵢ)², lower is nearer
	Hamming                 // bits that differ, lower is nearer
	Signs                   // Σ ±qᵢ, + where the row's bit is 1, higher is nearer
)

var metricNames = [...]string{"dot", "cosine", "euclidean", "hamming", "signs"}

// String returns the name in lower case, such as "dot".
func (m Metric) String() string {
	if int(m) < len(metricNames) {
		return metricNames[m]
	}
	return fmt.Sprintf("Metric(%d)", uint8(m))
}

// nearness returns a number that is higher for what is nearer, lowest for a NaN.
func (m Metric) nearness(score float32) float32 {
	if score != score {
		return float32(math.Inf(-1))
	}
	if m == Euclidean || m == Hamming {
		return -score
	}
	return score
}

// Score returns what m says of query and row. Sums of float32 have the same bits
// on all SIMD sets, and rows alone as among others; sums of bytes are exact before
// they become float32. Wrong lengths, a query that is not finite, more than 65536
// dimensions and a combination that Metric does not list are errors.
func Score[Q, E Number](m Metric, query []Q, row []E) (float32, error) {
	var dst [1]float32
	err := Scores(dst[:], m, query, row)
	return dst[0], err
}

// Scores writes Score of query and each row to dst. rows follow each other, as
// many as dst has elements.
func Scores[Q, E Number](dst []float32, m Metric, query []Q, rows []E) error {
	s, err := newScorer(m, query, rows)
	if err != nil {
		return err
	}
	if s.rows != len(dst) {
		return fmt.Errorf("%d rows, expected %d", s.rows, len(dst))
	}
	for first := 0; first < len(dst); first += block {
		s.score(dst[first:min(first+block, len(dst))], first)
	}
	return nil
}

// block is the rows that are scored at once.
const block = 32

// A scorer scores the rows of one query.
type scorer struct {
	metric Metric
	kind   pairing
	rows   int
	width  int // elements of a row

	floats []float32 // the query, of float32
	bytes  []byte    // the query, of bytes
	own    float64   // Σ of its squares, for Cosine and, of bytes, Euclidean

	float32s []float32 // the rows; one of these
	float16s []uint16
	uint8s   []byte
	flip     byte // makes int8 of their bytes, exclusive-ored
}

// A pairing is the elements of a query and of the rows.
type pairing uint8

const (
	unknown pairing = iota
	withFloat32
	withFloat16
	floatsWithBytes
	bytesWithBytes
)

// metrics are those of each pairing.
var metrics = [...][5]bool{
	withFloat32:     {Dot: true, Cosine: true, Euclidean: true},
	withFloat16:     {Dot: true, Cosine: true, Euclidean: true},
	floatsWithBytes: {Dot: true, Cosine: true, Signs: true},
	bytesWithBytes:  {Dot: true, Cosine: true, Euclidean: true, Hamming: true},
}

func newScorer[Q, E Number](m Metric, query []Q, rows []E) (s scorer, err error) {
	s = scorer{metric: m, width: len(query)}
	if s.width == 0 || s.width > kernel.MaxDimensions {
		return s, fmt.Errorf("query of %d dimensions, expected 1 to %d", s.width, kernel.MaxDimensions)
	}
	switch q := any(query).(type) {
	case []float32:
		s.floats = q
	case []float16.Float16:
		s.floats = quant.FromFloat16(nil, q)
	case []int8:
		s.bytes = kernel.Bytes(q)
	case []uint8:
		s.bytes = q
	}
	if err := quant.Finite(s.floats); err != nil {
		return s, fmt.Errorf("query: %w", err)
	}
	switch r := any(rows).(type) {
	case []float32:
		s.float32s = r
		if elementName(query) == "float32" {
			s.kind = withFloat32
		}
	case []float16.Float16:
		s.float16s = kernel.Halves(r)
		if s.floats != nil {
			s.kind = withFloat16
		}
	case []int8:
		s.uint8s, s.kind = kernel.Bytes(r), bytePairing(query, rows)
	case []uint8:
		s.uint8s, s.flip, s.kind = r, kernel.Flip, bytePairing(query, rows)
	}
	if int(m) >= len(metricNames) || !metrics[s.kind][m] {
		return s, fmt.Errorf("%v of a query of %s with rows of %s", m, elementName(query), elementName(rows))
	}
	if m == Signs {
		s.width = (s.width + 7) / 8
	}
	if len(rows)%s.width != 0 {
		return s, fmt.Errorf("rows have %d elements, expected a multiple of %d", len(rows), s.width)
	}
	s.rows = len(rows) / s.width
	s.own = s.squareOfQuery()
	return s, nil
}

// elementName returns "float32", "float16", "int8" or "uint8".
func elementName[E Number](x []E) string {
	switch any(x).(type) {
	case []float32:
		return "float32"
	case []float16.Float16:
		return "float16"
	case []int8:
		return "int8"
	}
	return "uint8"
}

// bytePairing returns the pairing of a query with rows of bytes.
func bytePairing[Q, E Number](query []Q, rows []E) pairing {
	switch elementName(query) {
	case elementName(rows):
		return bytesWithBytes
	case "float32":
		return floatsWithBytes
	}
	return unknown
}

// squareOfQuery returns Σ q² where the metric needs it.
func (s *scorer) squareOfQuery() float64 {
	switch {
	case s.kind == bytesWithBytes && (s.metric == Cosine || s.metric == Euclidean):
		var sum [1]int32
		kernels.SquareInt8(sum[:], s.bytes, len(s.bytes), s.flip)
		return float64(sum[0])
	case s.metric == Cosine:
		var sum [1]float32
		kernels.SquareFloat32(sum[:], s.floats, len(s.floats))
		return float64(sum[0])
	}
	return 0
}

// score writes the scores of rows from first on, at most block.
func (s *scorer) score(dst []float32, first int) {
	low, high := first*s.width, (first+len(dst))*s.width
	switch s.kind {
	case withFloat32:
		s.scoreFloat32(dst, s.float32s[low:high])
	case withFloat16:
		s.scoreFloat16(dst, s.float16s[low:high])
	case floatsWithBytes:
		s.scoreMixed(dst, s.uint8s[low:high])
	case bytesWithBytes:
		s.scoreBytes(dst, s.uint8s[low:high])
	}
}

func (s *scorer) scoreFloat32(dst, rows []float32) {
	if s.metric == Euclidean {
		kernels.DistanceFloat32(dst, s.floats, rows)
		roots(dst)
		return
	}
	kernels.DotFloat32(dst, s.floats, rows)
	if s.metric == Cosine {
		var squares [block]float32
		kernels.SquareFloat32(squares[:len(dst)], rows, s.width)
		for i, dot := range dst {
			dst[i] = s.cosine(float64(dot), float64(squares[i]))
		}
	}
}

func (s *scorer) scoreFloat16(dst []float32, rows []uint16) {
	if s.metric == Euclidean {
		kernels.DistanceFloat16(dst, s.floats, rows)
		roots(dst)
		return
	}
	kernels.DotFloat16(dst, s.floats, rows)
	if s.metric == Cosine {
		var squares [block]float32
		kernels.SquareFloat16(squares[:len(dst)], rows, s.width)
		for i, dot := range dst {
			dst[i] = s.cosine(float64(dot), float64(squares[i]))
		}
	}
}

// scoreMixed is for a query of float32 with rows of bytes.
func (s *scorer) scoreMixed(dst []float32, rows []byte) {
	if s.metric == Signs {
		kernels.DotSigns(dst, s.floats, rows, kernel.Flip^s.flip) // bits are int8 the other way round
		return
	}
	kernels.DotBytes(dst, s.floats, rows, s.flip)
	if s.metric == Cosine {
		var squares [block]int32
		kernels.SquareInt8(squares[:len(dst)], rows, s.width, s.flip)
		for i, dot := range dst {
			dst[i] = s.cosine(float64(dot), float64(squares[i]))
		}
	}
}

func (s *scorer) scoreBytes(dst []float32, rows []byte) {
	if s.metric == Dot || s.metric == Hamming {
		var sums [block]int32
		if s.metric == Hamming {
			kernels.Hamming(sums[:len(dst)], s.bytes, rows)
		} else {
			kernels.DotInt8(sums[:len(dst)], s.bytes, rows, s.flip)
		}
		for i := range dst {
			dst[i] = float32(sums[i])
		}
		return
	}
	var sums [block]kernel.DotSquare
	kernels.DotSquareInt8(sums[:len(dst)], s.bytes, rows, s.flip)
	for i := range dst {
		dot, square := float64(sums[i].Dot), float64(sums[i].Square) // exact, and so is what follows
		if s.metric == Euclidean {
			dst[i] = float32(math.Sqrt(s.own - 2*dot + square))
		} else {
			dst[i] = s.cosine(dot, square)
		}
	}
}

// cosine returns dot/√(own·square), 0 where one of the squares is.
func (s *scorer) cosine(dot, square float64) float32 {
	if s.own == 0 || square == 0 {
		return 0
	}
	return float32(dot / math.Sqrt(s.own*square))
}

func roots(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Sqrt(float64(v)))
	}
}
