package packed

import (
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// parseBitsAndBytes reads the weights of bitsandbytes 0.50.2: in 8 bits (LLM.int8(),
// arXiv:2208.07339) codes of I8 and in SCB the largest magnitude of each row; in 4 bits (nf4 and fp4, arXiv:2305.14314)
// 16 levels, and a scale for each block of consecutive elements, in floats or itself in 8 bits.
func parseBitsAndBytes(data []byte) (*Format, error) {
	var c struct {
		method
		Int8        bool `json:"load_in_8bit"`
		Int4        bool `json:"load_in_4bit"`
		Int8Too     any  `json:"_load_in_8bit"`
		Int4Too     any  `json:"_load_in_4bit"`
		Threshold   any  `json:"llm_int8_threshold"` // of inputs
		Skipped     any  `json:"llm_int8_skip_modules"`
		Offload     any  `json:"llm_int8_enable_fp32_cpu_offload"`
		HasFloat16  bool `json:"llm_int8_has_fp16_weight"`
		Compute     any  `json:"bnb_4bit_compute_dtype"`
		Kind        any  `json:"bnb_4bit_quant_type"` // these are in the file, of each weight
		DoubleQuant any  `json:"bnb_4bit_use_double_quant"`
		Storage     any  `json:"bnb_4bit_quant_storage"`
	}
	ignored, err := decode(data, &c)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Int8 == c.Int4:
		return nil, unsupported.Errorf("load_in_8bit, load_in_4bit: found %v and %v, expected one of them", c.Int8, c.Int4)
	case c.HasFloat16:
		return nil, only("llm_int8_has_fp16_weight", c.HasFloat16, false)
	case c.Int8:
		return &Format{name: "bitsandbytes, 8 bits", ignored: ignored, open: openInt8}, nil
	}
	return &Format{name: "bitsandbytes, 4 bits", ignored: ignored, open: openInt4}, nil
}

// openInt8 opens a weight of LLM.int8(): an element is its code times SCB, over 127.
func openInt8(l *layer) *Weight {
	if l.dtype("weight") != tensor.I8 && !l.has("SCB") {
		return nil
	}
	codes := l.tensor("weight", []int{l.rows, l.cols}, tensor.I8)
	largest := l.tensor("SCB", []int{l.rows}, tensor.F32)
	if l.has("weight_format") {
		if t := l.tensor("weight_format", []int{}, tensor.U8); l.err == nil && t.Data[0] != 0 {
			l.err = unsupported.Errorf("tensor %s: layout %d, that of a GPU, expected 0, rows", t.Name, t.Data[0])
		}
	}
	scale := func(dst tensor.Matrix, from int) {
		var most [1]float32
		for i := range dst.Rows {
			mustRead(largest, most[:], from+i)
			row := dst.Row(i)
			for j := range row {
				row[j] = float32(row[j]*most[0]) * (1 / 127.0)
			}
		}
	}
	return &Weight{int8s(codes), scale}
}

// A quantState is what a file says of a weight in 4 bits, in JSON in a tensor of U8.
type quantState struct {
	Kind         string  `json:"quant_type"`
	Block        int     `json:"blocksize"`
	DType        string  `json:"dtype"`
	Shape        []int   `json:"shape"`
	NestedBlock  int     `json:"nested_blocksize"`
	NestedDType  string  `json:"nested_dtype"`
	NestedOffset float64 `json:"nested_offset"`
}

// dtypes are the names of floats in PyTorch.
var dtypes = map[string]tensor.DType{"float32": tensor.F32, "float16": tensor.F16, "bfloat16": tensor.BF16}

// quantState returns what the file says of l's weight. False: an error, which l remembers.
func (l *layer) quantState() (s quantState, ok bool) {
	const prefix = "weight.quant_state.bitsandbytes__"
	kind := "nf4"
	if l.has(prefix + "fp4") {
		kind = "fp4"
	}
	t, found := l.take(prefix + kind)
	if !found || t.DType != tensor.U8 || len(t.Shape) != 1 {
		l.errorf("tensor %s: expected U8 of one dimension, with what bitsandbytes says of %s", l.base+prefix+kind, l.name)
		return s, false
	}
	if err := strictjson.UnmarshalKnown(t.Data, &s); err != nil {
		l.errorf("tensor %s: %w", t.Name, err)
		return s, false
	}
	for _, err := range []error{
		only("quant_type", s.Kind, kind), only("dtype", s.DType, "float32", "float16", "bfloat16"), positive("blocksize", s.Block),
	} {
		if err != nil {
			l.errorf("tensor %s: %w", t.Name, err)
			return s, false
		}
	}
	if len(s.Shape) != 2 || s.Shape[0] != l.rows || s.Shape[1] != l.cols {
		l.errorf("tensor %s: shape: found %v, expected [%d %d]", t.Name, s.Shape, l.rows, l.cols)
	}
	return s, l.err == nil
}

// openInt4 opens a weight of nf4 or fp4: an element is the level of its code times the scale of its block,
// rounded to the dtype that the weight had. Of the two codes of a byte the high half is the first.
func openInt4(l *layer) *Weight {
	if !l.has("weight.absmax") && !l.has("weight.quant_map") {
		return nil
	}
	s, ok := l.quantState()
	if !ok {
		return nil
	}
	n := l.rows * l.cols
	codes, ok := l.take("weight") // of any dtype: bnb_4bit_quant_storage
	if !ok || len(codes.Data) != (n+1)/2 {
		l.errorf("tensor %s: %d bytes, expected %d for 4 bits each of %dx%d", l.name, len(codes.Data), (n+1)/2, l.rows, l.cols)
	}
	var levels [16]float32
	if t := l.tensor("weight.quant_map", []int{16}, tensor.F32); l.err == nil {
		mustRead(t, levels[:], 0)
	}
	blocks := (n + s.Block - 1) / s.Block
	scale := l.blockScales(blocks, s)
	round := rounds[dtypes[s.DType]]
	cols := l.cols
	read := func(dst tensor.Matrix, from int) {
		for i := range dst.Rows {
			at, block, by := (from+i)*cols, -1, float32(0)
			row := dst.Row(i)
			for j := range row {
				k := at + j
				if k/s.Block != block {
					block = k / s.Block
					by = scale(block)
				}
				row[j] = levels[codes.Data[k/2]>>(4-4*(k&1))&15] * by
			}
			if round != nil {
				round(row)
			}
		}
	}
	return &Weight{read, func(tensor.Matrix, int) {}}
}

// blockScales returns the scale of each of so many blocks.
func (l *layer) blockScales(blocks int, s quantState) func(block int) float32 {
	one := func(t tensor.Tensor, at int) float32 {
		var v [1]float32
		mustRead(t, v[:], at)
		return v[0]
	}
	if !l.has("weight.nested_absmax") {
		t := l.tensor("weight.absmax", []int{blocks}, tensor.F32)
		return func(block int) float32 { return one(t, block) }
	}
	if err := positive("nested_blocksize", s.NestedBlock); err != nil {
		l.errorf("tensor %s: quant_state: %w", l.name, err)
		return nil
	}
	if err := only("nested_dtype", s.NestedDType, "float32"); err != nil {
		l.errorf("tensor %s: quant_state: %w", l.name, err)
	}
	codes := l.tensor("weight.absmax", []int{blocks}, tensor.U8)
	most := l.tensor("weight.nested_absmax", []int{(blocks + s.NestedBlock - 1) / s.NestedBlock}, tensor.F32)
	levels := l.tensor("weight.nested_quant_map", []int{256}, tensor.F32)
	offset := float32(s.NestedOffset)
	return func(block int) float32 {
		return float32(one(levels, int(codes.Data[block]))*one(most, block/s.NestedBlock)) + offset
	}
}
