package tensor

import (
	"encoding/binary"
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

const intBits = bits.UintSize

// putFloat writes v to b as dtype d, BF16 cut off and not rounded.
func putFloat(b []byte, d DType, v float64) {
	switch d {
	case F64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(v))
	case F32:
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(v)))
	case F16:
		binary.LittleEndian.PutUint16(b, float16.Fromfloat32(float32(v)).Bits())
	case BF16:
		binary.LittleEndian.PutUint16(b, uint16(math.Float32bits(float32(v))>>16))
	}
}

// requireSameBits compares bit by bit: NaNs with their payload, zeros with their sign.
func requireSameBits(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if w, g := math.Float32bits(want[i]), math.Float32bits(got[i]); w != g {
			require.Failf(t, "not the same bits", "element %d: %#08x (%v), expected %#08x (%v)", i, g, got[i], w, want[i])
		}
	}
}

func TestDType(t *testing.T) {
	sizes := map[string]int{
		"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8,
		"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "C64": 8,
		"F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
		"F4": 0, "F6_E2M3": 0, "F6_E3M2": 0, // parts of a byte
	}
	assert.Len(t, sizes, int(U64))
	for name, size := range sizes {
		d, ok := parseDType(name)
		require.True(t, ok, name)
		assert.Equal(t, name, d.String())
		assert.Equal(t, size, d.Size(), name)
	}
	for _, name := range []string{"", "f32", "F8", "F128", "Q8_0"} {
		_, ok := parseDType(name)
		assert.False(t, ok, name)
	}
	assert.Equal(t, "DType(0)", DType(0).String())
	assert.Equal(t, "DType(200)", DType(200).String())
	assert.Equal(t, 0, DType(200).Size())
}

func TestTensorLen(t *testing.T) {
	assert.Equal(t, 1, Tensor{}.Len())
	assert.Equal(t, 24, Tensor{Shape: []int{2, 3, 4}}.Len())
	assert.Equal(t, 0, Tensor{Shape: []int{2, 0, 4}}.Len())
}

// The 65536 values of F16 and BF16, each against an independent conversion.
func TestFloat32sOfEveryHalf(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		want  func(uint16) float32
	}{
		{F16, func(h uint16) float32 { return float16.Frombits(h).Float32() }},
		{BF16, func(h uint16) float32 {
			b := [4]byte{0, 0, byte(h), byte(h >> 8)}
			return math.Float32frombits(binary.LittleEndian.Uint32(b[:]))
		}},
	} {
		t.Run(c.dtype.String(), func(t *testing.T) {
			data := make([]byte, 2<<16)
			want := make([]float32, 1<<16)
			for i := range want {
				binary.LittleEndian.PutUint16(data[2*i:], uint16(i))
				want[i] = c.want(uint16(i))
			}
			got := make([]float32, len(want))
			x := Tensor{Name: "x", DType: c.dtype, Shape: []int{1 << 8, 1 << 8}, Data: data}
			require.NoError(t, x.Float32s(got))
			requireSameBits(t, want, got)
		})
	}
}

// The value of a half from its definition, ±0.f·2^-14 or ±1.f·2^(e-15) (IEEE
// 754-2008, 3.4), and not from any bits of a float32. Each is converted next to
// normal numbers and at each place among them, since four are taken at a time.
func TestFloat32sOfF16ByDefinition(t *testing.T) {
	x := Tensor{Name: "x", DType: F16, Shape: []int{4}, Data: make([]byte, 8)}
	var got [4]float32
	for i := range 1 << 16 {
		h := uint16(i)
		exponent, fraction := int(h>>10&31), float64(h&1023)
		var want float64
		switch exponent {
		case 31:
			continue // infinities and NaNs
		case 0:
			want = math.Ldexp(fraction/1024, -14)
		default:
			want = math.Ldexp(1+fraction/1024, exponent-15)
		}
		if h>>15 == 1 {
			want = -want
		}
		for j := range 4 {
			for k := range 4 {
				putFloat(x.Data[2*k:], F16, 1)
			}
			binary.LittleEndian.PutUint16(x.Data[2*j:], h)
			require.NoError(t, x.Float32s(got[:]))
			for k := range 4 {
				if k == j && float64(got[k]) != want || k != j && got[k] != 1 {
					require.Failf(t, "not the same", "%#04x at %d: element %d is %v, expected %v", h, j, k, got[k], want)
				}
			}
		}
	}
}

func TestFloat32sOfF32AndF64(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, math.Pi, math.MaxFloat32, -math.SmallestNonzeroFloat32,
		math.Inf(1), math.Inf(-1), math.NaN(),
		1 + 0x1p-24,           // a tie, to even: 1
		1 + 3*0x1p-24,         // a tie, to even: 1 + 2^-22
		1 + 0x1p-24 + 0x1p-50, // more than half: 1 + 2^-23
		1e300, -1e300, 1e-300, 0x1p-149, 0x1p-150}
	for _, d := range []DType{F32, F64} {
		t.Run(d.String(), func(t *testing.T) {
			x := Tensor{Name: "x", DType: d, Shape: []int{len(values)}, Data: make([]byte, len(values)*d.Size())}
			want := make([]float32, len(values))
			for i, v := range values {
				putFloat(x.Data[i*d.Size():], d, v)
				want[i] = float32(v)
			}
			got := make([]float32, len(values))
			require.NoError(t, x.Float32s(got))
			requireSameBits(t, want, got)
		})
	}
	t.Run("rounding", func(t *testing.T) {
		x := Tensor{DType: F64, Shape: []int{1}, Data: make([]byte, 8)}
		for v, want := range map[float64]uint32{
			1 + 0x1p-24: 0x3f800000, 1 + 3*0x1p-24: 0x3f800002, 1 + 0x1p-24 + 0x1p-50: 0x3f800001, 1e300: 0x7f800000, 0x1p-150: 0,
		} {
			putFloat(x.Data, F64, v)
			var got [1]float32
			require.NoError(t, x.Float32s(got[:]))
			assert.Equal(t, want, math.Float32bits(got[0]), "%v", v)
		}
	})
}

// Every part of a small tensor, at addresses that are not aligned, is that part
// of the whole, and what lies after dst stays as it was.
func TestFloat32sAt(t *testing.T) {
	const n = 19
	for _, d := range []DType{F64, F32, F16, BF16} {
		t.Run(d.String(), func(t *testing.T) {
			memory := make([]byte, n*d.Size()+1)
			x := Tensor{Name: "x", DType: d, Shape: []int{n}, Data: memory[1:]}
			want := make([]float32, n)
			for i := range want {
				want[i] = float32(i)/8 - 1 // exact in all four
				putFloat(x.Data[i*d.Size():], d, float64(want[i]))
			}
			got := make([]float32, n+1)
			for i := 0; i <= n; i++ {
				for j := i; j <= n; j++ {
					got[j-i] = 99
					require.NoError(t, x.Float32sAt(got[:j-i], i))
					requireSameBits(t, want[i:j], got[:j-i])
					require.Equal(t, float32(99), got[j-i])
				}
			}
			allocs := testing.AllocsPerRun(10, func() { _ = x.Float32sAt(got[:n], 0) })
			assert.Zero(t, allocs)
		})
	}
}

func TestFloat32sErrors(t *testing.T) {
	scalar := Tensor{Name: "scalar", DType: F16, Data: []byte{0, 0x3c}}
	var one [1]float32
	require.NoError(t, scalar.Float32s(one[:]))
	assert.Equal(t, float32(1), one[0])
	require.NoError(t, Tensor{DType: F32, Shape: []int{0, 3}}.Float32s(nil))

	x := Tensor{Name: "x", DType: F32, Shape: []int{2, 3}, Data: make([]byte, 24)}
	assert.EqualError(t, x.Float32s(make([]float32, 5)), "tensor x: dst of 5 elements, shape [2 3] has 6")
	assert.EqualError(t, x.Float32sAt(make([]float32, 3), 4), "tensor x: 3 elements at 4, shape [2 3] has 6")
	assert.EqualError(t, x.Float32sAt(make([]float32, 3), -1), "tensor x: 3 elements at -1, shape [2 3] has 6")
	assert.EqualError(t, x.Float32sAt(nil, 7), "tensor x: 0 elements at 7, shape [2 3] has 6")
	x.Data = x.Data[:23]
	assert.EqualError(t, x.Float32sAt(nil, 0), "tensor x: 23 bytes of data, shape [2 3] of F32 has another size")

	for d := BOOL; d <= U64; d++ {
		ids := Tensor{Name: "embeddings.position_ids", DType: d, Shape: []int{1, 8}, Data: make([]byte, 8*d.Size())}
		err := ids.Float32s(make([]float32, 8))
		switch d {
		case F64, F32, F16, BF16:
			assert.NoError(t, err)
		default:
			assert.ErrorContains(t, err, "tensor embeddings.position_ids: dtype "+d.String()+", expected a float type")
		}
	}
}

func TestByteSize(t *testing.T) {
	for _, c := range []struct {
		name  string
		dtype DType
		shape []int
		size  int
		ok    bool
	}{
		{"scalar", F64, nil, 8, true},
		{"matrix", BF16, []int{3, 5}, 30, true},
		{"empty", F32, []int{3, 0}, 0, true},
		{"packed", F4, []int{2, 3}, 3, true},
		{"packed, half a byte", F4, []int{3}, 0, false},
		{"negative", F32, []int{2, -1}, 0, false},
		{"more than 64 bits", F32, []int{math.MaxInt, math.MaxInt}, 0, false},
		{"more than 64 bits before a 0", U8, []int{math.MaxInt, math.MaxInt, 0}, 0, false},
		{"more than an int", U64, []int{1 << (intBits - 4)}, 0, false},
		{"more than an int, to a remainder of 0", U8, []int{1 << (intBits / 2), 1 << (intBits / 2)}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			size, ok := byteSize(c.dtype, c.shape)
			assert.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, c.size, size)
			}
		})
	}
}
