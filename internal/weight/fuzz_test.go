package weight

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Whatever the tensors of a file say, they are refused, or are a matrix of which each row can
// be read, and that is stored as it was.
func FuzzFromTensors(f *testing.F) {
	types := []tensor.DType{tensor.I8, tensor.U8, tensor.F32, tensor.BF16, tensor.I32, tensor.F16}
	f.Add(true, uint8(2), uint8(33), uint8(0), uint8(2), uint8(2), uint8(33), uint8(0), []byte{1, 2, 3, 255})
	f.Add(false, uint8(2), uint8(33), uint8(1), uint8(3), uint8(2), uint8(32), uint8(2), []byte{0x80, 0x3f, 0xff})
	f.Add(true, uint8(1), uint8(2), uint8(0), uint8(2), uint8(1), uint8(2), uint8(0), []byte{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 192, 127})
	f.Fuzz(func(t *testing.T, eight bool, rows, cols, codesType, scalesType, height, width, groups uint8, data []byte) {
		s := Int4
		if eight {
			s = Int8
		}
		fill := func(dtype tensor.DType, shape ...int) tensor.Tensor {
			x := tensor.Tensor{Name: "w", DType: dtype, Shape: shape}
			x.Data = make([]byte, x.Len()*dtype.Size())
			for i := range x.Data {
				if len(data) > 0 {
					x.Data[i] = data[i%len(data)]
				}
			}
			return x
		}
		scales := []int{int(height)}
		if groups > 0 {
			scales = append(scales, int(groups))
		}
		codesOf := fill(types[int(codesType)%len(types)], int(height), int(width))
		m, err := FromTensors(s, int(rows), int(cols), codesOf, fill(types[int(scalesType)%len(types)], scales...))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if eight {
			n := min(len(data)/4, int(cols)+1)
			_ = m.ReadOutliers(tensor.Tensor{Name: "w", DType: tensor.I32, Shape: []int{n}, Data: data[:4*n]}, fill(tensor.F32, int(rows), n))
		}
		row := make([]float32, m.Cols)
		for i := range m.Rows {
			m.DequantizeRow(row, i)
		}
		codes, factors := m.Tensors("w")
		again, err := FromTensors(s, m.Rows, m.Cols, codes, factors)
		require.NoError(t, err)
		require.Equal(t, m.Codes, again.Codes)
		require.Equal(t, len(m.Scales), len(again.Scales))
	})
}
