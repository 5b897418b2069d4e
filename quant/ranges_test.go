package quant

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func itoa(i int) string { return strconv.Itoa(i) }

// Value for value as quantize_embeddings of sentence-transformers.
func TestGoldens(t *testing.T) {
	for _, file := range goldenFiles(t) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			real := filepath.Base(file) == "golden.safetensors"
			name := "plain"
			if real {
				name = "embeddings"
			}
			vectors, ends := read[float32](t, file, name), read[float32](t, file, "ranges")
			given := &Ranges{Min: ends.row(0), Max: ends.row(1)}
			var sample [][]float32
			if real {
				for i := 0; i < vectors.rows(); i += 3 {
					sample = append(sample, vectors.row(i))
				}
			} else {
				calibration := read[float32](t, file, "calibration")
				for i := range calibration.rows() {
					sample = append(sample, calibration.row(i))
				}
			}
			calibrated, err := Calibrate(slices.Values(sample))
			require.NoError(t, err)
			require.Equal(t, len(sample), calibrated.Count)

			int8s, uint8s := read[int8](t, file, "int8"), read[uint8](t, file, "uint8")
			int8cal := read[int8](t, file, "int8_cal")
			ubinary, binary := read[uint8](t, file, "ubinary"), read[int8](t, file, "binary")
			for i := range vectors.rows() {
				v := vectors.row(i)
				a, err := AppendRanged([]int8(nil), v, given)
				require.NoError(t, err)
				require.Equal(t, int8s.row(i), a, "int8 of row %d", i)
				b, err := AppendRanged([]uint8(nil), v, given)
				require.NoError(t, err)
				require.Equal(t, uint8s.row(i), b, "uint8 of row %d", i)
				a, err = AppendRanged(a[:0], v, calibrated)
				require.NoError(t, err)
				require.Equal(t, int8cal.row(i), a, "calibrated int8 of row %d", i)
				if !real {
					b, err = AppendRanged(b[:0], v, calibrated)
					require.NoError(t, err)
					require.Equal(t, read[uint8](t, file, "uint8_cal").row(i), b, "calibrated uint8 of row %d", i)
				}
				b, err = AppendBits(b[:0], v)
				require.NoError(t, err)
				require.Equal(t, ubinary.row(i), b, "ubinary of row %d", i)
				a, err = AppendBits(a[:0], v)
				require.NoError(t, err)
				require.Equal(t, binary.row(i), a, "binary of row %d", i)
			}
		})
	}
}

// A vector within the ranges comes back within half a step.
func TestFromRanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, d := range []int{1, 7, 16, 100} {
		var r Ranges
		var vectors [][]float32
		for range 50 {
			v := randomUnit(rng, d)
			v[0] = 0.25 // a dimension without width
			vectors = append(vectors, v)
			require.NoError(t, r.Add(v))
		}
		for _, v := range vectors {
			a, err := AppendRanged([]int8(nil), v, &r)
			require.NoError(t, err)
			b, err := AppendRanged([]uint8(nil), v, &r)
			require.NoError(t, err)
			back, err := FromRanged([]float32{3}, a, &r)
			require.NoError(t, err)
			same, err := FromRanged([]float32{3}, b, &r)
			require.NoError(t, err)
			require.Equal(t, back, same)
			require.Equal(t, []float32{3, 0.25}, back[:2])
			for i, x := range back[1:] {
				// Half a step, and roundings of numbers below 1 that 255 steps make of.
				step := (float64(r.Max[i]) - float64(r.Min[i])) / 255
				require.InDelta(t, v[i], x, step/2+4*0x1p-24)
				require.LessOrEqual(t, x, r.Max[i])
			}
		}
	}
}

func TestRangesFile(t *testing.T) {
	r := &Ranges{Min: []float32{-0.1, 0, 1e-30}, Max: []float32{0.1, 0, 3}, Normalized: true, Count: 12, Fingerprint: "abc"}
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	assert.JSONEq(t, `{"min":[-0.1,0,1e-30],"max":[0.1,0,3],"dimensions":3,"normalized":true,"count":12,"fingerprint":"abc"}`, b.String())
	back, err := ReadRanges(&b)
	require.NoError(t, err)
	assert.Equal(t, r, back)

	back, err = ReadRanges(strings.NewReader(`{"min":[1],"max":[2],"dimensions":1,"normalized":false,"model":"m"}`))
	require.NoError(t, err)
	assert.Equal(t, &Ranges{Min: []float32{1}, Max: []float32{2}}, back)
}

func TestReadRangesErrors(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{``, "unexpected end of JSON input"},
		{`[]`, "found array, expected object"},
		{`{}`, "expected dimensions and normalized"},
		{`{"min":[1],"max":[2],"dimensions":1}`, "expected dimensions and normalized"},
		{`{"min":[1],"max":[2],"normalized":true}`, "expected dimensions and normalized"},
		{`{"min":[1],"max":[2],"dimensions":2,"normalized":true}`, "min has 1 numbers, dimensions is 2"},
		{`{"min":[1,2],"max":[2],"dimensions":2,"normalized":true}`, "max has 1 numbers, dimensions is 2"},
		{`{"min":[],"max":[],"dimensions":0,"normalized":true}`, "min is empty"},
		{`{"max":[2],"dimensions":1,"normalized":true}`, "min has 0 numbers, dimensions is 1"},
		{`{"min":[1],"max":[2],"dimensions":-1,"normalized":true}`, "min has 1 numbers, dimensions is -1"},
		{`{"min":[null],"max":[2],"dimensions":1,"normalized":true}`, "min: element 0 is null"},
		{`{"min":["1"],"max":[2],"dimensions":1,"normalized":true}`, "min: found string, expected float32"},
		{`{"min":[1e39],"max":[2],"dimensions":1,"normalized":true}`, "min: found number 1e39, expected float32"},
		{`{"min":[NaN],"max":[2],"dimensions":1,"normalized":true}`, "invalid character"},
		{`{"min":[0,3],"max":[0,2],"dimensions":2,"normalized":true}`, "dimension 1: min 3 is above max 2"},
		{`{"min":[-3e38],"max":[3e38],"dimensions":1,"normalized":true}`, "dimension 0: -3e+38 to 3e+38 is too wide"},
		{`{"min":[1],"max":[2],"dimensions":1,"normalized":true,"count":-1}`, "count is -1"},
		{`{"min":[1],"max":[2],"dimensions":1,"normalized":true}{}`, "invalid character '{' after top-level value"},
		{`{"Min":[1],"max":[2],"dimensions":1,"normalized":true}`, `key "Min", expected "min"`},
	} {
		_, err := ReadRanges(strings.NewReader(c.file))
		assert.ErrorContains(t, err, c.want, c.file)
	}
}

func TestRangesCheck(t *testing.T) {
	nan := float32(math.NaN())
	r := &Ranges{Min: []float32{0, 1}, Max: []float32{1, 1}, Normalized: true}
	require.NoError(t, r.Check(2, true))
	assert.EqualError(t, r.Check(3, true), "ranges of 2 dimensions, vectors have 3")
	assert.EqualError(t, r.Check(2, false), "ranges of vectors that are normalized, these are not normalized")
	for _, c := range []struct {
		min, max []float32
		want     string
	}{
		{nil, nil, "min is empty"},
		{[]float32{1, 2}, []float32{3}, "min has 2 dimensions, max has 1"},
		{[]float32{0, nan}, []float32{1, 1}, "min: component 1 is NaN"},
		{[]float32{0, 0}, []float32{1, nan}, "max: component 1 is NaN"},
		{[]float32{0, 2}, []float32{1, 1}, "dimension 1: min 2 is above max 1"},
	} {
		r := &Ranges{Min: c.min, Max: c.max, Normalized: true}
		assert.ErrorContains(t, r.Check(2, true), c.want)
		assert.ErrorContains(t, r.Write(&bytes.Buffer{}), c.want)
	}
	_, err := AppendRanged([]int8(nil), make([]float32, 3), r)
	assert.EqualError(t, err, "ranges of 2 dimensions, vector has 3")
	_, err = FromRanged(nil, make([]int8, 1), r)
	assert.EqualError(t, err, "ranges of 2 dimensions, vector has 1")
}

func TestCalibrateErrors(t *testing.T) {
	_, err := Calibrate(slices.Values([][]float32{}))
	assert.EqualError(t, err, "no vectors, expected at least one")
	_, err = Calibrate(slices.Values([][]float32{{1, 2}, {1}}))
	assert.EqualError(t, err, "vector 1: 1 dimensions, expected 2")
	_, err = Calibrate(slices.Values([][]float32{{}}))
	assert.EqualError(t, err, "vector 0: no components")
}

// What is added later changes neither the vectors nor ranges read before.
func TestAddKeepsTheVector(t *testing.T) {
	v := []float32{1, 2}
	var r Ranges
	require.NoError(t, r.Add(v))
	require.NoError(t, r.Add([]float32{0, 3}))
	assert.Equal(t, []float32{1, 2}, v)
	assert.Equal(t, &Ranges{Min: []float32{0, 2}, Max: []float32{1, 3}, Count: 2}, &r)
}

func FuzzReadRanges(f *testing.F) {
	f.Add([]byte(`{"min":[-0.1,0],"max":[0.1,0],"dimensions":2,"normalized":true,"count":3,"fingerprint":"x"}`))
	f.Add([]byte(`{"min":[null],"max":[2],"dimensions":1,"normalized":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadRanges(bytes.NewReader(data))
		if err != nil {
			return
		}
		require.NoError(t, r.Check(len(r.Min), r.Normalized))
		require.True(t, json.Valid(data))
		var b bytes.Buffer
		require.NoError(t, r.Write(&b))
		back, err := ReadRanges(&b)
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
