package encoding

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/quant"
)

// everyFormat returns all formats, Base64 last.
func everyFormat() []Format {
	all := make([]Format, len(formats))
	for i := range all {
		all[i] = Format(i)
	}
	return all
}

func TestParseFormat(t *testing.T) {
	for i, name := range []string{"float", "float16", "int8", "uint8", "binary", "ubinary", "base64"} {
		f, err := ParseFormat(name)
		require.NoError(t, err)
		assert.Equal(t, Format(i), f)
		assert.Equal(t, name, f.String())
		assert.True(t, f.Known())
	}
	for _, name := range []string{"", "Float", "float64", "int9"} {
		_, err := ParseFormat(name)
		assert.ErrorContains(t, err, "expected one of: float, float16, int8, uint8, binary, ubinary, base64")
	}
	assert.False(t, Format(7).Known())
	assert.Equal(t, "Format(200)", Format(200).String())
}

func TestEncode(t *testing.T) {
	v := []float32{0.1, -0.2, 0, 0.3, -0.4, 0.5, 0.6, -0.7}
	var got Vector
	require.NoError(t, Encode(&got, v, []Format{Ubinary, Binary, Int8, Uint8, Float16, Base64, Float}, nil))
	assert.Equal(t, []uint8{150}, got.Ubinary)
	assert.Equal(t, []int8{22}, got.Binary)
	assert.Equal(t, []int8{18, -36, 0, 54, -73, 91, 109, -127}, got.Int8) // 18.14, 36.29, 54.43, 72.57, 90.71, 108.86, 127
	assert.Equal(t, []uint8{146, 92, 128, 182, 55, 219, 237, 1}, got.Uint8)
	assert.Equal(t, float32(0.7)/127, got.Scale)
	assert.Equal(t, v, got.Float32)
	assert.Equal(t, uint16(0x2e66), got.Float16[0].Bits()) // 0.1 = 1.6·2^-4, 0.6·1024 = 614.4
	assert.Equal(t, `{"ubinary":[150],"int8":[18,-36,0,54,-73,91,109,-127]}`, string(got.AppendJSON(nil, []Format{Ubinary, Int8})))
	assert.Equal(t, `[150]`, string(got.AppendJSON(nil, []Format{Ubinary})))
	assert.Equal(t, `[0.1,-0.2,0,0.3,-0.4,0.5,0.6,-0.7]`, string(got.AppendJSON(nil, nil)))

	// The next vector, of other formats: what was not asked for is nil.
	require.NoError(t, Encode(&got, []float32{0.1, -0.2, 0.3}, []Format{Base64}, nil))
	assert.Equal(t, Vector{Base64: "zczMPc3MTL6amZk+"}, got)
	assert.Equal(t, `"zczMPc3MTL6amZk+"`, string(got.AppendJSON(nil, []Format{Base64})))
	assert.Equal(t, `{"base64":"zczMPc3MTL6amZk+","float":[]}`, string(got.AppendJSON(nil, []Format{Base64, Float})))
	require.NoError(t, Encode(&got, v[:3], nil, nil))
	assert.Equal(t, Vector{Float32: v[:3]}, got)
}

func TestEncodeByRanges(t *testing.T) {
	r := &quant.Ranges{Min: []float32{-1, 0, 5}, Max: []float32{1.55, 2.55, 5}}
	var got Vector
	require.NoError(t, Encode(&got, []float32{-1, 1, 9.5}, []Format{Int8, Uint8}, r))
	assert.Equal(t, []int8{-128, -28, -124}, got.Int8) // of steps of 0.01, 0.01 and 1
	assert.Equal(t, []uint8{0, 100, 4}, got.Uint8)
	assert.Zero(t, got.Scale)
	assert.EqualError(t, Encode(&got, []float32{1}, []Format{Uint8}, r), "uint8: ranges of 3 dimensions, vector has 1")
}

func TestEncodeErrors(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, f := range everyFormat() {
			var got Vector
			assert.ErrorContains(t, Encode(&got, []float32{1, float32(bad)}, []Format{f}, nil), "component 1 is")
		}
	}
	var got Vector
	assert.EqualError(t, Encode(&got, []float32{1, 7e4}, []Format{Float, Float16}, nil), "float16: component 1 is 70000, float16 goes to 65504")
	assert.ErrorContains(t, Encode(&got, []float32{1}, []Format{9}, nil), "Format(9): unknown, expected one of: float, ")
}

// All formats at once, of vectors of every length, in memory that is used again;
// each comes back as what it stands for.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	every := everyFormat()
	var got Vector
	for d := range 100 {
		v := make([]float32, d)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		require.NoError(t, Encode(&got, v, every, nil))
		require.Equal(t, v, got.Float32)
		require.Len(t, got.Int8, d)
		require.Len(t, got.Ubinary, (d+7)/8)
		throughJSON(t, got.Float32)
		throughJSON(t, got.Float16)
		throughJSON(t, got.Int8)
		throughJSON(t, got.Uint8)
		throughJSON(t, got.Binary)
		throughJSON(t, got.Ubinary)
		throughBase64(t, got.Float32)
		throughBase64(t, got.Float16)
		throughBase64(t, got.Int8)
		throughBase64(t, got.Ubinary)
		back, err := DecodeBase64([]float32(nil), got.Base64)
		require.NoError(t, err)
		require.Equal(t, v, append([]float32{}, back...))
		for i, x := range quant.FromScaled(nil, got.Int8, got.Scale) {
			require.InDelta(t, v[i], x, float64(got.Scale)*0.5001)
		}
		for i, x := range quant.FromFloat16(nil, got.Float16) {
			require.InDelta(t, v[i], x, math.Abs(float64(v[i]))*0x1p-11+0x1p-25)
		}
		signs, err := quant.FromBits(nil, got.Binary, d)
		require.NoError(t, err)
		for i, x := range signs {
			require.Equal(t, v[i] > 0, x > 0)
		}
	}
}

func throughJSON[E Number](t *testing.T, v []E) {
	back, err := DecodeJSON([]E{}, AppendJSON(nil, v))
	require.NoError(t, err)
	require.Equal(t, v, back)
}

func throughBase64[E Number](t *testing.T, v []E) {
	back, err := DecodeBase64([]E{}, string(AppendBase64(nil, v)))
	require.NoError(t, err)
	require.Equal(t, v, back)
}

// A vector may be encoded into the memory that it lies in.
func TestEncodeInPlace(t *testing.T) {
	v := Vector{Float32: []float32{1, 2, 3}}
	require.NoError(t, Encode(&v, v.Float32, []Format{Float, Int8}, nil))
	assert.Equal(t, []float32{1, 2, 3}, v.Float32)
	assert.Equal(t, []int8{42, 85, 127}, v.Int8)
}
