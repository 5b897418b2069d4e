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
	how:        expanded,
	tileRows:   4,
	tile:       tileBFloat16Generic,
	transpose:  transposeBFloat16Generic,
	interleave: interleaveBFloat16Generic,
	packRows:   packRowsBFloat16Generic,

	gelu:             roughGELUGeneric,
	packExponentials: packExponentialsBFloat16Generic,
}

// tileBFloat16Generic works through a panel, whose terms are expanded first, four columns and
// two rows at a time.
func tileBFloat16Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	words := 4 * steps
	scratch := int8Memory(2 * words * (Panel + m))
	defer int8Scratch.Put(scratch)
	columns, rows := (*scratch)[:2*words*Panel], (*scratch)[2*words*Panel:]
	for i := range r.count {
		if i == 0 || r.b != 0 {
			for w, word := range unsafe.Slice(add(b, i*r.b), words*Panel) {
				j := w % Panel
				at := j/4*8*words + w/Panel*8 + j%4
				columns[at], columns[at+4] = unpair(word)
			}
		}
		as := unsafe.Slice(add(a, i*r.a), words*m)
		for j := range m {
			for w := range words {
				at := 2 * (j*words + w)
				rows[at], rows[at+1] = unpair(as[w/4*4*m+4*j+w%4])
			}
		}
		oneTileBFloat16Generic(add(c, i*r.c), ldc, columns, rows, add(bias, i*r.bias), words, m, n)
	}
}

func oneTileBFloat16Generic(c *float32, ldc int, columns, rows []float32, bias *float32, words, m, n int) {
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	biases := unsafe.Slice(bias, Panel)
	for i := 0; i < m; i += 2 {
		i1 := min(i+1, m-1) // the last row of an odd count is computed twice
		x0, x1 := rows[2*i*words:][:2*words], rows[2*i1*words:][:2*words]
		for j := 0; j < n; j += 4 {
			y := columns[j*2*words:][:8*words]
			c00, c01, c02, c03 := biases[j], biases[j+1], biases[j+2], biases[j+3]
			c10, c11, c12, c13 := c00, c01, c02, c03
			for w := 0; w < len(x0)-1 && w < len(x1)-1; w += 2 {
				y := (*[8]float32)(y[4*w:])
				low, high := x0[w], x0[w+1]
				c00 += float32(low*y[0]) + float32(high*y[4])
				c01 += float32(low*y[1]) + float32(high*y[5])
				c02 += float32(low*y[2]) + float32(high*y[6])
				c03 += float32(low*y[3]) + float32(high*y[7])
				low, high = x1[w], x1[w+1]
				c10 += float32(low*y[0]) + float32(high*y[4])
				c11 += float32(low*y[1]) + float32(high*y[5])
				c12 += float32(low*y[2]) + float32(high*y[6])
				c13 += float32(low*y[3]) + float32(high*y[7])
			}
			copy(cs[i*ldc+j:i*ldc+n], []float32{c00, c01, c02, c03})
			copy(cs[i1*ldc+j:i1*ldc+n], []float32{c10, c11, c12, c13})
		}
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

const (
	roughHigh                              = 5.5 // a·Φ(-a) is 1e-7 there
	rough0, rough1, rough2, rough3, rough4 = -1.00047958, -1.14737236, -0.468014687, -0.0440793186, 0.00386626553
	short1, short2, short3                 = 0.693282902, 0.242210969, 0.0550089329
)

// shortPower returns 2^y, relative error 1.02e-4, for y from -127, which gives 0, to 127.
func shortPower(y float32) float32 {
	k := y + round127
	f := y - (k - round127)
	return next(1, f, next(short1, f, next(short2, f, short3))) * math.Float32frombits(math.Float32bits(k)<<23)
}

// roughGELUGeneric is geluGeneric with an error of 2.5e-5, to be rounded to
// bfloat16: log₂ Φ(-a) is a polynomial in a, its error weighted by a·Φ(-a)·ln 2 at
// most 6.1e-6.
func roughGELUGeneric(x []float32, ld, rows, cols int) {
	for i := range rows {
		row := x[i*ld:][:cols]
		for j, v := range row {
			a := math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
			if a > roughHigh {
				a = roughHigh
			}
			positive := float32(0)
			if !(v < 0) {
				positive = v
			}
			y := next(rough0, a, next(rough1, a, next(rough2, a, next(rough3, a, rough4))))
			row[j] = positive - float32(a*shortPower(y))
		}
	}
}

// exponentialsBFloat16Generic adds word w to sum w mod 16, the high term first, and
// the 16 sums as all sets do. What is packed sums to what weights are divided by:
// the rounding errors of the weights do not add to the mean of the values.
func exponentialsBFloat16Generic(dst *float32, groupBytes int, x []float32, factor float32, highest *float32) float32 {
	*highest = largest(x, *highest)
	shift := *highest * factor
	var sums [16]float32
	powersGeneric(dst, groupBytes, x, 0, factor, shift, &sums)
	return sum16(&sums)
}

// powersGeneric packs 2^(x·factor-shift) from group number g on, of 8 elements each, groupBytes
// apart in dst, and adds the words to sums.
func powersGeneric(dst *float32, groupBytes int, x []float32, g int, factor, shift float32, sums *[16]float32) {
	group := groupBytes / 4
	words := unsafe.Slice(dst, (len(x)-1)/8*group+4)
	for ; 8*g < len(x); g++ {
		for w := range 4 {
			var terms [2]float32
			for t := range terms {
				if i := 8*g + 2*w + t; i < len(x) {
					y := float32(x[i]*factor) - shift
					if y < powerLow {
						y = powerLow
					}
					terms[t] = shortPower(y)
				}
			}
			word := pair(terms[0], terms[1])
			words[g*group+w] = word
			low, high := unpair(word)
			sums[g%4*4+w] += high
			sums[g%4*4+w] += low
		}
	}
}

func packExponentialsBFloat16Generic(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	for i := range rows {
		*add(totals, i) = exponentialsBFloat16Generic(add(dst, 4*i), 16*rows, unsafe.Slice(add(x, i*ld), cols), factor, add(highest, i))
	}
}
