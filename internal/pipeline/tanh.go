package pipeline

import (
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// Tanh127 is the Module that makes whole numbers from -127 to 127 of components, by their
// tanh: what the code published with pplx-embed does in st_quantize.py, Int8TanhQuantizer.
type Tanh127 struct{}

// Apply is that of Module.
func (Tanh127) Apply(_ *Scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		row := x.Row(i)
		for j, v := range row {
			row[j] = float32(math.RoundToEven(float64(float32(math.Tanh(float64(v))) * 127)))
		}
	}
	return x
}
