package quant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// RangesFile is the name of the file in a model folder that holds its Ranges.
const RangesFile = "quantization_ranges.json"

// Ranges are the smallest and the largest value of each dimension of some
// vectors, for 8 bits that follow them. They hold for vectors of as many
// dimensions, normalized or not, as those that they were measured at.
type Ranges struct {
	Min, Max    []float32 // for each dimension
	Normalized  bool      // the vectors have unit length
	Count       int       // vectors measured, 0 = not known
	Fingerprint string    // of the model that made them, "" = not known
}

// Calibrate returns the ranges of the vectors, of which there must be one at
// least. The caller sets Normalized and Fingerprint.
func Calibrate(vectors iter.Seq[[]float32]) (*Ranges, error) {
	var r Ranges
	for v := range vectors {
		if err := r.Add(v); err != nil {
			return nil, fmt.Errorf("vector %d: %w", r.Count, err)
		}
	}
	if r.Count == 0 {
		return nil, errors.New("no vectors, expected at least one")
	}
	return &r, nil
}

// Add widens r to hold v. The first vector that is added to zero Ranges sets
// their dimensions.
func (r *Ranges) Add(v []float32) error {
	if len(v) == 0 {
		return errors.New("no components")
	}
	if _, err := largest(v); err != nil {
		return err
	}
	if len(r.Min) == 0 && len(r.Max) == 0 {
		r.Min, r.Max = slices.Clone(v), slices.Clone(v)
	}
	if len(v) != len(r.Min) || len(v) != len(r.Max) {
		return fmt.Errorf("%d dimensions, expected %d", len(v), len(r.Min))
	}
	for i, x := range v {
		r.Min[i], r.Max[i] = min(r.Min[i], x), max(r.Max[i], x)
	}
	r.Count++
	return nil
}

// Check says why r does not serve vectors of that many dimensions, normalized
// or not; nil if it does.
func (r *Ranges) Check(dimensions int, normalized bool) error {
	if err := r.valid(); err != nil {
		return err
	}
	if len(r.Min) != dimensions {
		return fmt.Errorf("ranges of %d dimensions, vectors have %d", len(r.Min), dimensions)
	}
	if r.Normalized != normalized {
		words := map[bool]string{true: "normalized", false: "not normalized"}
		return fmt.Errorf("ranges of vectors that are %s, these are %s", words[r.Normalized], words[normalized])
	}
	return nil
}

// valid checks that each range has two finite ends in order, and a finite width.
func (r *Ranges) valid() error {
	if len(r.Min) == 0 {
		return errors.New("min is empty")
	}
	if len(r.Min) != len(r.Max) {
		return fmt.Errorf("min has %d dimensions, max has %d", len(r.Min), len(r.Max))
	}
	for _, end := range []struct {
		name   string
		values []float32
	}{{"min", r.Min}, {"max", r.Max}} {
		if _, err := largest(end.values); err != nil {
			return fmt.Errorf("%s: %w", end.name, err)
		}
	}
	for i, low := range r.Min {
		if width := r.Max[i] - low; width < 0 {
			return fmt.Errorf("dimension %d: min %v is above max %v", i, low, r.Max[i])
		} else if width-width != 0 {
			return fmt.Errorf("dimension %d: %v to %v is too wide for float32", i, low, r.Max[i])
		}
	}
	return nil
}

// AppendRanged appends v in 8 bits to dst: q = ⌊(v-min)/step⌋ between 0 and 255 as
// uint8, with step = (max-min)/255, or 1 where that is 0; q-128 as int8. The steps
// are those of float32, as in quantize_embeddings of sentence-transformers 6.2.
//
// A NaN or an infinity in v, and ranges of other dimensions, are errors. The caller
// has checked r.
func AppendRanged[E Byte](dst []E, v []float32, r *Ranges) ([]E, error) {
	if len(r.Min) != len(v) || len(r.Max) != len(v) {
		return dst, fmt.Errorf("ranges of %d dimensions, vector has %d", len(r.Min), len(v))
	}
	if _, err := largest(v); err != nil {
		return dst, err
	}
	q := grow(&dst, len(v))
	kernels.ToRanges(kernel.Bytes(q), v, r.Min, r.Max, kernel.Flip^flip[E]())
	return dst, nil
}

// FromRanged appends the middle of the step that each element of q stands for
// to dst, at most the range's end.
func FromRanged[E Byte](dst []float32, q []E, r *Ranges) ([]float32, error) {
	if len(r.Min) != len(q) || len(r.Max) != len(q) {
		return dst, fmt.Errorf("ranges of %d dimensions, vector has %d", len(r.Min), len(q))
	}
	f := kernel.Flip ^ flip[E]()
	for i, b := range kernel.Bytes(q) {
		step := (r.Max[i] - r.Min[i]) / 255
		middle := r.Min[i] + float32((float32(b^f)+0.5)*step)
		dst = append(dst, min(middle, r.Max[i]))
	}
	return dst, nil
}

// rangesJSON is RangesFile. A nil field is one that is missing.
type rangesJSON struct {
	Min         []*float32 `json:"min"`
	Max         []*float32 `json:"max"`
	Dimensions  *int       `json:"dimensions"`
	Normalized  *bool      `json:"normalized"`
	Count       int        `json:"count,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
}

// Write writes r as JSON, in the form that ReadRanges reads.
func (r *Ranges) Write(w io.Writer) error {
	if err := r.valid(); err != nil {
		return err
	}
	dimensions := len(r.Min)
	file := rangesJSON{pointers(r.Min), pointers(r.Max), &dimensions, &r.Normalized, r.Count, r.Fingerprint}
	return json.NewEncoder(w).Encode(file)
}

// ReadRanges reads a RangesFile: {"min": […], "max": […], "dimensions": 384,
// "normalized": true}, with "count" and "fingerprint" where the writer recorded
// them; what else it recorded is not looked at. A file of other lengths than its
// dimensions, or with a range that is none, is an error.
func ReadRanges(r io.Reader) (*Ranges, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var file rangesJSON
	if err := strictjson.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Dimensions == nil || file.Normalized == nil {
		return nil, errors.New("expected dimensions and normalized, which say what the ranges hold for")
	}
	if file.Count < 0 {
		return nil, fmt.Errorf("count is %d", file.Count)
	}
	ranges := &Ranges{Normalized: *file.Normalized, Count: file.Count, Fingerprint: file.Fingerprint}
	for _, end := range []struct {
		name string
		from []*float32
		to   *[]float32
	}{{"min", file.Min, &ranges.Min}, {"max", file.Max, &ranges.Max}} {
		if len(end.from) != *file.Dimensions {
			return nil, fmt.Errorf("%s has %d numbers, dimensions is %d", end.name, len(end.from), *file.Dimensions)
		}
		for i, x := range end.from {
			if x == nil {
				return nil, fmt.Errorf("%s: element %d is null, expected a number", end.name, i)
			}
			*end.to = append(*end.to, *x)
		}
	}
	if err := ranges.valid(); err != nil {
		return nil, err
	}
	return ranges, nil
}

func pointers(x []float32) []*float32 {
	p := make([]*float32, len(x))
	for i := range x {
		p[i] = &x[i]
	}
	return p
}
