//go:build amd64 && !purego

package kernel

import (
	"math"
	"unsafe"
)

// The functions of assembly here work on blocks of 4 elements, of which there are some, or as
// many as their names say: see there.

//go:noescape
func gelu4SSE41(x *float32, blocks int)

//go:noescape
func roughGELU4SSE41(x *float32, blocks int)

//go:noescape
func geluTanh4SSE41(x *float32, blocks int)

//go:noescape
func silu4SSE41(x *float32, blocks int)

//go:noescape
func relu4SSE41(x *float32, blocks int)

//go:noescape
func tanh4SSE41(x *float32, blocks int)

//go:noescape
func highest4SSE41(x *float32, blocks int, lanes *[4]float32)

//go:noescape
func exponentials4SSE41(x *float32, blocks int, largest, factor float32, sums *[16]float32)

//go:noescape
func powers8SSE41(dst *float32, stride int, x *float32, blocks int, factor, shift float32, sums *[16]float32)

//go:noescape
func packBFloat16SSE41(dst *float32, stride int, src *float32, blocks int)

//go:noescape
func sum4SSE41(dst, x, add *float32, blocks int, sums *[16]float32)

//go:noescape
func squares4SSE41(x *float32, blocks int, mean float32, sums *[16]float32)

//go:noescape
func normalize4SSE41(dst, x, gamma, beta *float32, blocks int, mean, root float32)

//go:noescape
func axpy4SSE41(dst, x *float32, blocks int, a float32)

//go:noescape
func mul4SSE41(dst, x *float32, blocks int)

//go:noescape
func max4SSE41(dst, x *float32, blocks int)

//go:noescape
func scale4SSE41(dst *float32, blocks int, a float32)

//go:noescape
func extremes16SSE41(x *float32, kept *uint16, groups int, lanes *[12]float32)

//go:noescape
func quantize16SSE41(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)

//go:noescape
func peakLoopSSE41(n int)

func peakSSE41(n int) float64 {
	peakLoopSSE41(n)
	return float64(n) * 12 * 4
}

// inFours runs fours on whole blocks of each row, and rest on what is left over.
func inFours(x []float32, ld, rows, cols int, fours func(x *float32, blocks int), rest func(x []float32, ld, rows, cols int)) {
	for i := range rows {
		row := x[i*ld:][:cols]
		if cols >= 4 {
			fours(&row[0], cols/4)
		}
		if row = row[cols&^3:]; len(row) > 0 {
			rest(row, len(row), 1, len(row))
		}
	}
}

func geluSSE41(x []float32, ld, rows, cols int) { inFours(x, ld, rows, cols, gelu4SSE41, geluGeneric) }

func roughGELUSSE41(x []float32, ld, rows, cols int) {
	inFours(x, ld, rows, cols, roughGELU4SSE41, roughGELUGeneric)
}

func geluTanhSSE41(x []float32, ld, rows, cols int) {
	inFours(x, ld, rows, cols, geluTanh4SSE41, geluTanhGeneric)
}

func siluSSE41(x []float32, ld, rows, cols int) { inFours(x, ld, rows, cols, silu4SSE41, siluGeneric) }

func reluSSE41(x []float32, ld, rows, cols int) { inFours(x, ld, rows, cols, relu4SSE41, reluGeneric) }

func tanhSSE41(x []float32, ld, rows, cols int) { inFours(x, ld, rows, cols, tanh4SSE41, tanhGeneric) }

// highestSSE41 returns the largest of the elements and least. A NaN is left out.
func highestSSE41(x []float32, least float32) float32 {
	largest := least
	if whole := len(x) / 4; whole > 0 {
		var lanes [4]float32
		highest4SSE41(&x[0], whole, &lanes)
		for _, v := range lanes {
			largest = max(largest, v)
		}
	}
	for _, v := range x[len(x)&^3:] {
		if v > largest {
			largest = v
		}
	}
	return largest
}

func softmaxSSE41(x []float32, factor, least float32) (total, highest float32) {
	largest := highestSSE41(x, least)
	var sums [16]float32
	whole := len(x) &^ 3
	if whole > 0 {
		exponentials4SSE41(&x[0], whole/4, largest, factor, &sums)
	}
	for i := whole; i < len(x); i++ {
		x[i] = finePower((x[i] - largest) * factor)
		sums[i%16] += x[i]
	}
	return sum16(&sums), largest
}

func layerNormSSE41(dst, x, add, gamma, beta []float32, eps float32) {
	var sums [16]float32
	n := len(dst)
	whole := n &^ 3
	if whole > 0 {
		sum4SSE41(&dst[0], &x[0], unsafe.SliceData(add), whole/4, &sums)
	}
	for i := whole; i < n; i++ {
		dst[i] = x[i]
		if len(add) > 0 {
			dst[i] += add[i]
		}
		sums[i%16] += dst[i]
	}
	normalizeSSE41(dst, dst, gamma, beta, sum16(&sums)/float32(n), eps)
}

func rmsNormSSE41(dst, x, gamma []float32, eps float32) {
	normalizeSSE41(dst, x, gamma, nil, 0, eps)
}

// normalizeSSE41 writes dst = (x-mean)/√(mean((x-mean)²)+eps)·gamma + beta, without beta where
// that is nil.
func normalizeSSE41(dst, x, gamma, beta []float32, mean, eps float32) {
	var sums [16]float32
	n := len(x)
	whole := n &^ 3
	if whole > 0 {
		squares4SSE41(&x[0], whole/4, mean, &sums)
	}
	for i := whole; i < n; i++ {
		sums[i%16] += float32((x[i] - mean) * (x[i] - mean))
	}
	root := 1 / float32(math.Sqrt(float64(sum16(&sums)/float32(n)+eps)))
	if whole > 0 {
		normalize4SSE41(&dst[0], &x[0], &gamma[0], unsafe.SliceData(beta), whole/4, mean, root)
	}
	for i := whole; i < n; i++ {
		dst[i] = float32((x[i] - mean) * root * gamma[i])
		if len(beta) > 0 {
			dst[i] += beta[i]
		}
	}
}

func axpySSE41(dst, x []float32, a float32) {
	whole := len(dst) &^ 3
	if whole > 0 {
		axpy4SSE41(&dst[0], &x[0], whole/4, a)
	}
	axpyGeneric(dst[whole:], x[whole:], a)
}

func mulSSE41(dst, x []float32) {
	whole := len(dst) &^ 3
	if whole > 0 {
		mul4SSE41(&dst[0], &x[0], whole/4)
	}
	mulGeneric(dst[whole:], x[whole:])
}

func maxSSE41(dst, x []float32) {
	whole := len(dst) &^ 3
	if whole > 0 {
		max4SSE41(&dst[0], &x[0], whole/4)
	}
	maxGeneric(dst[whole:], x[whole:])
}

func scaleSSE41(dst []float32, a float32) {
	whole := len(dst) &^ 3
	if whole > 0 {
		scale4SSE41(&dst[0], whole/4, a)
	}
	scaleGeneric(dst[whole:], a)
}

// packRowsBFloat16SSE41 packs 8 elements at a time of each row.
func packRowsBFloat16SSE41(dst, src *float32, ld, m, cols int) {
	whole := cols / 8
	if whole > 0 {
		for i := range m {
			packBFloat16SSE41(add(dst, 4*i), 16*m, add(src, i*ld), whole)
		}
	}
	if rest := cols % 8; rest > 0 {
		packRowsBFloat16Generic(add(dst, 4*m*whole), add(src, 8*whole), ld, m, rest)
	}
}

func packExponentialsBFloat16SSE41(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	for i := range rows {
		row, to := unsafe.Slice(add(x, i*ld), cols), add(dst, 4*i)
		largest := highestSSE41(row, *add(highest, i))
		*add(highest, i) = largest
		shift := largest * factor
		var sums [16]float32
		whole := cols / 8
		if whole > 0 {
			powers8SSE41(to, 16*rows, &row[0], whole, factor, shift, &sums)
		}
		powersGeneric(to, 16*rows, row, whole, factor, shift, &sums)
		*add(totals, i) = sum16(&sums)
	}
}

// wholeGroups returns how many groups can be read whole: all but a last one that is not kept
// whole, where the elements may end.
func wholeGroups(kept *uint16, groups int) int {
	if unsafe.Slice(kept, groups)[groups-1] != 1<<16-1 {
		groups--
	}
	return groups
}

func extremesSSE41(x *float32, kept *uint16, groups int) (low, high float32) {
	whole := wholeGroups(kept, groups)
	if whole < groups {
		low, high = extremesGeneric(add(x, 16*whole), &unsafe.Slice(kept, groups)[whole], 1)
	}
	if whole == 0 {
		return low, high
	}
	var lanes [12]float32
	extremes16SSE41(x, kept, whole, &lanes)
	for i := range 4 {
		low, high = min(low, lanes[i]), max(high, lanes[4+i]+lanes[8+i])
	}
	return low, high
}

func quantizeSSE41(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32) {
	whole := wholeGroups(kept, groups)
	if whole > 0 {
		quantize16SSE41(dst, stride, x, kept, whole, inverse, zero)
	}
	if whole < groups {
		quantizeGeneric((*byte)(unsafe.Add(unsafe.Pointer(dst), whole*stride)), stride, add(x, 16*whole), &unsafe.Slice(kept, groups)[whole], 1, inverse, zero)
	}
}
