package encoding

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

func TestAppendBase64(t *testing.T) {
	assert.Equal(t, "x: zczMPc3MTL6amZk+", string(AppendBase64([]byte("x: "), []float32{0.1, -0.2, 0.3})))
	assert.Equal(t, "ADwAwA==", string(AppendBase64(nil, []float16.Float16{float16.Fromfloat32(1), float16.Fromfloat32(-2)}))) // 00 3c 00 c0
	assert.Equal(t, "gP9/", string(AppendBase64(nil, []int8{-128, -1, 127})))
	assert.Equal(t, "lg==", string(AppendBase64(nil, []uint8{150})))
	assert.Empty(t, AppendBase64(nil, []float32{}))
}

// The same as all bytes at once.
func TestBase64OfLongVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 191, 192, 193, 383, 384, 385, 767, 768, 769, 4096, 5000} {
		bytes, floats, raw := make([]uint8, n), make([]float32, n), []byte(nil)
		for i := range bytes {
			bytes[i], floats[i] = uint8(rng.Uint32()), float32(rng.NormFloat64())
			b := math.Float32bits(floats[i])
			raw = append(raw, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
		}
		require.Equal(t, base64.StdEncoding.EncodeToString(bytes), string(AppendBase64(nil, bytes)))
		require.Equal(t, base64.StdEncoding.EncodeToString(raw), string(AppendBase64(nil, floats)))
		back, err := DecodeBase64([]uint8{1}, base64.StdEncoding.EncodeToString(bytes))
		require.NoError(t, err)
		require.Equal(t, append([]uint8{1}, bytes...), back)
		numbers, err := DecodeBase64([]float32(nil), base64.StdEncoding.EncodeToString(raw))
		require.NoError(t, err)
		require.Equal(t, floats, numbers)
	}
}

func TestDecodeBase64Errors(t *testing.T) {
	long := strings.Repeat("AAAA", 256)
	for text, want := range map[string]string{
		"zczM":                   "3 bytes, expected a multiple of 4",
		"zczMPc3MTL6amZk":        `byte 12: found "mZk", expected base64`,
		"zczMPQ":                 `byte 4: found "PQ", expected base64`,
		"zczMPQ==\n":             "byte 8: found a line break, expected base64",
		"zczM-Q==":               `byte 4: found "-Q==", expected base64`,
		"zczMPR==":               `byte 6: found "==", expected base64`,
		"zczMPQ==AAAA":           `byte 8: found "AAAA", expected base64`,
		long[4:] + "AA==" + long: "byte 1023: found padding, expected it at the end, byte 2047",
		"AADAfw==":               "component 0 is NaN, expected a finite number",
		"AACAPwAAgP8=":           "component 1 is -Inf, expected a finite number",
		long + "AAA=":            "770 bytes, expected a multiple of 4",
	} {
		got, err := DecodeBase64([]float32{7}, text)
		assert.EqualError(t, err, want, "%.20q", text)
		assert.Equal(t, []float32{7}, got)
	}
	_, err := DecodeBase64([]float16.Float16(nil), "AHw=")
	assert.EqualError(t, err, "component 0 is +Inf, expected a finite number")
	_, err = DecodeBase64([]float16.Float16(nil), "AA==")
	assert.EqualError(t, err, "1 bytes, expected a multiple of 2")
}

// Whatever is read is what the standard library reads, and is written as it was.
func FuzzDecodeBase64(f *testing.F) {
	for _, seed := range []string{"", "zczMPc3MTL6amZk+", "lg==", "lh==", "AAAA=", strings.Repeat("AAAA", 256) + "AA=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, wrong := base64.StdEncoding.Strict().DecodeString(s)
		got, err := DecodeBase64([]uint8{}, s)
		require.Equal(t, wrong == nil && !strings.ContainsAny(s, "\r\n"), err == nil, "%v", err)
		if err == nil {
			require.Equal(t, want, got)
			require.Equal(t, s, string(AppendBase64(nil, got)))
		}
		if floats, err := DecodeBase64([]float32(nil), s); err == nil {
			require.Equal(t, s, string(AppendBase64(nil, floats)))
		}
	})
}
