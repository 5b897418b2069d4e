package packed

import (
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// parseFP8 reads weights in F8_E4M3 with float scales: for each block of weight_block_size in
// weight_scale_inv, as DeepSeek-V3 has it and transformers 5.23 writes it, or one for all: there, or in weight_scale, as AutoFP8
// writes it and vLLM reads it. An element is the code times the scale, in float32.
//
// transformers divides a weight evenly by its scales, which is another reading where
// blocks do not divide it; this one is that of its kernels.
func parseFP8(data []byte) (*Format, error) {
	c := struct {
		method
		Activation   any    `json:"activation_scheme"`
		Block        *[]int `json:"weight_block_size"`
		Format       string `json:"fmt"`
		ScaleFormat  string `json:"scale_fmt"`
		ExpertFormat any    `json:"expert_dtype"` // no model here has these
		Skipped      any    `json:"modules_to_not_convert"`
		SkippedToo   any    `json:"ignored_layers"`
		More         any    `json:"modules_to_convert"`
		KVCache      any    `json:"kv_cache_scheme"`
		Dequantize   any    `json:"dequantize"`
	}{Format: "e4m3", ScaleFormat: "float", Block: &[]int{128, 128}}
	ignored, err := decode(data, &c)
	if err != nil {
		return nil, err
	}
	for _, e := range []error{
		only("fmt", c.Format, "e4m3"), only("scale_fmt", c.ScaleFormat, "float"),
		nothing("modules_to_convert", c.More), nothing("kv_cache_scheme", c.KVCache),
	} {
		if e != nil {
			return nil, e
		}
	}
	var block []int
	if c.Block != nil {
		if block = *c.Block; len(block) != 2 {
			return nil, unsupported.Errorf("weight_block_size: found %v, expected two sizes", block)
		}
		for _, size := range block {
			if err := positive("weight_block_size", size); err != nil {
				return nil, err
			}
		}
	}
	return &Format{name: "FP8", ignored: ignored, open: func(l *layer) *Weight { return openFP8(l, block) }}, nil
}

func openFP8(l *layer, block []int) *Weight {
	inverse, scale := l.has("weight_scale_inv"), l.has("weight_scale")
	if l.dtype("weight") != tensor.F8E4M3 && !inverse && !scale {
		return nil
	}
	codes := l.tensor("weight", []int{l.rows, l.cols}, tensor.F8E4M3)
	l.activations("input_scale", "activation_scale", "output_scale")
	var g *grid
	switch {
	case inverse && scale:
		l.errorf("tensor %s: found beside %s, expected one of them", l.base+"weight_scale", l.base+"weight_scale_inv")
		return nil
	case scale:
		g = gridOf(l.scalar("weight_scale"), func(int, int) int { return 0 }, 1, l.cols)
	case block == nil:
		g = gridOf(l.scalar("weight_scale_inv"), func(int, int) int { return 0 }, 1, l.cols)
	default:
		g = l.blocks("weight_scale_inv", block[0], block[1])
	}
	g.round = nil
	return &Weight{float8s(codes), g.apply}
}

// blocks returns a grid with the scales in the tensor of that name, one for each block of
// so many rows and columns, fewer at the ends.
func (l *layer) blocks(name string, rows, cols int) *grid {
	down, across := (l.rows+rows-1)/rows, (l.cols+cols-1)/cols
	scales := l.tensor(name, []int{down, across}, floats...)
	return gridOf(scales, func(row, group int) int { return row/rows*across + group }, across, cols)
}
