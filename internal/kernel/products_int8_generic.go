package kernel

import (
	"math"
	"unsafe"
)

var int8Generic = int8Loops{extremesGeneric, quantizeGeneric}

// tileInt8Generic is the tile of Int8. The other sets have fused multiply-adds
// where this has a product and a sum.
func tileInt8Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		oneTileInt8Generic(add(c, i*r.c), ldc, add(a, i*r.a), add(b, i*r.b), add(bias, i*r.bias), steps, m, n)
	}
}

func oneTileInt8Generic(c *float32, ldc int, a, b, bias *float32, steps, m, n int) {
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	biases := unsafe.Slice(bias, Panel)
	heads := unsafe.Slice(add(a, 4*steps*m), int8RowExtra*m)
	tail := add(b, 4*steps*Panel)
	scales, sums := unsafe.Slice(tail, Panel), unsafe.Slice((*int32)(unsafe.Pointer(add(tail, Panel))), Panel)
	as := unsafe.Slice((*[4]uint8)(unsafe.Pointer(a)), 4*steps*m)
	bs := unsafe.Slice((*[4]int8)(unsafe.Pointer(b)), 4*steps*Panel)
	for i := range m {
		head := (*[int8RowExtra]float32)(heads[int8RowExtra*i:])
		var totals [Panel]int32
		for j := range n {
			totals[j] = int32(math.Float32bits(head[1])) * sums[j]
		}
		for w := range 4 * steps {
			x := as[w/4*4*m+4*i+w%4]
			x0, x1, x2, x3 := int32(x[0]), int32(x[1]), int32(x[2]), int32(x[3])
			for j, y := range bs[w*Panel : w*Panel+n] {
				totals[j] += x0*int32(y[0]) + x1*int32(y[1]) + x2*int32(y[2]) + x3*int32(y[3])
			}
		}
		row := cs[i*ldc:][:n]
		for j := range row {
			row[j] = float32(float32(float32(totals[j])*head[0])*scales[j]) + biases[j]
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
