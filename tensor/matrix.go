package tensor

import "gonum.org/v1/gonum/blas/blas32"

// A Matrix is a row-major matrix of float32: row i is Data[i*Stride : i*Stride+Cols].
// It has the fields of gonum's blas32.General and converts to and from it without a copy.
type Matrix struct {
	Rows, Cols int
	Stride     int // elements from one row to the next, at least Cols
	Data       []float32
}

// NewMatrix returns a zero matrix of rows×cols.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Stride: cols, Data: make([]float32, rows*cols)}
}

// Row returns row i of m, which it aliases.
func (m Matrix) Row(i int) []float32 {
	return m.Data[i*m.Stride : i*m.Stride+m.Cols : i*m.Stride+m.Cols]
}

// Slice returns rows i to j (exclusive) of m, which they alias.
func (m Matrix) Slice(i, j int) Matrix {
	m.Rows = j - i
	if m.Rows == 0 {
		m.Data = nil // row i need not be there
		return m
	}
	m.Data = m.Data[i*m.Stride : (j-1)*m.Stride+m.Cols]
	return m
}

// General returns m as gonum's type. It aliases m.
func (m Matrix) General() blas32.General {
	return blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Stride, Data: m.Data}
}

// FromGeneral returns g as a Matrix. It aliases g.
func FromGeneral(g blas32.General) Matrix {
	return Matrix{Rows: g.Rows, Cols: g.Cols, Stride: g.Stride, Data: g.Data}
}

// Transposed returns a copy of mᵀ.
func (m Matrix) Transposed() Matrix {
	t := NewMatrix(m.Cols, m.Rows)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			t.Data[j*t.Stride+i] = v
		}
	}
	return t
}
