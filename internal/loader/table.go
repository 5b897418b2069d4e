package loader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// openTable opens a table of token vectors.
func (m *Model) openTable(_ context.Context, spec *modelfolder.Encoder) (*Encoder, error) {
	e := &Encoder{Encoder: spec, Weights: len(m.Files), limit: spec.MaxTokens}
	file, err := m.weights(spec.Folder)
	if err != nil {
		return nil, err
	}
	t, err := readTable(file, m.Set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	m.Bytes += t.Bytes()
	e.Runs = t
	return e, nil
}

// openWeights opens a table of a weight for each token.
func (m *Model) openWeights(_ context.Context, spec *modelfolder.Encoder) (*Encoder, error) {
	e := &Encoder{Encoder: spec, Weights: len(m.Files), limit: spec.MaxTokens}
	file, err := m.weights(spec.Folder)
	if err != nil {
		return nil, err
	}
	t, ok := file.Tensor("weight")
	if !ok || len(t.Shape) != 1 || t.Shape[0] < 1 || len(file.Names()) > 1 {
		return nil, fmt.Errorf("%s: tensors %q, expected one, weight, with an element for each token", file.Name(), file.Names())
	}
	p := &pipeline.Presence{Weights: make([]float32, t.Len())}
	if err := t.Float32s(p.Weights); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	for id, w := range p.Weights {
		if !(w >= 0) || math.IsInf(float64(w), 1) {
			return nil, fmt.Errorf("%s: tensor weight: %v of token %d, expected finite numbers from 0 on", file.Name(), w, id)
		}
	}
	m.Bytes += 4 * int64(len(p.Weights))
	e.Runs = p
	return e, nil
}

// readTable returns the table in file: embedding.weight, or model2vec's
// embeddings with its mapping and its weights, if it has them.
func readTable(file *tensor.File, set *kernel.Set) (*pipeline.Table, error) {
	t := &pipeline.Table{Set: set}
	name := "embedding.weight"
	var ok bool
	if t.Rows, ok = file.Tensor(name); !ok {
		name = "embeddings"
		t.Rows, ok = file.Tensor(name)
	}
	switch {
	case !ok:
		return nil, errors.New("tensor embedding.weight or embeddings: missing, expected a row for each token")
	case len(t.Rows.Shape) != 2 || t.Rows.Shape[0] < 1 || t.Rows.Shape[1] < 1:
		return nil, fmt.Errorf("tensor %s: shape %v, expected tokens×dimensions", name, t.Rows.Shape)
	case t.Rows.DType != tensor.I8:
		if err := t.Rows.Float32sAt(nil, 0); err != nil {
			return nil, err
		}
	}
	for _, other := range file.Names() {
		x, _ := file.Tensor(other)
		var err error
		switch {
		case other == name:
		case other == "mapping" && name == "embeddings":
			t.Mapping, err = readMapping(x, t.Rows.Shape[0])
		case other == "weights" && name == "embeddings":
			t.Weights = make([]float32, x.Len())
			err = x.Float32s(t.Weights)
		default:
			err = fmt.Errorf("tensor %s: not used by this module", other)
		}
		if err != nil {
			return nil, err
		}
	}
	if n := t.Vocabulary(); t.Weights != nil && len(t.Weights) != n {
		return nil, fmt.Errorf("tensor weights: %d elements, expected %d, one for each token", len(t.Weights), n)
	}
	return t, nil
}

// readMapping returns the row of each token.
func readMapping(t tensor.Tensor, rows int) ([]int32, error) {
	if len(t.Shape) != 1 || t.Len() < 1 || t.DType != tensor.I64 && t.DType != tensor.I32 {
		return nil, fmt.Errorf("tensor mapping: %v of shape %v, expected I64 or I32, a row for each token", t.DType, t.Shape)
	}
	mapping := make([]int32, t.Len())
	for i := range mapping {
		var row int64
		if t.DType == tensor.I64 {
			row = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
		} else {
			row = int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		}
		if row < 0 || row >= int64(rows) {
			return nil, fmt.Errorf("tensor mapping: row %d of token %d, expected 0 to %d", row, i, rows-1)
		}
		mapping[i] = int32(row)
	}
	return mapping, nil
}
