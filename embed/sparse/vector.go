package sparse

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
)

// A Vector has the weights of a text that are not zero.
type Vector struct {
	Indices   []int32   // of the vocabulary's entries, ascending
	Values    []float32 // the weight of each, greater than 0
	Tokens    int       // read by the model, prompt and special tokens included
	Truncated int       // dropped
}

// Dot returns the sum of the products of the weights that a and b have in common, summed
// in float64 by ascending index: how well a document with one answers a query with the other.
func Dot(a, b Vector) float32 {
	var sum float64
	for i, j := 0, 0; i < len(a.Indices) && j < len(b.Indices); {
		switch c := cmp.Compare(a.Indices[i], b.Indices[j]); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			sum += float64(a.Values[i]) * float64(b.Values[j])
			i, j = i+1, j+1
		}
	}
	return float32(sum)
}

// Embed returns the vector of each text. It has the same bits whatever the other texts
// are. Errors are an *embed.OptionError, an *embed.InputError of a text (empty, too long,
// or a weight that is not finite; the first of several), embed.ErrClosed, or that of ctx.
func (m *Model) Embed(ctx context.Context, texts []string, opts Options) ([]Vector, error) {
	c := m.newCall(texts, opts)
	if err := facade.Outcome(m.loaded.Run(ctx, c)); err != nil {
		return nil, err
	}
	return c.vectors, nil
}

// keep sets the indices and values of v to the weights of row that are greater than 0, of
// which at most most are kept, the largest, equal ones by ascending index; 0 is all.
func (v *Vector) keep(row []float32, most int) error {
	var found []int32
	for i, w := range row {
		switch {
		case w == 0: // as most are
		case math.IsNaN(float64(w)) || math.IsInf(float64(w), 0):
			return embed.ErrNotFinite
		case w > 0:
			found = append(found, int32(i))
		}
	}
	v.Indices = make([]int32, len(found))
	copy(v.Indices, found)
	if most > 0 && most < len(found) {
		slices.SortStableFunc(v.Indices, func(i, j int32) int { return cmp.Compare(row[j], row[i]) })
		v.Indices = slices.Clone(v.Indices[:most])
		slices.Sort(v.Indices)
	}
	v.Values = make([]float32, len(v.Indices))
	for k, i := range v.Indices {
		v.Values[k] = row[i]
	}
	return nil
}
