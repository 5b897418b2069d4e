package weight

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

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
func read[E float32 | int8 | uint8](t testing.TB, file, name string) array[E] {
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

// Codes and scales are those that numpy computes by the rules.
func TestWeightsAreThoseOfNumpy(t *testing.T) {
	const file = "testdata/weights.safetensors"
	w := read[float32](t, file, "weights")
	int8s, int4s, packed := read[int8](t, file, "int8"), read[int8](t, file, "int4"), read[uint8](t, file, "packed")
	scale8, scale4 := read[float32](t, file, "int8_scale"), read[float32](t, file, "int4_scale")
	for _, s := range Schemes() {
		m := NewMatrix(s, w.rows(), w.width)
		for i := range w.rows() {
			require.NoError(t, m.QuantizeRow(i, w.row(i)))
		}
		back, want := make([]float32, w.width), make([]float32, w.width)
		for i := range w.rows() {
			codes, scales := m.Row(i)
			m.DequantizeRow(back, i)
			if s == Int4 {
				require.Equal(t, packed.row(i), codes, "row %d", i)
				require.Equal(t, scale4.row(i), scales, "row %d", i)
				for j := range want {
					want[j] = float32(int4s.row(i)[j]) * scale4.row(i)[j/32]
				}
			} else {
				for j, c := range int8s.row(i) {
					require.Equal(t, byte(c), codes[j], "row %d", i)
					want[j] = float32(c) * scale8.data[i]
				}
				require.Equal(t, scale8.data[i:i+1], scales, "row %d", i)
			}
			require.Equal(t, want, back, "%v, row %d", s, i)
		}
	}
}

// What is stored is what is read; another shape or dtype is an error.
func TestMatrixTensors(t *testing.T) {
	for _, s := range Schemes() {
		m := NewMatrix(s, 3, 40)
		row := make([]float32, 40)
		for i := range 3 {
			for j := range row {
				row[j] = float32(math.Sin(float64(40*i + j)))
			}
			require.NoError(t, m.QuantizeRow(i, row))
		}
		codes, scales := m.Tensors("a.weight")
		require.Equal(t, "a.weight_scale", scales.Name)
		back, err := FromTensors(s, 3, 40, codes, scales)
		require.NoError(t, err)
		require.Equal(t, m.Codes, back.Codes)
		require.Equal(t, m.Scales, back.Scales)
		_, err = FromTensors(s, 3, 80, codes, scales)
		require.ErrorContains(t, err, "tensor a.weight: ")
		_, err = FromTensors(s, 3, 40, codes, tensor.Tensor{Name: "b", DType: tensor.F16, Shape: scales.Shape})
		require.ErrorContains(t, err, "tensor b: F16 of shape")
		row[7] = float32(math.Inf(-1))
		require.EqualError(t, m.QuantizeRow(2, row), "component 7 is -Inf, expected a finite number")
	}
}

// Columns that are outliers stay as they are, and the others have the codes of a
// row in which those are zero.
func TestOutliers(t *testing.T) {
	w := read[float32](t, "testdata/weights.safetensors", "weights")
	columns := []int{0, 16, 40, 99}
	m, others := NewMatrix(Int8, w.rows(), w.width, columns...), NewMatrix(Int8, w.rows(), w.width)
	rest, row := make([]float32, w.width), make([]float32, w.width)
	for i := range w.rows() {
		require.NoError(t, m.QuantizeRow(i, w.row(i)))
		copy(rest, w.row(i))
		for _, j := range columns {
			rest[j] = 0
		}
		require.NoError(t, others.QuantizeRow(i, rest))
	}
	require.Equal(t, others.Codes, m.Codes)
	require.Equal(t, others.Scales, m.Scales)
	codes, scales := m.Tensors("a.weight")
	stored := m.OutlierTensors("a.weight")
	require.Len(t, stored, 2)
	require.Equal(t, "a.weight_outlier_columns", stored[0].Name)
	require.Equal(t, "a.weight_outliers", stored[1].Name)
	require.Empty(t, others.OutlierTensors("a.weight"))
	back, err := FromTensors(Int8, w.rows(), w.width, codes, scales)
	require.NoError(t, err)
	require.NoError(t, back.ReadOutliers(stored[0], stored[1]))
	for i := range w.rows() {
		others.DequantizeRow(rest, i)
		back.DequantizeRow(row, i)
		for _, j := range columns {
			rest[j] = w.row(i)[j]
		}
		require.Equal(t, rest, row, "row %d", i)
	}
	kept := stored[1]
	for _, tt := range []struct {
		columns tensor.Tensor
		want    string
	}{
		{tensor.Tensor{Name: "c", DType: tensor.I64, Shape: []int{4}}, "tensor c: I64 of shape [4], expected I32"},
		{tensor.Tensor{Name: "c", DType: tensor.I32, Shape: []int{1, 4}, Data: stored[0].Data}, "tensor c: I32 of shape [1 4]"},
		{tensor.Tensor{Name: "c", DType: tensor.I32, Shape: []int{1}, Data: stored[0].Data[:4]}, "tensor a.weight_outliers: F32 of shape [33 4], expected F32 of shape [33 1]"},
		{tensor.Tensor{Name: "c", DType: tensor.I32, Shape: []int{4}, Data: append([]byte{100, 0, 0, 0}, stored[0].Data[4:]...)}, "tensor c: column 100, expected ascending numbers from 0 to 99"},
		{tensor.Tensor{Name: "c", DType: tensor.I32, Shape: []int{4}, Data: append([]byte{16, 0, 0, 0}, stored[0].Data[4:]...)}, "tensor c: column 16, expected"},
		{tensor.Tensor{Name: "c", DType: tensor.I32, Shape: []int{4}, Data: append([]byte{0, 0, 0, 128}, stored[0].Data[4:]...)}, "tensor c: column -2147483648, expected"},
	} {
		require.ErrorContains(t, back.ReadOutliers(tt.columns, kept), tt.want)
	}
}

// Codes survive: a row that was dequantized has the same codes in Int8, and in
// Int4 an error of zero.
func TestQuantizeDequantized(t *testing.T) {
	w := read[float32](t, "testdata/weights.safetensors", "weights")
	for _, s := range Schemes() {
		m, again := NewMatrix(s, w.rows(), w.width), NewMatrix(s, w.rows(), w.width)
		row, back := make([]float32, w.width), make([]float32, w.width)
		for i := range w.rows() {
			require.NoError(t, m.QuantizeRow(i, w.row(i)))
			m.DequantizeRow(row, i)
			require.NoError(t, again.QuantizeRow(i, row))
			if s == Int8 {
				continue
			}
			again.DequantizeRow(back, i)
			for j := range row {
				require.InDelta(t, 0, row[j]-back[j], 0, "row %d, column %d", i, j)
			}
		}
		if s == Int8 {
			require.Equal(t, m.Codes, again.Codes)
		}
	}
}

func TestSchemeJSON(t *testing.T) {
	for _, s := range Schemes() {
		data, err := s.MarshalJSON()
		require.NoError(t, err)
		var back Scheme
		require.NoError(t, back.UnmarshalJSON(data))
		require.Equal(t, s, back)
		parsed, err := parseScheme(s.String())
		require.NoError(t, err)
		require.Equal(t, s, parsed)
	}
	for _, tt := range []struct{ data, want string }{
		{`{"quant_method": "gptq", "bits": 4}`, "found quantized weights, expected none or those of quant_method \"rhumb\", version 1"},
		{`{"quant_method": "rhumb", "version": 2, "scheme": "int4"}`, "found quantized weights, expected none"},
		{`{"quant_method": "rhumb", "version": 1, "scheme": "int3"}`, `quantization_config: scheme: unknown "int3", expected int8 or int4`},
		{`7`, "quantization_config: "},
	} {
		var s Scheme
		require.ErrorContains(t, s.UnmarshalJSON([]byte(tt.data)), tt.want)
	}
	var s Scheme
	require.NoError(t, s.UnmarshalJSON([]byte("null")))
	require.Zero(t, s)
}
