package packed

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// parseCompressed reads the weights of compressed-tensors 0.20.1 in its formats
// int-quantized, float-quantized, naive-quantized and pack-quantized
// (compressors/naive_quantized, compressors/pack_quantized, quantization/lifecycle/forward_helpers.py there). An element is its code less the
// zero point, times the scale, rounded to the scale's dtype.
func parseCompressed(data []byte) (*Format, error) {
	var c struct {
		method
		Format    string          `json:"format"`
		Status    string          `json:"quantization_status"`
		Groups    json.RawMessage `json:"config_groups"`
		Ignore    any             `json:"ignore"` // the file says which layers have codes
		Ratio     any             `json:"global_compression_ratio"`
		KVCache   any             `json:"kv_cache_scheme"`
		Transform any             `json:"transform_config"`
		Experts   any             `json:"moe_sparsity_config"`
		Sparsity  map[string]any  `json:"sparsity_config"`
		Version   any             `json:"version"`
		Run       any             `json:"run_compressed"`
		Floats    any             `json:"dequantize"`
		Fast      any             `json:"use_optimized_inference"`
	}
	ignored, err := decode(data, &c)
	if err != nil {
		return nil, err
	}
	for _, e := range []error{
		only("quantization_status", c.Status, "compressed"), nothing("kv_cache_scheme", c.KVCache),
		nothing("transform_config", c.Transform), nothing("moe_sparsity_config", c.Experts),
	} {
		if e != nil {
			return nil, e
		}
	}
	if f := c.Sparsity["format"]; f != nil && f != "dense" {
		return nil, unsupported.Errorf("sparsity_config: format: found %.100q, expected dense", fmt.Sprint(f))
	}
	groups, err := strictjson.Members(c.Groups)
	if err != nil {
		return nil, fmt.Errorf("config_groups: %w", err)
	}
	var schemes []*scheme
	for _, g := range groups {
		s, err := parseScheme(g.Value, c.Format)
		if err != nil {
			return nil, fmt.Errorf("config_groups: %s: %w", g.Key, err)
		}
		schemes = append(schemes, s)
	}
	if len(schemes) == 0 {
		return nil, unsupported.Errorf("config_groups: found none, expected one or more")
	}
	find, err := match(schemes)
	if err != nil {
		return nil, fmt.Errorf("config_groups: %w", err)
	}
	var names []string
	for _, s := range schemes {
		if n := s.String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	open := func(l *layer) *Weight { return openCompressed(l, find) }
	return &Format{name: "compressed-tensors, " + strings.Join(names, " and "), ignored: ignored, open: open}, nil
}

// A scheme is a member of config_groups.
type scheme struct {
	Targets []string        `json:"targets"`
	Weights json.RawMessage `json:"weights"`
	Inputs  any             `json:"input_activations"`
	Outputs any             `json:"output_activations"`
	Format  string          `json:"format"`

	codes codes
}

// codes are what a scheme says of weights.
type codes struct {
	Bits      int    `json:"num_bits"`
	Type      string `json:"type"`
	Symmetric bool   `json:"symmetric"`
	GroupSize *int   `json:"group_size"`
	Strategy  string `json:"strategy"`
	Block     []int  `json:"block_structure"`
	Dynamic   any    `json:"dynamic"`
	Order     any    `json:"actorder"`
	ScaleType any    `json:"scale_dtype"`
	ZeroType  any    `json:"zp_dtype"`
	Observer  any    `json:"observer"`
	Settings  any    `json:"observer_kwargs"`
}

// String returns the name of s for people, such as "int8 for each channel".
func (s *scheme) String() string {
	w := &s.codes
	kind := map[string]string{"int": "int", "float": "FP"}[w.Type]
	return fmt.Sprintf("%s%d for each %s", kind, w.Bits, w.Strategy)
}

func parseScheme(data []byte, format string) (*scheme, error) {
	s := &scheme{codes: codes{Bits: 8, Type: "int", Symmetric: true}}
	if err := strictjson.UnmarshalKnown(data, s); err != nil {
		return nil, err
	}
	if len(s.Weights) == 0 || string(s.Weights) == "null" {
		return nil, unsupported.Errorf("weights: found none, expected those of linear layers")
	}
	w := &s.codes
	if err := strictjson.UnmarshalKnown(s.Weights, w); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	s.Format = cmp.Or(s.Format, format)
	if w.Strategy == "" { // as the reference infers it
		switch {
		case w.GroupSize == nil:
			w.Strategy = "tensor"
		case *w.GroupSize == -1:
			w.Strategy = "channel"
		default:
			w.Strategy = "group"
		}
	}
	errs := []error{
		only("format", s.Format, "int-quantized", "float-quantized", "naive-quantized", "pack-quantized"),
		only("weights: type", w.Type, "int", "float"),
		only("weights: strategy", w.Strategy, "tensor", "channel", "group", "block"),
		nothing("weights: dynamic", w.Dynamic),
	}
	if w.Order != "weight" && w.Order != "static" { // orders that the layout does not show
		errs = append(errs, nothing("weights: actorder", w.Order))
	}
	switch {
	case s.Format == "pack-quantized":
		errs = append(errs, only("weights: type", w.Type, "int"), only("weights: num_bits", w.Bits, 2, 4, 8), only("weights: strategy", w.Strategy, "tensor", "channel", "group"))
	case w.Type == "float":
		errs = append(errs, only("weights: num_bits", w.Bits, 8), only("weights: symmetric", w.Symmetric, true))
	case w.Bits < 1 || w.Bits > 8:
		errs = append(errs, unsupported.Errorf("weights: num_bits: found %d, expected 1 to 8", w.Bits))
	}
	if w.Strategy == "group" {
		if w.GroupSize == nil {
			w.GroupSize = new(int)
		}
		errs = append(errs, positive("weights: group_size", *w.GroupSize))
	}
	if w.Strategy == "block" {
		if len(w.Block) != 2 {
			return nil, unsupported.Errorf("weights: block_structure: found %v, expected two sizes", w.Block)
		}
		errs = append(errs, positive("weights: block_structure", w.Block[0]), positive("weights: block_structure", w.Block[1]))
	}
	if slices.Contains(s.Targets, "Embedding") {
		errs = append(errs, unsupported.Errorf(`targets: found "Embedding", expected linear layers`))
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// match returns a function that chooses among schemes by the name of a layer, as
// utils/match.py does: a target that is its name, then one behind "re:" that is found where the name begins, the first in
// the order of the alphabet, then its class. It returns nil for a layer without a target.
func match(schemes []*scheme) (func(name string) *scheme, error) {
	if len(schemes) == 1 {
		return func(string) *scheme { return schemes[0] }, nil
	}
	of := map[string]*scheme{}
	var patterns []string
	compiled := map[string]*regexp.Regexp{}
	for _, s := range schemes {
		for _, t := range s.Targets {
			of[t] = s
			if own, ok := strings.CutPrefix(t, "re:"); ok {
				p, err := regexp.Compile("^(?:" + own + ")")
				if err != nil {
					return nil, unsupported.Errorf("targets: %.200q: %w", t, err)
				}
				patterns, compiled[t] = append(patterns, t), p
			}
		}
	}
	slices.Sort(patterns)
	return func(name string) *scheme {
		if s, ok := of[name]; ok {
			return s
		}
		for _, t := range patterns {
			if compiled[t].MatchString(name) {
				return of[t]
			}
		}
		return of["Linear"]
	}, nil
}

// openCompressed opens the weight of a layer, for which find returns a scheme.
func openCompressed(l *layer, find func(name string) *scheme) *Weight {
	packed := l.has("weight_packed")
	if !packed && !l.has("weight_scale") && l.dtype("weight") != tensor.I8 && l.dtype("weight") != tensor.F8E4M3 {
		return nil
	}
	s := find(strings.TrimSuffix(l.base, "."))
	if s == nil {
		l.errorf("tensor %s: quantized, and no target of config_groups is its layer", l.name)
		return nil
	}
	l.activations("input_scale", "input_zero_point", "output_scale", "output_zero_point")
	g := l.compressedGrid(&s.codes)
	if g == nil {
		return nil
	}
	switch {
	case s.Format == "pack-quantized":
		return l.compressedPacked(&s.codes, g)
	case s.codes.Type == "float":
		return &Weight{float8s(l.tensor("weight", []int{l.rows, l.cols}, tensor.F8E4M3)), g.apply}
	}
	codes := l.tensor("weight", []int{l.rows, l.cols}, tensor.I8)
	if !s.codes.Symmetric || l.has("weight_zero_point") {
		l.plainZeros(g)
	}
	return &Weight{int8s(codes), g.apply}
}

// compressedGrid returns a grid with the scales, without zero points.
func (l *layer) compressedGrid(w *codes) *grid {
	switch w.Strategy {
	case "tensor":
		return gridOf(l.scalar("weight_scale"), func(int, int) int { return 0 }, 1, l.cols)
	case "channel":
		return l.blocks("weight_scale", 1, l.cols)
	case "block":
		return l.blocks("weight_scale", w.Block[0], w.Block[1])
	}
	if l.divides(*w.GroupSize); l.err != nil {
		return nil
	}
	return l.blocks("weight_scale", 1, *w.GroupSize)
}

// plainZeros sets the zero points of g, which lie as its scales do.
func (l *layer) plainZeros(g *grid) {
	zeros := l.tensor("weight_zero_point", g.scales.Shape, tensor.I8)
	g.zero = func(row, group int) float32 { return float32(int8(zeros.Data[g.at(row, group)])) }
}

// compressedPacked returns the weight whose codes lie in words: in each row those of consecutive
// columns, the first in the lowest bits, more by half of what the bits count.
func (l *layer) compressedPacked(w *codes, g *grid) *Weight {
	per := 32 / w.Bits
	words := (l.cols + per - 1) / per
	codes := l.tensor("weight_packed", []int{l.rows, words}, tensor.I32)
	l.shape()
	mask, half := uint32(1)<<w.Bits-1, float32(int(1)<<(w.Bits-1))
	code := func(word uint32, i int) float32 { return float32(word>>(i%per*w.Bits)&mask) - half }
	switch {
	case w.Symmetric || w.Strategy == "tensor":
		if !w.Symmetric || l.has("weight_zero_point") {
			l.plainZeros(g)
		}
	default: // in words too, those of consecutive rows
		zeros := l.tensor("weight_zero_point", []int{(l.rows + per - 1) / per, g.groups}, tensor.I32)
		g.zero = func(row, group int) float32 { return code(word(zeros, row/per*g.groups+group), row) }
	}
	read := func(dst tensor.Matrix, from int) {
		for i := range dst.Rows {
			row := dst.Row(i)
			for j := range row {
				row[j] = code(word(codes, (from+i)*words+j/per), j)
			}
		}
	}
	return &Weight{read, g.apply}
}

// shape checks the tensor with the shape of a packed weight.
func (l *layer) shape() {
	t := l.tensor("weight_shape", []int{2}, tensor.I64, tensor.I32)
	if l.err != nil {
		return
	}
	want := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(l.rows)), uint64(l.cols))
	if t.DType == tensor.I32 {
		want = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(l.rows)), uint32(l.cols))
	}
	if !bytes.Equal(t.Data, want) {
		l.errorf("tensor %s: another shape than %dx%d", t.Name, l.rows, l.cols)
	}
}
