package gguf

import (
	"fmt"

	"github.com/rhumb-go/rhumb/tensor"
)

// lessOne returns a vector less 1, which is exact where 1 was added to a float32.
func lessOne(t tensor.Tensor, name string) (tensor.Tensor, error) {
	v := make([]float32, t.Len())
	if err := t.Float32s(v); err != nil {
		return t, err
	}
	for i := range v {
		v[i]--
	}
	return tensor.FromFloat32s(name, t.Shape, v), nil
}

// below returns a table with rows of zeros before its own.
func below(t tensor.Tensor, name string, rows int) (tensor.Tensor, error) {
	if len(t.Shape) != 2 {
		return t, fmt.Errorf("tensor %s: shape %v, expected two dimensions", t.Name, t.Shape)
	}
	before := rows * t.Shape[1]
	v := make([]float32, before+t.Len())
	if err := t.Float32s(v[before:]); err != nil {
		return t, err
	}
	return tensor.FromFloat32s(name, []int{rows + t.Shape[0], t.Shape[1]}, v), nil
}

// halves returns a weight, or a bias, of heads whose rows 2i and 2i+1 are rotated together
// with the rows of each head in the order in which those are i and i plus half of them, as
// transformers has them.
func halves(t tensor.Tensor, name string, heads int) (tensor.Tensor, error) {
	if len(t.Shape) == 0 || heads < 1 || t.Shape[0]%(2*heads) != 0 {
		return t, fmt.Errorf("tensor %s: shape %v, expected rows of %d heads, an even number each", t.Name, t.Shape, heads)
	}
	dim, columns := t.Shape[0]/heads, 1
	for _, n := range t.Shape[1:] {
		columns *= n
	}
	return gathered(name, t.Shape, columns, []tensor.Tensor{t}, func(row int) (tensor.Tensor, int) {
		i := row % dim
		return t, row - i + i%(dim/2)*2 + i/(dim/2)
	}), nil
}

// joined returns the rows of first and then those of second.
func joined(name string, first, second tensor.Tensor) (tensor.Tensor, error) {
	if len(first.Shape) != 2 || len(second.Shape) != 2 || first.Shape[1] != second.Shape[1] {
		return first, fmt.Errorf("tensor %s: shape %v, and %s has %v, expected rows of the same length", first.Name, first.Shape, second.Name, second.Shape)
	}
	rows := first.Shape[0]
	shape := []int{rows + second.Shape[0], first.Shape[1]}
	return gathered(name, shape, shape[1], []tensor.Tensor{first, second}, func(row int) (tensor.Tensor, int) {
		if row < rows {
			return first, row
		}
		return second, row - rows
	}), nil
}

// gathered returns a tensor each of whose rows, of so many columns, is a row of another.
func gathered(name string, shape []int, columns int, of []tensor.Tensor, source func(row int) (tensor.Tensor, int)) tensor.Tensor {
	return tensor.Made(name, shape, of, func(dst []float32, offset int) error {
		for len(dst) > 0 {
			row, at := offset/columns, offset%columns
			t, from := source(row)
			n := min(len(dst), columns-at)
			if err := t.Float32sAt(dst[:n], from*columns+at); err != nil {
				return err
			}
			dst, offset = dst[n:], offset+n
		}
		return nil
	})
}

// transposed returns a tensor of experts × outputs × inputs as experts·inputs × outputs.
func transposed(t tensor.Tensor, name string) tensor.Tensor {
	outputs, inputs := t.Shape[1], t.Shape[2]
	shape := []int{t.Shape[0] * inputs, outputs}
	return tensor.Made(name, shape, []tensor.Tensor{t}, func(dst []float32, offset int) error {
		if outputs == 0 || len(dst) == 0 {
			return nil
		}
		// Whole rows of t serve all rows of dst, which are columns of its experts.
		row := make([]float32, inputs)
		last := offset + len(dst)
		for expert := offset / outputs / inputs; expert*inputs*outputs < last; expert++ {
			for output := range outputs {
				if err := t.Float32sAt(row, (expert*outputs+output)*inputs); err != nil {
					return err
				}
				for input, v := range row {
					if at := (expert*inputs+input)*outputs + output; at >= offset && at < last {
						dst[at-offset] = v
					}
				}
			}
		}
		return nil
	})
}
