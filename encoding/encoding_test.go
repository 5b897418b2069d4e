package encoding

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseFormat(t *testing.T) {
	for i := range formats {
		f, err := ParseFormat(Format(i).String())
		require.NoError(t, err)
		assert.Equal(t, Format(i), f)
		assert.True(t, f.Known())
	}
	for _, name := range []string{"", "Float", "float64", "int9"} {
		_, err := ParseFormat(name)
		assert.ErrorContains(t, err, "expected one of: float")
	}
	assert.False(t, Format(len(formats)).Known())
	assert.Equal(t, "Format(200)", Format(200).String())
}

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
