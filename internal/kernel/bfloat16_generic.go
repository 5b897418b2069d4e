package kernel

import (
	"math"
	"unsafe"
)

// roundBFloat16 returns x as a bfloat16, rounded to the nearest, ties to even. A
// NaN stays one.
func roundBFloat16(x float32) uint32 {
	bits := math.Float32bits(x)
	if x != x {
		return bits>>16 | 1<<6
	}
	return (bits + 0x7fff + bits>>16&1) >> 16
}

// pair returns the word of two terms.
func pair(low, high float32) float32 {
	return math.Float32frombits(roundBFloat16(low) | roundBFloat16(high)<<16)
}

// unpair returns the two terms of a word.
func unpair(word float32) (low, high float32) {
	bits := math.Float32bits(word)
	return math.Float32frombits(bits << 16), math.Float32frombits(bits &^ 0xffff)
}

var bfloat16Generic = product{
	tileRows:   4,
	tile:       tileBFloat16Generic,
	transpose:  transposeBFloat16Generic,
	interleave: interleaveBFloat16Generic,
	packRows:   packRowsBFloat16Generic,
}

func tileBFloat16Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		oneTileBFloat16Generic(add(c, i*r.c), ldc, add(a, i*r.a), add(b, i*r.b), add(bias, i*r.bias), steps, m, n)
	}
}

func oneTileBFloat16Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int) {
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	as := unsafe.Slice(a, 4*steps*m)
	bs := unsafe.Slice(b, 4*steps*Panel)
	biases := unsafe.Slice(bias, Panel)
	for i := range m {
		var sums [Panel]float32
		copy(sums[:], biases)
		for w := range 4 * steps {
			x0, x1 := unpair(as[w/4*4*m+4*i+w%4])
			for j, word := range bs[w*Panel : (w+1)*Panel] {
				y0, y1 := unpair(word)
				sums[j] += x0*y0 + x1*y1
			}
		}
		copy(cs[i*ldc:i*ldc+n], sums[:])
	}
}

func transposeBFloat16Generic(dst, src *float32, ld, rows, cols int) {
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	to := unsafe.Slice(dst, (cols+1)/2*Panel)
	clear(to)
	for i := range rows {
		row := from[i*ld:][:cols]
		for j := 0; j < cols; j += 2 {
			high := float32(0)
			if j+1 < cols {
				high = row[j+1]
			}
			to[j/2*Panel+i] = pair(row[j], high)
		}
	}
}

func interleaveBFloat16Generic(dst, src *float32, ld, rows, cols int) {
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	to := unsafe.Slice(dst, (rows+1)/2*Panel)
	clear(to)
	for i := 0; i < rows; i += 2 {
		for j := range cols {
			high := float32(0)
			if i+1 < rows {
				high = from[(i+1)*ld+j]
			}
			to[i/2*Panel+j] = pair(from[i*ld+j], high)
		}
	}
}

func packRowsBFloat16Generic(dst, src *float32, ld, m, cols int) {
	from := unsafe.Slice(src, (m-1)*ld+cols)
	to := unsafe.Slice(dst, BFloat16.words(cols)*m)
	for g := 0; 8*g < cols; g++ {
		for i := range m {
			row := from[i*ld+8*g : i*ld+min(8*g+8, cols)]
			words := to[(g*m+i)*4:][:4]
			clear(words)
			for j := 0; j < len(row); j += 2 {
				high := float32(0)
				if j+1 < len(row) {
					high = row[j+1]
				}
				words[j/2] = pair(row[j], high)
			}
		}
	}
}
