package tensor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbered returns a matrix of 3×2 with a stride of 5, where element i, j is 10i+j and what is between rows is -1.
func numbered() Matrix {
	m := Matrix{Rows: 3, Cols: 2, Stride: 5, Data: make([]float32, 12)}
	for i := range m.Data {
		m.Data[i] = -1
	}
	for i := range m.Rows {
		for j := range m.Cols {
			m.Data[i*5+j] = float32(10*i + j)
		}
	}
	return m
}

func TestNewMatrix(t *testing.T) {
	m := NewMatrix(2, 3)
	assert.Equal(t, Matrix{Rows: 2, Cols: 3, Stride: 3, Data: make([]float32, 6)}, m)
	assert.Empty(t, NewMatrix(0, 3).Data)
}

func TestMatrixRow(t *testing.T) {
	m := numbered()
	assert.Equal(t, []float32{0, 1}, m.Row(0))
	assert.Equal(t, []float32{20, 21}, m.Row(2))
	assert.Equal(t, 2, cap(m.Row(1)), "an append must not write between the rows")
	m.Row(1)[1] = 7
	assert.Equal(t, float32(7), m.Data[6])
}

func TestMatrixSlice(t *testing.T) {
	m := numbered()
	for i := 0; i <= m.Rows; i++ {
		for j := i; j <= m.Rows; j++ {
			s := m.Slice(i, j)
			require.Equal(t, j-i, s.Rows)
			require.Equal(t, m.Cols, s.Cols)
			for r := range s.Rows {
				require.Equal(t, m.Row(i+r), s.Row(r))
			}
		}
	}
	m.Slice(1, 3).Row(0)[0] = 7
	assert.Equal(t, float32(7), m.Row(1)[0])
}

func TestMatrixGeneral(t *testing.T) {
	m := numbered()
	g := m.General()
	assert.Equal(t, []int{3, 2, 5}, []int{g.Rows, g.Cols, g.Stride})
	g.Data[5] = 7
	assert.Equal(t, float32(7), m.Row(1)[0])
	assert.Equal(t, m, FromGeneral(g))
}

func TestMatrixTransposed(t *testing.T) {
	m := numbered()
	got := m.Transposed()
	assert.Equal(t, []int{m.Cols, m.Rows}, []int{got.Rows, got.Cols})
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			assert.Equal(t, v, got.Row(j)[i])
		}
	}
}
