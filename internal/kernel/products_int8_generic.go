package kernel

import (
	"math"
	"unsafe"
)

var int8Generic = int8Loops{extremesGeneric, quantizeGeneric}

// Terms of two columns are pairBits apart in a float64: sums of pairTerms products of 255·127
// at most are less than half of that, and exact.
const (
	pairBits  = 26
	pairTerms = 512
)

// tileInt8Generic is the tile of Int8. The other sets have fused multiply-adds
// where this has a product and a sum. Whole numbers of two columns are one float64, of which
// processors, and WebAssembly, multiply more at a time than of whole numbers.
func tileInt8Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	terms := 16 * steps
	scratch := int8Memory(2 * terms * (Panel/2 + m))
	defer int8Scratch.Put(scratch)
	columns := unsafe.Slice((*float64)(unsafe.Pointer(&(*scratch)[0])), terms*(Panel/2+m))
	rows := columns[terms*Panel/2:]
	for i := range r.count {
		if i == 0 || r.b != 0 {
			pairColumns(columns[:terms*Panel/2], add(b, i*r.b), terms)
		}
		spreadRows(rows, add(a, i*r.a), terms, m)
		oneTileInt8Generic(add(c, i*r.c), ldc, add(a, i*r.a), add(b, i*r.b), add(bias, i*r.bias), columns, rows, steps, m, n)
	}
}

// pairColumns writes the terms of columns 2p and 2p+1 of a panel as one number to element p%4
// of four for each term, of pairs 4·(p/4) to 4·(p/4)+3 together.
func pairColumns(dst []float64, b *float32, terms int) {
	bs := unsafe.Slice((*[4]int8)(unsafe.Pointer(b)), terms/4*Panel)
	for p := range Panel / 2 {
		to := dst[p/4*4*terms+p%4:]
		for w := range terms / 4 {
			low, high := &bs[w*Panel+2*p], &bs[w*Panel+2*p+1]
			for t := range low {
				to[4*(4*w+t)] = float64(int64(low[t]) + int64(high[t])<<pairBits)
			}
		}
	}
}

// spreadRows writes the terms of each of m rows.
func spreadRows(dst []float64, a *float32, terms, m int) {
	as := unsafe.Slice((*[4]uint8)(unsafe.Pointer(a)), terms/4*m)
	for i := range m {
		to := dst[i*terms:][:terms]
		for w := range terms / 4 {
			for t, v := range as[w/4*4*m+4*i+w%4] {
				to[4*w+t] = float64(v)
			}
		}
	}
}

// An int8Block has the sums of eight columns of two rows.
type int8Block [2][8]int32

// sum adds the products of two rows of terms and of four pairs of columns.
func (s *int8Block) sum(x0, x1, columns []float64) {
	for len(x0) > 0 {
		n := min(len(x0), pairTerms)
		var c [8]float64
		c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7] = dotPairs(x0[:n], x1[:n], columns[:4*n])
		for p, v := range c {
			both := int64(v)
			low := both << (64 - pairBits) >> (64 - pairBits)
			s[p/4][p%4*2] += int32(low)
			s[p/4][p%4*2+1] += int32((both - low) >> pairBits)
		}
		x0, x1, columns = x0[n:], x1[n:], columns[4*n:]
	}
}

func dotPairs(x0, x1, columns []float64) (c00, c01, c02, c03, c10, c11, c12, c13 float64) {
	for t, v0 := range x0 {
		y, v1 := (*[4]float64)(columns[4*t:]), x1[t]
		c00 += v0 * y[0]
		c01 += v0 * y[1]
		c02 += v0 * y[2]
		c03 += v0 * y[3]
		c10 += v1 * y[0]
		c11 += v1 * y[1]
		c12 += v1 * y[2]
		c13 += v1 * y[3]
	}
	return
}

func oneTileInt8Generic(c *float32, ldc int, a, b, bias *float32, columns, rows []float64, steps, m, n int) {
	terms := 16 * steps
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	biases := unsafe.Slice(bias, Panel)
	heads := unsafe.Slice(add(a, 4*steps*m), int8RowExtra*m)
	tail := add(b, 4*steps*Panel)
	scales, sums := unsafe.Slice(tail, Panel), unsafe.Slice((*int32)(unsafe.Pointer(add(tail, Panel))), Panel)
	var totals [MaxTileRows][Panel]int32
	for i := 0; i < m; i += 2 {
		i1 := min(i+1, m-1) // the last row of an odd count is computed twice
		for j := 0; j < n; j += 8 {
			var block int8Block
			block.sum(rows[i*terms:][:terms], rows[i1*terms:][:terms], columns[j/8*4*terms:][:4*terms])
			copy(totals[i][j:], block[0][:])
			copy(totals[i1][j:], block[1][:])
		}
	}
	for i := range m {
		head := (*[int8RowExtra]float32)(heads[int8RowExtra*i:])
		minus := int32(math.Float32bits(head[1]))
		row := cs[i*ldc:][:n]
		for j := range row {
			row[j] = float32(float32(float32(totals[i][j]+minus*sums[j])*head[0])*scales[j]) + biases[j]
		}
		groups := int(math.Float32bits(head[2]))
		outliers := unsafe.Slice(add(a, (4*steps+int8RowExtra)*m), 4*groups*m)
		weights := unsafe.Slice(add(tail, int8PanelExtra*Panel), 4*groups*Panel)
		for w := range 4 * groups {
			x := outliers[w/4*4*m+4*i+w%4]
			for j, y := range weights[w*Panel:][:n] {
				row[j] += float32(x * y)
			}
		}
	}
}

func extremesGeneric(x *float32, kept *uint16, groups int) (low, high float32) {
	sign := float32(0) // NaN once an element was not finite
	for g, mask := range unsafe.Slice(kept, groups) {
		for j := 0; mask>>j != 0; j++ {
			if mask>>j&1 != 0 {
				v := *add(x, 16*g+j)
				low, high, sign = min(low, v), max(high, v), sign+v*0
			}
		}
	}
	return low, high + sign
}

func quantizeGeneric(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32) {
	for g, mask := range unsafe.Slice(kept, groups) {
		to := (*[16]byte)(unsafe.Add(unsafe.Pointer(dst), g*stride))
		for j := range to {
			q := zero
			if mask>>j&1 != 0 {
				scaled := float32(*add(x, 16*g+j) * inverse)
				q = min(int32(math.RoundToEven(float64(scaled)))+zero, 255)
			}
			to[j] = byte(q)
		}
	}
}
