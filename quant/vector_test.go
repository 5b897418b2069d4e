package quant

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/tensor"
)

// An array is a tensor of two dimensions, or of one as a row.
type array[E any] struct {
	data  []E
	width int
}

func (a array[E]) rows() int     { return len(a.data) / a.width }
func (a array[E]) row(i int) []E { return a.data[i*a.width:][:a.width] }

// read returns the array of that name, whose elements are E in the file too.
func read[E float32 | int8 | uint8 | float16.Float16](t testing.TB, file, name string) array[E] {
	f, err := tensor.Open(file)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	x, ok := f.Tensor(name)
	require.True(t, ok, "%s has no %s", file, name)
	a := array[E]{make([]E, x.Len()), x.Shape[len(x.Shape)-1]}
	require.Len(t, x.Data, binary.Size(a.data), "%s in %s: %v", name, file, x.DType)
	_, err = binary.Decode(x.Data, binary.LittleEndian, a.data)
	require.NoError(t, err)
	return a
}

const reference = "testdata/numpy.safetensors" // what numpy answers, see generate.py

func TestAppendScaledIsThatOfNumpy(t *testing.T) {
	vectors, scale := read[float32](t, reference, "vectors"), read[float32](t, reference, "scale")
	wantInt8, wantUint8 := read[int8](t, reference, "int8"), read[uint8](t, reference, "uint8")
	for i := range vectors.rows() {
		q, s, err := AppendScaled([]int8{77}, vectors.row(i))
		require.NoError(t, err)
		require.Equal(t, append([]int8{77}, wantInt8.row(i)...), q, "row %d", i)
		require.Equal(t, scale.data[i], s, "row %d", i)
		u, s, err := AppendScaled([]uint8{77}, vectors.row(i))
		require.NoError(t, err)
		require.Equal(t, append([]uint8{77}, wantUint8.row(i)...), u, "row %d", i)
		require.Equal(t, scale.data[i], s, "row %d", i)
	}
}

func TestAppendScaledOfLargeNumbers(t *testing.T) {
	v := []float32{math.MaxFloat32, -math.MaxFloat32, math.MaxFloat32 / 2, 1}
	q, scale, err := AppendScaled([]int8(nil), v)
	require.NoError(t, err)
	assert.Equal(t, []int8{127, -127, 64, 0}, q) // 63.5 to the even one
	assert.Equal(t, float32(math.MaxFloat32)/127, scale)
	for _, tiny := range []float32{0x1p-149, 0x1p-140, 0x1p-126} {
		q, _, err := AppendScaled([]int8(nil), []float32{tiny, -tiny, 0})
		require.NoError(t, err)
		assert.Equal(t, []int8{127, -127, 0}, q, "%v", tiny)
	}
}

// similarity is the cosine in float64.
func similarity(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab, aa, bb = ab+float64(x)*y, aa+float64(x)*float64(x), bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// The promise of int8 without ranges: a cosine of 0.9999 in the mean, 0.9995 at least.
func TestScaledKeepsTheCosine(t *testing.T) {
	sets := map[string][][]float32{}
	for _, file := range goldenFiles(t) {
		name := "plain"
		if filepath.Base(file) == "golden.safetensors" {
			name = "embeddings"
		}
		a := read[float32](t, file, name)
		for i := range a.rows() {
			sets[filepath.Base(filepath.Dir(file))] = append(sets[filepath.Base(filepath.Dir(file))], a.row(i))
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name, d := range map[string]int{"random 384": 384, "random 1024": 1024, "random 4096": 4096} {
		for range 200 {
			sets[name] = append(sets[name], randomUnit(rng, d))
		}
	}
	for name, vectors := range sets {
		sum, worst := 0.0, 1.0
		for _, v := range vectors {
			q, scale, err := AppendScaled([]int8(nil), v)
			require.NoError(t, err)
			back := FromScaled(nil, q, scale)
			for i, x := range back {
				// Half a step; v·127/max is rounded twice, and the scale once.
				require.InDelta(t, v[i], x, float64(scale)*(0.5+127*3*0x1p-24), "%s", name)
			}
			u, scale, err := AppendScaled([]uint8(nil), v)
			require.NoError(t, err)
			require.Equal(t, back, FromScaled(nil, u, scale))
			c := similarity(v, back)
			sum, worst = sum+c, min(worst, c)
		}
		t.Logf("%s: mean cosine %.6f, worst %.6f of %d", name, sum/float64(len(vectors)), worst, len(vectors))
		assert.GreaterOrEqual(t, sum/float64(len(vectors)), 0.9999, name)
		assert.GreaterOrEqual(t, worst, 0.9995, name)
	}
}

func randomUnit(rng *rand.Rand, d int) []float32 {
	v := make([]float32, d)
	sum := 0.0
	for i := range v {
		x := rng.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

func TestAppendBits(t *testing.T) {
	v := []float32{0.1, -0.2, 0, 0.3, -0.4, 0.5, 0.6, -0.7}
	u, err := AppendBits([]uint8(nil), v)
	require.NoError(t, err)
	assert.Equal(t, []uint8{150}, u)
	b, err := AppendBits([]int8(nil), v)
	require.NoError(t, err)
	assert.Equal(t, []int8{22}, b)

	vectors := read[float32](t, reference, "vectors")
	ubinary, signed := read[uint8](t, reference, "ubinary"), read[int8](t, reference, "binary")
	for i := range vectors.rows() {
		u, err := AppendBits(u[:0], vectors.row(i))
		require.NoError(t, err)
		require.Equal(t, ubinary.row(i), u)
		b, err := AppendBits(b[:0], vectors.row(i))
		require.NoError(t, err)
		require.Equal(t, signed.row(i), b)
	}
}

func TestFromBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for d := range 70 {
		v := randomUnit(rng, d)
		want := make([]float32, d)
		for i, x := range v {
			want[i] = float32(math.Copysign(1, float64(x)))
		}
		u, err := AppendBits([]uint8(nil), v)
		require.NoError(t, err)
		got, err := FromBits([]float32{5}, u, d)
		require.NoError(t, err)
		require.Equal(t, append([]float32{5}, want...), got)
		b, err := AppendBits([]int8(nil), v)
		require.NoError(t, err)
		got, err = FromBits(nil, b, d)
		require.NoError(t, err)
		require.Equal(t, want, append([]float32{}, got...))
	}
	for _, d := range []int{-1, -8, 0, 8, 17, math.MaxInt, math.MinInt} {
		_, err := FromBits(nil, []uint8{1, 2}, d)
		assert.ErrorContains(t, err, "2 bytes of packed bits, expected those of", "%d dimensions", d)
	}
}

func TestFloat16(t *testing.T) {
	vectors, want := read[float32](t, reference, "vectors"), read[float16.Float16](t, reference, "float16")
	for i := range vectors.rows() {
		h, err := AppendFloat16(nil, vectors.row(i))
		if i == 2 {
			require.ErrorContains(t, err, "float16 goes to 65504")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want.row(i), h, "row %d", i)
		for j, x := range FromFloat16(nil, h) {
			require.Equal(t, want.row(i)[j].Float32(), x)
		}
	}
	_, err := AppendFloat16(nil, []float32{1, -65520})
	assert.EqualError(t, err, "component 1 is -65520, float16 goes to 65504")
	h, err := AppendFloat16(nil, []float32{65519})
	require.NoError(t, err)
	assert.Equal(t, float32(65504), h[0].Float32())
}

func TestNoFiniteNumber(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, n := range []int{1, 16, 40} {
			for at := range n {
				v := make([]float32, n)
				v[at] = float32(bad)
				r := &Ranges{Min: make([]float32, n), Max: make([]float32, n)}
				_, _, scaled := AppendScaled([]int8(nil), v)
				_, bits := AppendBits([]int8(nil), v)
				_, half := AppendFloat16(nil, v)
				_, ranged := AppendRanged([]uint8(nil), v, r)
				for _, err := range []error{scaled, bits, half, ranged, r.Add(v)} {
					require.ErrorContains(t, err, "expected a finite number")
					require.ErrorContains(t, err, "component "+itoa(at)+" is ")
				}
			}
		}
	}
}

func TestEmptyVector(t *testing.T) {
	q, scale, err := AppendScaled([]int8(nil), nil)
	require.NoError(t, err)
	assert.Empty(t, q)
	assert.Zero(t, scale)
	b, err := AppendBits([]uint8(nil), nil)
	require.NoError(t, err)
	assert.Empty(t, b)
}

// goldenFiles returns the files of testdata, and of RHUMB_SHARED where there is
// one, that have embeddings in every encoding.
func goldenFiles(t *testing.T) []string {
	shared := os.Getenv("RHUMB_SHARED")
	if shared == "" {
		shared = "../../shared"
	}
	var files []string
	for _, dir := range []string{"../testdata/goldens", filepath.Join(shared, "goldens")} {
		for _, pattern := range []string{"*/encode.safetensors", "all-MiniLM-L6-v2/golden.safetensors"} {
			found, err := filepath.Glob(filepath.Join(dir, pattern))
			require.NoError(t, err)
			files = append(files, found...)
		}
	}
	if len(files) == 6 {
		t.Logf("no goldens in %s: set RHUMB_SHARED for those of more models", shared)
	}
	require.GreaterOrEqual(t, len(files), 6)
	return files
}
