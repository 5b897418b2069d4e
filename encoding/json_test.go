package encoding

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		v    []float32
		want string
	}{
		{"none", nil, `[]`},
		{"fractions", []float32{0.1, -0.2, 0, 0.3}, `[0.1,-0.2,0,0.3]`},
		{"negative zero", []float32{float32(math.Copysign(0, -1))}, `[-0]`},
		{"small", []float32{1e-6, 1e-7, -1.5e-10, math.SmallestNonzeroFloat32}, `[0.000001,1e-7,-1.5e-10,1e-45]`},
		{"large", []float32{16777216, 1e20, 1e21, math.MaxFloat32}, `[16777216,100000000000000000000,1e+21,3.4028235e+38]`},
		{"no number", []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1}, `[null,null,null,1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, string(AppendJSON(nil, c.v)))
			assert.Equal(t, "data: "+c.want, string(AppendJSON([]byte("data: "), c.v)))
		})
	}
}

// Numbers of any bits have the form that encoding/json gives them, and read
// back as the same bits.
func TestAppendJSONAgreesWithTheStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	v := make([]float32, 0, 20000)
	for len(v) < cap(v) {
		x := math.Float32frombits(rng.Uint32())
		if len(v)%2 == 0 {
			x = float32(rng.NormFloat64() / 20) // as in embeddings
		}
		if x-x == 0 {
			v = append(v, x)
		}
	}
	want, err := json.Marshal(v)
	require.NoError(t, err)
	got := AppendJSON(nil, v)
	require.Equal(t, string(want), string(got))
	var back []float32
	require.NoError(t, json.Unmarshal(got, &back))
	for i := range v {
		require.Equal(t, math.Float32bits(v[i]), math.Float32bits(back[i]))
	}
}

func TestAppendJSONDoesNotAllocate(t *testing.T) {
	v := make([]float32, 384)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)))
	}
	buffer := make([]byte, 0, 16*len(v))
	assert.Zero(t, testing.AllocsPerRun(100, func() { AppendJSON(buffer, v) }))
	var all Vector
	every := everyFormat()
	require.NoError(t, Encode(&all, v, every, nil))
	buffer = make([]byte, 0, 1<<16)
	assert.Zero(t, testing.AllocsPerRun(100, func() { all.AppendJSON(buffer, every) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { AppendBase64(buffer, v) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { AppendBase64(buffer, all.Int8) }))
	// Base64 is a string, made of bytes; the race detector adds one.
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { Encode(&all, v, every, nil) }), 3.0)
	every = every[:len(every)-1]
	assert.Zero(t, testing.AllocsPerRun(100, func() { Encode(&all, v, every, nil) }))
}

// Every half that is a number has the form that encoding/json gives its exact
// value, and comes back.
func TestAppendJSONOfEveryHalf(t *testing.T) {
	var halves []float16.Float16
	var exact []float64
	for i := range 1 << 16 {
		if h := float16.Frombits(uint16(i)); h.IsFinite() {
			halves, exact = append(halves, h), append(exact, float64(h.Float32()))
		}
	}
	want, err := json.Marshal(exact)
	require.NoError(t, err)
	got := AppendJSON(nil, halves)
	require.Equal(t, string(want), string(got))
	back, err := DecodeJSON([]float16.Float16(nil), got)
	require.NoError(t, err)
	require.Equal(t, halves, back)
	assert.Equal(t, "[0.0999755859375]", string(AppendJSON(nil, []float16.Float16{float16.Fromfloat32(0.1)})))
	assert.Equal(t, "[null,null]", string(AppendJSON(nil, []float16.Float16{float16.Inf(-1), float16.NaN()})))
}

// Every exponent with the smallest, the largest and some mantissas between.
func TestJSONOfEveryExponent(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var v []float32
	for exponent := range uint32(255) {
		for _, mantissa := range []uint32{0, 1, 1<<23 - 1, rng.Uint32() & (1<<23 - 1), rng.Uint32() & (1<<23 - 1)} {
			for sign := range uint32(2) {
				v = append(v, math.Float32frombits(sign<<31|exponent<<23|mantissa))
			}
		}
	}
	want, err := json.Marshal(v)
	require.NoError(t, err)
	got := AppendJSON(nil, v)
	require.Equal(t, string(want), string(got))
	back, err := DecodeJSON([]float32(nil), got)
	require.NoError(t, err)
	for i := range v {
		require.Equal(t, math.Float32bits(v[i]), math.Float32bits(back[i]))
	}
}

func TestJSONOfBytes(t *testing.T) {
	var signed []int8
	var unsigned []uint8
	for i := range 256 {
		signed, unsigned = append(signed, int8(i-128)), append(unsigned, uint8(i))
	}
	want, err := json.Marshal(signed)
	require.NoError(t, err)
	got := AppendJSON(nil, signed)
	assert.Equal(t, string(want), string(got))
	back, err := DecodeJSON([]int8{9}, got)
	require.NoError(t, err)
	assert.Equal(t, append([]int8{9}, signed...), back)
	got = AppendJSON(nil, unsigned)
	assert.True(t, strings.HasPrefix(string(got), "[0,1,2,") && strings.HasSuffix(string(got), ",254,255]"))
	bytes, err := DecodeJSON([]uint8(nil), got)
	require.NoError(t, err)
	assert.Equal(t, unsigned, bytes)
}

func TestDecodeJSON(t *testing.T) {
	for text, want := range map[string][]float32{
		"[]":                             nil,
		" [ ] \n":                        nil,
		"[1]":                            {1},
		"\t[ 1 ,\r\n-2.5e1,0.1E+0 , -0]": {1, -25, 0.1, float32(math.Copysign(0, -1))},
		"[1e-60]":                        {0},
		"[0.000000000000000000000000000000000000000000000000001]": {0},
	} {
		got, err := DecodeJSON([]float32(nil), []byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":            "byte 0: found the end, expected '['",
		"  ":          "byte 2: found the end, expected '['",
		"null":        `byte 0: found "null", expected '['`,
		"1":           `byte 0: found "1", expected '['`,
		`"zczMPQ=="`:  `byte 0: found "\"zczMPQ==\"", expected '['`,
		"[":           "byte 1: found the end, expected a number",
		"[1":          "byte 2: found the end, expected ',' or ']'",
		"[1,":         "byte 3: found the end, expected a number",
		"[1,]":        `byte 3: found "]", expected a number`,
		"[1 2]":       `byte 3: found "2]", expected ',' or ']'`,
		"[1]]":        `byte 3: found "]", expected the end`,
		"[] x":        `byte 3: found "x", expected the end`,
		"[null]":      `byte 1: found "null]", expected a number`,
		"[NaN]":       `byte 1: found "NaN]", expected a number`,
		"[+1]":        `byte 1: found "+1]", expected a number`,
		"[01]":        `byte 1: found "01]", expected a number`,
		"[1.]":        `byte 1: found "1.]", expected a number`,
		"[.5]":        `byte 1: found ".5]", expected a number`,
		"[1e]":        `byte 1: found "1e]", expected a number`,
		"[-]":         `byte 1: found "-]", expected a number`,
		"[0x10]":      `byte 2: found "x10]", expected ',' or ']'`,
		"[1_000]":     `byte 2: found "_000]", expected ',' or ']'`,
		"[[1]]":       `byte 1: found "[1]]", expected a number`,
		"[1,3.41e38]": "element 1: 3.41e38 is too large for a float32",
	} {
		got, err := DecodeJSON([]float32{7}, []byte(text))
		assert.EqualError(t, err, want, text)
		assert.Equal(t, []float32{7}, got, text)
	}
	for text, want := range map[string]string{
		"[1,128]":                   "element 1: 128, expected an integer from -128 to 127",
		"[-129]":                    "element 0: -129, expected an integer from -128 to 127",
		"[1.0]":                     "element 0: 1.0, expected an integer from -128 to 127",
		"[1e1]":                     "element 0: 1e1, expected an integer from -128 to 127",
		"[99999999999999999999999]": "element 0: 99999999999999999999999, expected an integer from -128 to 127",
	} {
		_, err := DecodeJSON([]int8(nil), []byte(text))
		assert.EqualError(t, err, want, text)
	}
	_, err := DecodeJSON([]uint8(nil), []byte("[255,-1]"))
	assert.EqualError(t, err, "element 1: -1, expected an integer from 0 to 255")
	_, err = DecodeJSON([]float16.Float16(nil), []byte("[-65520]"))
	assert.EqualError(t, err, "element 0: -65520, float16 goes to 65504")
}

// The standard library accepts the same numbers, and reads the same.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{"[]", "[1,-2.5e-3,0.1]", " [ 1 ] ", "[01]", "[1e400]", "[null]", "[127,-128]", `["1"]`, "[1e-7,5e-324]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeJSON([]float32(nil), data)
		var numbers []json.Number
		valid := json.Unmarshal(data, &numbers) == nil && numbers != nil && !strings.ContainsAny(string(data), `n"`)
		var want []float32
		for _, n := range numbers {
			var x float32
			valid = valid && json.Unmarshal([]byte(n), &x) == nil
			want = append(want, x)
		}
		require.Equal(t, valid, err == nil, "%v", err)
		if valid {
			require.Equal(t, want, got)
		}
		bytes, err := DecodeJSON([]int8(nil), data)
		var wantBytes []int8
		valid = valid && json.Unmarshal(data, &wantBytes) == nil
		require.Equal(t, valid, err == nil, "%v", err)
		if valid {
			require.Equal(t, append([]int8{}, wantBytes...), append([]int8{}, bytes...))
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	v := make([]float32, 384)
	for i := range v {
		v[i] = float32(math.Sin(float64(i))) / 20
	}
	buffer := make([]byte, 0, 16*len(v))
	b.SetBytes(int64(4 * len(v)))
	for b.Loop() {
		AppendJSON(buffer, v)
	}
}
