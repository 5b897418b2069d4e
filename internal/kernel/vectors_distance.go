package kernel

import "unsafe"

// fourFloats returns the products of a query of float32 with four rows: steps
// of 16 components from query and rows on, rows stride bytes apart, and one step
// more from tailQuery and tailRows on, whose rows follow each other, unless
// tailQuery is nil. A stride of 0 asks for a alone; the others then mean nothing.
//
// Each row's sum is 16 partial sums (component i goes to sum i mod 16), made by
// fused multiply-adds and added as a fixed tree. flip is exclusive-ored to the
// bytes of rows where it has a meaning.
type fourFloats func(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// fourInts is fourFloats for bytes on both sides; the sums are exact. A step is
// 16 bytes, or Set.int8Step for those of int8. Where flip has a meaning, it is
// exclusive-ored to both sides.
type fourInts func(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// MaxDimensions is the most components that the products here take: with
// more, the largest sums of int8 would not fit an int32, and one call would
// hold up the scheduler.
const MaxDimensions = 1 << 16

// The methods are not inlined: each is generic, and escape analysis in another
// package would not see that it keeps no dst.

// DotFloat32 writes the product of query with each row; rows follow each other
// and are as many as dst.
//
//go:noinline
func (s *Set) DotFloat32(dst, query, rows []float32) {
	each(dst, s.dotFloat32, query, rows, shape{len(query), len(query), 16, 16}, 0)
}

// SquareFloat32 writes the sum of the squares of each row of d components.
//
//go:noinline
func (s *Set) SquareFloat32(dst, rows []float32, d int) {
	each(dst, s.squareFloat32, rows, rows, shape{d, d, 16, 16}, 0)
}

// DistanceFloat32 writes the sum of the squares of row - query.
//
//go:noinline
func (s *Set) DistanceFloat32(dst, query, rows []float32) {
	each(dst, s.distanceFloat32, query, rows, shape{len(query), len(query), 16, 16}, 0)
}

// DotFloat16 is DotFloat32 for rows of IEEE halves.
//
//go:noinline
func (s *Set) DotFloat16(dst, query []float32, rows []uint16) {
	each(dst, s.dotFloat16, query, rows, shape{len(query), len(query), 16, 16}, 0)
}

// SquareFloat16 is SquareFloat32 for rows of IEEE halves.
//
//go:noinline
func (s *Set) SquareFloat16(dst []float32, rows []uint16, d int) {
	each(dst, s.squareFloat16, rows, rows, shape{d, d, 16, 16}, 0)
}

// DistanceFloat16 is DistanceFloat32 for rows of IEEE halves.
//
//go:noinline
func (s *Set) DistanceFloat16(dst, query []float32, rows []uint16) {
	each(dst, s.distanceFloat16, query, rows, shape{len(query), len(query), 16, 16}, 0)
}

// DotBytes is DotFloat32 for rows of int8, or of uint8 less 128 where flip is Flip.
//
//go:noinline
func (s *Set) DotBytes(dst, query []float32, rows []byte, flip byte) {
	each(dst, s.dotBytes, query, rows, shape{len(query), len(query), 16, 16}, flip)
}

// DotSigns is DotFloat32 for rows of packed bits, as ToSigns makes them: a bit
// stands for 1, a zero for -1. flip is 0 for unsigned bytes, Flip for int8.
//
//go:noinline
func (s *Set) DotSigns(dst, query []float32, rows []byte, flip byte) {
	each(dst, s.dotSigns, query, rows, shape{len(query), (len(query) + 7) / 8, 16, 2}, flip)
}

// DotInt8 writes the product of query with each row, of int8, or of uint8 less
// 128 where flip is Flip.
//
//go:noinline
func (s *Set) DotInt8(dst []int32, query, rows []byte, flip byte) {
	each(dst, s.dotInt8, query, rows, shape{len(query), len(query), s.int8Step, s.int8Step}, flip)
}

// SquareInt8 writes the sum of the squares of each row of d bytes, read as in DotInt8.
//
//go:noinline
func (s *Set) SquareInt8(dst []int32, rows []byte, d int, flip byte) {
	each(dst, s.squareInt8, rows, rows, shape{d, d, s.int8Step, s.int8Step}, flip)
}

// A DotSquare is the product of a query with a row, and the sum of the row's squares.
type DotSquare struct{ Dot, Square int32 }

// DotSquareInt8 is DotInt8 and SquareInt8 in one, which reads memory once.
//
//go:noinline
func (s *Set) DotSquareInt8(dst []DotSquare, query, rows []byte, flip byte) {
	d := len(query)
	if s.dotSquareInt8 != nil {
		each(dst, s.dotSquareInt8, query, rows, shape{d, d, s.int8Step, s.int8Step}, flip)
		return
	}
	same("rows", len(rows), len(dst)*d)
	var dots, squares [16]int32 // of rows that the first cache holds
	for len(dst) > 0 {
		n := min(len(dst), len(dots))
		s.DotInt8(dots[:n], query, rows[:n*d], flip)
		s.SquareInt8(squares[:n], rows[:n*d], d, flip)
		for i := range n {
			dst[i] = DotSquare{dots[i], squares[i]}
		}
		dst, rows = dst[n:], rows[n*d:]
	}
}

// Hamming writes the number of bits in which query and each row differ.
//
//go:noinline
func (s *Set) Hamming(dst []int32, query, rows []byte) {
	each(dst, s.hamming, query, rows, shape{len(query), len(query), 16, 16}, 0)
}

// A shape is the elements of a query and of a row, and those of one step of each.
type shape struct{ query, row, queryStep, rowStep int }

// maxStep is the most elements of a step.
const maxStep = 64

// each writes f's sum for each row.
func each[R float32 | int32 | DotSquare, Q float32 | byte | uint16, E float32 | byte | uint16](
	dst []R, f func(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d R),
	query []Q, rows []E, s shape, flip byte,
) {
	n := len(dst)
	same("rows", len(rows), n*s.row)
	reads(query)
	reads(rows)
	if n == 0 {
		return
	}
	if s.query == 0 {
		clear(dst)
		return
	}
	if s.query > MaxDimensions {
		panic("kernel: too many dimensions")
	}
	steps := min(s.query/s.queryStep, s.row/s.rowStep)
	var tail *tails[Q, E]
	var tailQuery, tailRows unsafe.Pointer
	if rest := query[steps*s.queryStep : s.query]; len(rest) > 0 {
		tail = new(tails[Q, E])
		if flip != 0 { // what means 0
			pad(tail.query[:], flip)
			pad(tail.rows[:], flip)
		}
		copy(tail.query[:], rest)
		tailQuery, tailRows = unsafe.Pointer(&tail.query), unsafe.Pointer(&tail.rows)
	}
	four := func(i, stride int) (a, b, c, d R) {
		if tail != nil {
			for j := range 4 {
				row := rows[(i+j*stride)*s.row:][:s.row]
				copy(tail.rows[j*s.rowStep:][:s.rowStep], row[steps*s.rowStep:])
			}
		}
		size := int(unsafe.Sizeof(rows[0]))
		return f(unsafe.Pointer(&query[0]), unsafe.Pointer(&rows[i*s.row]), stride*s.row*size, steps, tailQuery, tailRows, flip)
	}
	if n < 4 {
		for i := range dst {
			dst[i], _, _, _ = four(i, 0)
		}
		return
	}
	for i := 0; i < n; i += 4 {
		at := min(i, n-4) // the last four again, where they are not four
		dst[at], dst[at+1], dst[at+2], dst[at+3] = four(at, 1)
	}
}

// tails is one step of a query and four rows, for components that fill no step.
type tails[Q, E any] struct {
	query [maxStep]Q
	rows  [4 * maxStep]E
}

func pad[E float32 | byte | uint16](x []E, flip byte) {
	if b, ok := any(x).([]byte); ok {
		for i := range b {
			b[i] = flip
		}
	}
}
