package loader

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// m3 makes the way of r, whose Way ends in head, one to the row of head and a row for each
// token: the components of its vector, and last its weight in the sparse vector.
func (m *Model) m3(r *Route, head *pipeline.Pooled) error {
	width := r.Encoder.Runs.Width()
	n := 0
	var weight tensor.Matrix
	var bias []float32
	for _, name := range []string{manifest.ColBERTLinear, manifest.SparseLinear} {
		rows, values, sum, err := m.linearFile(name, width)
		if err != nil {
			return err
		}
		weight.Data, bias = append(weight.Data, values["weight"]...), append(bias, values["bias"]...)
		r.modules = append(r.modules, name+" "+sum)
		n += rows
	}
	weight.Rows, weight.Cols, weight.Stride = n, width, width
	dense := pipeline.NewDense(m.Set, weight, bias, pipeline.Activation{})
	m.Bytes += dense.Bytes()
	r.Head = pipeline.Together{Pooled: head, Tokens: dense}
	r.TokenDimensions = n - 1
	return nil
}

// linear makes the layer of linearFile.
func (m *Model) linear(name string, width int) (made loaded, dense *pipeline.Dense, err error) {
	rows, values, sum, err := m.linearFile(name, width)
	if err != nil {
		return made, nil, err
	}
	weight := tensor.Matrix{Rows: rows, Cols: width, Stride: width, Data: values["weight"]}
	dense = pipeline.NewDense(m.Set, weight, values["bias"], pipeline.Activation{})
	m.Bytes += dense.Bytes()
	return loaded{dense, name + " " + sum, rows}, dense, nil
}

// linearFile reads a layer of torch's that reads vectors of width components, in a file of
// its own, and returns how many it makes, its weight and bias, and their sum.
func (m *Model) linearFile(name string, width int) (rows int, values map[string][]float32, sum string, err error) {
	file, err := m.Spec.Root.File(name)
	if err != nil {
		return 0, nil, "", err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	t, ok := file.Tensor("weight")
	if !ok || len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] != width {
		return 0, nil, "", fmt.Errorf("%s: tensor weight: shape %v, expected one row or more of %d, the width of a hidden state", name, t.Shape, width)
	}
	rows, values = t.Shape[0], map[string][]float32{}
	if name == manifest.SparseLinear && rows != 1 {
		return 0, nil, "", fmt.Errorf("%s: tensor weight: %d rows, expected 1", name, rows)
	}
	err = pipeline.Guard(func() []*tensor.File { return []*tensor.File{file} }, func() error {
		sum, err = readAll(values, file, map[string][]int{"weight": {rows, width}, "bias": {rows}})
		return err
	})
	return rows, values, sum, err
}
