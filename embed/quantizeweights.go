package embed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// shardBytes is about how many bytes of weights a file of a copy has: as many as
// are held in memory.
const shardBytes = 512 << 20

// A kindSum is a QuantizedKind in the making.
type kindSum struct {
	tensors      int
	weights      int64
	error, total float64 // sums of squares
}

func (q *quantizer) summary() *Quantized {
	s := &Quantized{Before: q.before, After: q.after, Loss: q.loss}
	for name, k := range q.kinds {
		kind := QuantizedKind{Name: name, Tensors: k.tensors, Weights: k.weights}
		if k.total > 0 {
			kind.Error = math.Sqrt(k.error / k.total)
		}
		s.Kinds = append(s.Kinds, kind)
	}
	slices.SortFunc(s.Kinds, func(a, b QuantizedKind) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// weights writes those of a transformer: one file, or shards with an index.
func (q *quantizer) weights(ctx context.Context, e *loader.Encoder) error {
	file := q.model.Files[e.Weights]
	linear := maps.Clone(e.Transformer.Linears)
	maps.DeleteFunc(linear, func(_, layer string) bool { return e.Outliers.IsFiner(layer) })
	var shards [][]tensor.Tensor // as they are in the file
	size := int64(shardBytes)
	for _, name := range file.Names() {
		t, _ := file.Tensor(name)
		bytes := int64(len(t.Data))
		if _, ok := linear[name]; ok {
			bytes = int64(t.Len())
		}
		if size += bytes; size > shardBytes {
			shards, size = append(shards, nil), bytes
		}
		shards[len(shards)-1] = append(shards[len(shards)-1], t)
	}
	team := parallel.NewTeam(q.model.Workers)
	defer team.Close()
	index := map[string]string{}
	var total int64
	for i, shard := range shards {
		name := "model.safetensors"
		if len(shards) > 1 {
			name = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		}
		var tensors []tensor.Tensor
		for _, t := range shard {
			if err := ctx.Err(); err != nil {
				return err
			}
			layer, ok := linear[t.Name]
			if !ok {
				if b, rounded := q.rounded.Biases[t.Name]; rounded {
					t = tensor.FromFloat32s(t.Name, t.Shape, b)
				}
				tensors = append(tensors, t)
				continue
			}
			quantized, err := q.quantize(team, t, e.Outliers[layer])
			if err != nil {
				return fmt.Errorf("%s: tensor %s: %w", file.Name(), t.Name, err)
			}
			tensors = append(tensors, quantized...)
			file.Release(t)
			q.report(t)
		}
		for _, t := range tensors {
			index[t.Name] = name
			total += int64(len(t.Data))
		}
		err := q.create(path.Join(e.Base.Path, name), func(w io.Writer) error {
			return tensor.Write(w, tensors, map[string]string{"format": "pt"})
		})
		if err != nil {
			return err
		}
		for _, t := range shard {
			if _, ok := linear[t.Name]; !ok {
				file.Release(t)
				q.report(t)
			}
		}
	}
	q.after += total
	if len(shards) == 1 {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{"metadata": map[string]int64{"total_size": total}, "weight_map": index}, "", "  ")
	if err != nil {
		return err
	}
	return q.line(path.Join(e.Base.Path, "model.safetensors.index.json"), data)
}

// quantizeRows is the rows that a worker quantizes at once.
const quantizeRows = 16

// A quantizeTask quantizes some rows of a tensor.
type quantizeTask struct {
	from    tensor.Tensor
	to      *weight.Matrix
	rounded bool        // to is made
	rows    [][]float32 // of each worker, as read and as quantized
	errs    []error     // of each part
	wrong   []float64   // sums of squares of each part: of the errors
	square  []float64   // and of the weights
}

func (t *quantizeTask) Run(worker, i int) {
	cols := t.to.Cols
	if t.rows[worker] == nil {
		t.rows[worker] = make([]float32, 2*cols)
	}
	row, back := t.rows[worker][:cols], t.rows[worker][cols:]
	for r := i * quantizeRows; r < min((i+1)*quantizeRows, t.to.Rows); r++ {
		err := t.from.Float32sAt(row, r*cols)
		if err == nil && t.rounded {
			err = quant.Finite(row)
		} else if err == nil {
			err = t.to.QuantizeRow(r, row)
		}
		if err != nil {
			t.errs[i] = fmt.Errorf("row %d: %w", r, err)
			return
		}
		t.to.DequantizeRow(back, r)
		var wrong, square float64
		for j, w := range row {
			d := float64(w - back[j])
			wrong += d * d
			square += float64(w) * float64(w)
		}
		t.wrong[i] += wrong
		t.square[i] += square
	}
}

// quantize returns the tensors that stand for t, the weight of linear layers with
// these outliers.
func (q *quantizer) quantize(team *parallel.Team, t tensor.Tensor, outliers []int) ([]tensor.Tensor, error) {
	to, rounded := q.rounded.Weights[t.Name]
	if !rounded {
		to = weight.NewMatrix(q.scheme, t.Shape[0], t.Shape[1], outliers...)
	}
	parts := (to.Rows + quantizeRows - 1) / quantizeRows
	task := &quantizeTask{from: t, to: to, rounded: rounded, rows: make([][]float32, team.Size()),
		errs: make([]error, parts), wrong: make([]float64, parts), square: make([]float64, parts)}
	team.ForLong(parts, task)
	for _, err := range task.errs {
		if err != nil {
			return nil, err
		}
	}
	name := kindOf(t.Name)
	k := q.kinds[name]
	if k == nil {
		k = new(kindSum)
		q.kinds[name] = k
	}
	k.tensors++
	k.weights += int64(t.Len())
	for i := range parts {
		k.error += task.wrong[i]
		k.total += task.square[i]
	}
	codes, scales := to.Tensors(t.Name)
	return append([]tensor.Tensor{codes, scales}, to.OutlierTensors(t.Name)...), nil
}

// kindOf returns the name of a tensor with * for each part that is a number.
func kindOf(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		if strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}
