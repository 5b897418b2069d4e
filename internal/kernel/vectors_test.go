package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

// lengths are those of whole blocks, of tails, and of both.
func lengths() []int {
	n := []int{384, 1000, maxWork + 31}
	for i := range 70 {
		n = append(n, i)
	}
	return n
}

func TestMaxAbs(t *testing.T) {
	x := spread(1 << 16)
	for _, s := range sets {
		for _, n := range lengths() {
			for _, v := range [][]float32{x[:n], x[200:][:n], normals(uint64(n), n)} {
				want := 0.0
				for _, v := range v {
					want = math.Max(want, math.Abs(float64(v)))
					if v != v {
						want = math.NaN()
						break
					}
				}
				got := float64(s.MaxAbs(v))
				require.Truef(t, got == want || got != got && want != want, "%s largest of %d: %v, expected %v", s.name, n, got, want)
			}
		}
		v := make([]float32, 40)
		for i := range v {
			for _, special := range []float32{float32(math.Inf(-1)), float32(math.NaN()), 0x1p-149} {
				v[i] = special
				got := s.MaxAbs(v)
				require.Equalf(t, math.Float32bits(special)&^(1<<31), math.Float32bits(got), "%s largest with %v at %d", s.name, special, i)
				v[i] = 0
			}
		}
	}
}

// Of numbers that lie between two integers, and on their middle.
func TestToInt8(t *testing.T) {
	var x, want []float32
	for i := -127; i < 127; i++ {
		even := float32(i)
		if i%2 != 0 {
			even++
		}
		x = append(x, float32(i), float32(i)+0.25, float32(i)+0.5, float32(i)+0.75)
		want = append(want, float32(i), float32(i), even, float32(i+1))
	}
	for _, s := range sets {
		for _, n := range lengths() {
			n = min(n, len(x))
			got := make([]byte, n)
			s.ToInt8(got, x[:n], 4, 4, 0)
			unsigned := make([]byte, n)
			s.ToInt8(unsigned, x[:n], 8, 8, Flip)
			for i := range got {
				require.Equalf(t, want[i], float32(int8(got[i])), "%s %v", s.name, x[i])
				require.Equalf(t, want[i], float32(int(unsigned[i])-128), "%s unsigned %v", s.name, x[i])
			}
		}
	}
}

// The sets agree on numbers of every size, and with steps rounded one by one.
func TestConversionsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, n := range lengths() {
		x, low, high := normals(uint64(n), n), normals(1, n), normals(2, n)
		size := math.Ldexp(1, rng.IntN(200)-100)
		largest := float32(0x1p-149)
		for i := range x {
			x[i] *= float32(size)
			largest = max(largest, float32(math.Abs(float64(x[i]))))
			low[i] *= float32(size)
			high[i] = low[i] + float32(math.Abs(float64(high[i])*size))
			if i%7 == 0 {
				high[i] = low[i]
			}
			if i%11 == 0 {
				x[i] = high[i]
				largest = max(largest, float32(math.Abs(float64(x[i]))))
			}
		}
		for _, s := range sets {
			got := make([]byte, n)
			for _, flip := range []byte{0, Flip} {
				s.ToInt8(got, x, 127, largest, flip)
				for i, v := range x {
					q := float32(float64(v) * 127) // one rounding: the product is exact in float64
					q = float32(float64(q) / float64(largest))
					want := math.RoundToEven(float64(q))
					require.Equalf(t, want, float64(int8(got[i]^flip)), "%s int8 of %v of %v", s.name, v, largest)
				}
				s.ToRanges(got, x, low, high, flip)
				for i, v := range x {
					step := float32(float64(float32(float64(high[i])-float64(low[i]))) / 255)
					if step == 0 {
						step = 1
					}
					q := float32(float64(float32(float64(v)-float64(low[i]))) / float64(step))
					want := math.Min(math.Max(math.Floor(float64(q)), 0), 255)
					require.Equalf(t, want, float64(got[i]^flip), "%s bucket of %v in %v to %v", s.name, v, low[i], high[i])
				}
			}
		}
	}
}

func TestToSigns(t *testing.T) {
	x := spread(1 << 12)
	for _, s := range sets {
		for _, n := range []int{0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 384, 1001, len(x)} {
			for _, flip := range []byte{0, Flip} {
				got := make([]byte, (n+7)/8)
				s.ToSigns(got, x[:n], flip)
				for i := range 8 * len(got) {
					bit := (got[i/8] ^ flip) >> (7 - i%8) & 1
					require.Equalf(t, i < n && x[i] > 0, bit == 1, "%s bit %d of %d", s.name, i, n)
				}
			}
		}
	}
}

func TestToFloat16(t *testing.T) {
	x := spread(1 << 18)
	for i := range 1 << 16 { // every half, the middle to the next one, and their neighbors
		h := float16.Frombits(uint16(i)).Float32()
		middle := h + (float16.Frombits(uint16(i+1)).Float32()-h)/2
		x = append(x, h, middle, math.Nextafter32(middle, 0), math.Nextafter32(middle, 100000))
	}
	for _, s := range sets {
		got := make([]uint16, len(x))
		s.ToFloat16(got, x)
		for i, v := range x {
			want := float16.Fromfloat32(v).Bits()
			if want != got[i] {
				require.Equalf(t, want, got[i], "%s half of %v (%#x)", s.name, v, math.Float32bits(v))
			}
		}
	}
}

func TestFloat32Of(t *testing.T) {
	for i := range 1 << 16 {
		want, got := float16.Frombits(uint16(i)).Float32(), float32Of(uint16(i))
		require.Truef(t, math.Float32bits(want) == math.Float32bits(got) || want != want && got != got, "%#x: %v, expected %v", i, got, want)
	}
}

func TestViews(t *testing.T) {
	require.Equal(t, []byte{1, 255, 128}, Bytes([]int8{1, -1, -128}))
	require.Empty(t, Bytes([]int8(nil)))
	require.Equal(t, []uint16{0x3c00}, Halves([]float16.Float16{float16.Fromfloat32(1)}))
	require.Empty(t, Halves([]float16.Float16(nil)))
}

func TestVectorsSelfTest(t *testing.T) {
	broken := *Best()
	broken.name = "broken"
	broken.toSigns = func(dst []byte, _ []float32, _ byte) { clear(dst) }
	require.ErrorContains(t, SelfTest(&broken), "kernels broken: signs: element 0")
}
