package pipeline

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A table's rows are means of its tokens' vectors, by their definition in float64.
func TestTable(t *testing.T) {
	const rows, width = 9, 5
	value := func(row, j int) float64 { return float64(row*width+j*j) - 20 }
	f32, i8 := make([]byte, 0, 4*rows*width), make([]byte, 0, rows*width)
	for row := range rows {
		for j := range width {
			f32 = binary.LittleEndian.AppendUint32(f32, math.Float32bits(float32(value(row, j))))
			i8 = append(i8, byte(int8(value(row, j))))
		}
	}
	mapping := []int32{8, 0, 3, 3, 7, 1}
	weights := []float32{0.5, 1, 2, -1, 0.25, 4} // powers of two: products are exact
	for name, table := range map[string]*Table{
		"float32":  {Rows: tensor.Tensor{DType: tensor.F32, Data: f32}},
		"int8":     {Rows: tensor.Tensor{DType: tensor.I8, Data: i8}},
		"mapped":   {Rows: tensor.Tensor{DType: tensor.F32, Data: f32}, Mapping: mapping},
		"weighted": {Rows: tensor.Tensor{DType: tensor.I8, Data: i8}, Mapping: mapping, Weights: weights},
	} {
		t.Run(name, func(t *testing.T) {
			table.Set, table.Rows.Shape = kernel.Best(), []int{rows, width}
			assert.Equal(t, width, table.Width())
			n := rows
			if table.Mapping != nil {
				n = len(mapping)
			}
			assert.Equal(t, n, table.Vocabulary())
			m := &Model{Workers: 2, BatchTokens: 10}
			ids := [][]int32{nil, {5}, {0, 1, 2, 3, 4, 5, 5, 5}, make([]int32, 100)}
			got := run(t, m, Request{Way: &Way{table, &Pooled{}}}, ids)
			for i, in := range ids {
				want := make([]float32, width)
				for j := range want {
					sum := 0.0
					for _, id := range in {
						row, weight := int(id), 1.0
						if table.Mapping != nil {
							row = int(mapping[id])
						}
						if table.Weights != nil {
							weight = float64(weights[id])
						}
						sum += weight * value(row, j)
					}
					want[j] = float32(sum / math.Max(1, float64(len(in))))
				}
				assert.Equal(t, [][]float32{want}, got[i])
			}
			require.EqualError(t, table.Check(Tokens{IDs: []int32{0, int32(n)}}), checkRange([]int32{int32(n)}, n).Error())
		})
	}
}
