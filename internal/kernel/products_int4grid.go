package kernel

import "math"

// gridReach is how far from its whole number a weight on a grid may be, in steps: half a unit in the last place of a
// bfloat16, times 8, is 1/64.
const gridReach = 1.0 / 32

// KeepInt4 changes what QuantizeInt4 wrote of the weights w of a row, in groups that lie on a grid: weights that are
// whole numbers of -8 to 7 times one number, but for rounding to 16 bits, have these as their codes, and that number, rounded to
// bfloat16, as their scale. Those were in 4 bits before, with a scale for this group or for more; QuantizeInt4 would choose
// finer steps for a group that has neither -8 nor -7, and round them once more. It returns how many groups lie on a
// grid, and how many do not; zeros do not count.
func KeepInt4(codes []byte, scales []float32, w []float32) (on, off int) {
	for g := range Int4Groups(len(w)) {
		x := w[g*int4Group : min((g+1)*int4Group, len(w))]
		unit, zeros := gridUnit(x)
		switch {
		case zeros:
			continue
		case unit == 0:
			off++
			continue
		}
		on++
		scales[g] = math.Float32frombits(roundBFloat16(unit) << 16)
		putInt4(codes[g*Int4GroupBytes:][:Int4GroupBytes], x, 1/unit)
	}
	return on, off
}

// gridUnit returns the step of the grid that the weights of a group lie on, 0 where there is none, and whether they
// are zeros, or too small.
func gridUnit(x []float32) (unit float32, zeros bool) {
	var largest float32
	for _, v := range x {
		if v-v != 0 {
			return 0, false
		}
		if abs(v) > abs(largest) {
			largest = v
		}
	}
	if abs(largest) < 0x1p-100 {
		return 0, true
	}
	for k := float32(1); k <= 8; k++ { // coarse ones first, whose step is that of whoever chose it
		unit, inverse := largest/k, k/largest
		if k == 8 {
			unit, inverse = -unit, -inverse
		}
		fits := true
		for _, v := range x {
			u := float32(v * inverse)
			if fits = abs(u-int4Level(u)) <= gridReach; !fits {
				break
			}
		}
		if fits {
			return unit, false
		}
	}
	return 0, false
}
