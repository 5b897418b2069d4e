package kernel

import (
	"math"
	"unsafe"
)

var int4Generic = product{how: "int4 in plain Go", gelu: roughGELUGeneric,
	tileRows:   4,
	tile:       tileInt4Generic,
	transpose:  transposeInt4,
	interleave: interleaveInt4,
	packRows:   packRowsInt4Generic,
}

// transposeInt4 quantizes the rows of src, as interleaveInt4 does its columns.
// Packing is done once, at load, and is the same in all sets.
func transposeInt4(dst, src *float32, ld, rows, cols int) {
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	groups := Int4Groups(cols)
	codes, scales := make([]byte, rows*groups*Int4GroupBytes), make([]float32, rows*groups)
	for i := range rows {
		quantizeInt4(codes[i*groups*Int4GroupBytes:], scales[i*groups:], from[i*ld:][:cols])
	}
	packInt4(unsafe.Slice(dst, groups*int4PanelWords), codes, scales, groups)
}

func interleaveInt4(dst, src *float32, ld, rows, cols int) {
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	columns := make([]float32, cols*rows)
	for i := range rows {
		for j, v := range from[i*ld:][:cols] {
			columns[j*rows+i] = v
		}
	}
	transposeInt4(dst, &columns[0], rows, cols, rows)
}

// packRowsInt4Generic rounds each group to the nearest whole numbers, ties to
// even, times its largest size over 127. A group with a NaN or an infinity has that
// as its scale; one without an element of 2⁻¹⁰⁰ or more in size is all zeros.
func packRowsInt4Generic(dst, src *float32, ld, m, cols int) {
	from := unsafe.Slice(src, (m-1)*ld+cols)
	to := unsafe.Slice(dst, Int4.rowWords(cols)*m)
	for g := range Int4Groups(cols) {
		for i := range m {
			row := from[i*ld+g*int4Group : i*ld+min((g+1)*int4Group, cols)]
			packGroupInt4(to[(g*m+i)*int4RowWords:][:int4RowWords], row)
		}
	}
}

func packGroupInt4(dst, x []float32) {
	clear(dst)
	var largest uint32 // the bits of sizes are in the order of sizes
	for _, v := range x {
		largest = max(largest, math.Float32bits(v)&^(1<<31))
	}
	size := math.Float32frombits(largest)
	if size < 0x1p-100 {
		return
	}
	dst[int4RowWords-1] = size / 127
	if largest >= 0x7f800000 {
		return
	}
	inverse := 127 / size
	var sum int32
	var words [int4Group / 4]uint32
	for i, v := range x {
		q := int32(math.RoundToEven(float64(v * inverse)))
		sum += q
		words[i/4] |= uint32(uint8(q)) << (i % 4 * 8)
	}
	for i, w := range words {
		dst[i] = math.Float32frombits(w)
	}
	dst[int4RowWords-2] = math.Float32frombits(uint32(-8 * sum))
}

func tileInt4Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(tileInt4, c, ldc, a, b, bias, steps, m, n, next, r)
}

// runInt4 calls tile, a tileFunc of one tile, for each of a run.
func runInt4(tile func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32), c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	for i := range r.count {
		ahead := next
		switch {
		case r.b != 0 && i+1 < r.count:
			ahead = add(b, r.b)
		case r.b == 0 && i > 0:
			ahead = b // once is enough
		}
		tile(c, ldc, a, b, bias, steps, m, n, ahead)
		if i+1 < r.count {
			c, a, b, bias = add(c, r.c), add(a, r.a), add(b, r.b), add(bias, r.bias)
		}
	}
}

// tileInt4 is one tile of tileInt4Generic.
func tileInt4(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32) {
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	as := unsafe.Slice((*uint32)(unsafe.Pointer(a)), steps*m*int4RowWords)
	bs := unsafe.Slice((*uint32)(unsafe.Pointer(b)), steps*int4PanelWords)
	biases := unsafe.Slice(bias, Panel)
	for i := range m {
		var sums [Panel]float32
		copy(sums[:], biases)
		for g := range steps {
			row := as[(g*m+i)*int4RowWords:][:int4RowWords]
			group := bs[g*int4PanelWords:][:int4PanelWords]
			var products [Panel]int32
			for j := range products {
				products[j] = int32(row[int4RowWords-2])
			}
			for d := range 4 {
				x0, x4 := row[2*d], row[2*d+1]
				for j, w := range group[d*Panel:][:Panel] {
					products[j] += dotCodes(w, x0) + dotCodes(w>>4, x4)
				}
			}
			scale := math.Float32frombits(row[int4RowWords-1])
			for j := range sums {
				weight := math.Float32frombits(group[4*Panel+j/2] >> (j % 2 * 16) << 16)
				sums[j] += float32(float32(products[j]) * float32(weight*scale))
			}
		}
		copy(cs[i*ldc:i*ldc+n], sums[:])
	}
}

// dotCodes sums the products of the codes in the low halves of four bytes with
// four numbers of 8 bits.
func dotCodes(codes, x uint32) int32 {
	return int32(codes&15)*int32(int8(x)) + int32(codes>>8&15)*int32(int8(x>>8)) +
		int32(codes>>16&15)*int32(int8(x>>16)) + int32(codes>>24&15)*int32(int8(x>>24))
}
