package packed

import (
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// parseGPTQ reads the weights that AutoGPTQ 0.7.1 and GPTQModel 7.3.4 write
// (arXiv:2210.17323), as the latter, which transformers 5.23 calls, reads them: qweight has the codes of
// consecutive inputs in a word, inputs·bits/32 × outputs, the first in the lowest bits; qzeros those of consecutive outputs,
// groups × outputs·bits/32; scales are groups × outputs; g_idx has the group of each input.
// Zero points are stored less 1, but in gptq_v2.
func parseGPTQ(data []byte) (*Format, error) {
	c := struct {
		method
		Bits       int            `json:"bits"`
		GroupSize  int            `json:"group_size"`
		DescAct    bool           `json:"desc_act"`
		Format     string         `json:"format"`
		Checkpoint *string        `json:"checkpoint_format"` // the older name
		PackDType  string         `json:"pack_dtype"`
		Marlin     bool           `json:"is_marlin_format"`
		Dynamic    map[string]any `json:"dynamic"`
		Adapter    any            `json:"adapter"`
		gptqMade
	}{GroupSize: 128, Format: "gptq", PackDType: "int32"}
	ignored, err := decode(data, &c)
	if err != nil {
		return nil, err
	}
	if c.Checkpoint != nil {
		c.Format = *c.Checkpoint
	}
	if c.GroupSize != -1 {
		err = positive("group_size", c.GroupSize)
	}
	for _, e := range []error{
		only("bits", c.Bits, 2, 4, 8), only("checkpoint_format", c.Format, "gptq", "gptq_v2"), only("pack_dtype", c.PackDType, "int32"),
		only("is_marlin_format", c.Marlin, false), nothing("adapter", c.Adapter), err,
	} {
		if e != nil {
			return nil, e
		}
	}
	for key := range c.Dynamic {
		if len(key) < 2 || key[:2] != "-:" { // what a layer that is left out has is floats
			return nil, unsupported.Errorf("dynamic: found %q, a layer that is quantized otherwise, expected none", key)
		}
	}
	open := func(l *layer) *Weight { return openGPTQ(l, c.Bits, c.GroupSize, c.DescAct, c.Format == "gptq") }
	return &Format{name: fmt.Sprintf("GPTQ, %d bits", c.Bits), ignored: ignored, open: open}, nil
}

// A method is the key that says which reader a quantization_config has.
type method struct {
	Method string `json:"quant_method"`
}

// gptqMade are the keys that say how weights were chosen and are run, which changes
// nothing of what is stored.
type gptqMade struct {
	Sym            any `json:"sym"`
	DampPercent    any `json:"damp_percent"`
	DampIncrement  any `json:"damp_auto_increment"`
	Sequential     any `json:"true_sequential"`
	StaticGroups   any `json:"static_groups"`
	GroupAware     any `json:"act_group_aware"`
	LMHead         any `json:"lm_head"`
	Meta           any `json:"meta"`
	ModelName      any `json:"model_name_or_path"`
	ModelBase      any `json:"model_file_base_name"`
	Tokenizer      any `json:"tokenizer"`
	Dataset        any `json:"dataset"`
	Backend        any `json:"backend"`
	SequenceLength any `json:"model_seqlen"`
	Block          any `json:"block_name_to_quantize"`
	Before         any `json:"module_name_preceding_first_block"`
	BatchSize      any `json:"batch_size"`
	PadToken       any `json:"pad_token_id"`
	MaxInput       any `json:"max_input_length"`
	CacheOutputs   any `json:"cache_block_outputs"`
	InBlock        any `json:"modules_in_block_to_quantize"`
	HalfPrecision  any `json:"use_cuda_fp16"`
	UseExllama     any `json:"use_exllama"`
	NoExllama      any `json:"disable_exllama"`
	Exllama        any `json:"exllama_config"`
}

// ones is 1 in each code of a word, by bits.
var ones = map[int]uint32{2: 0x55555555, 4: 0x11111111, 8: 0x01010101}

func openGPTQ(l *layer, bits, size int, actOrder, lessOne bool) *Weight {
	if !l.has("qweight") {
		return nil
	}
	if size == -1 {
		size = l.cols
	}
	per := 32 / bits // codes of a word
	if l.cols%per != 0 || l.rows%per != 0 {
		l.errorf("tensor %s: %dx%d, expected multiples of %d, the codes of a word", l.name, l.rows, l.cols, per)
		return nil
	}
	groups := (l.cols + size - 1) / size
	codes := l.tensor("qweight", []int{l.cols / per, l.rows}, tensor.I32)
	zeros := l.tensor("qzeros", []int{groups, l.rows / per}, tensor.I32)
	g := gridOf(l.tensor("scales", []int{groups, l.rows}, floats...), func(row, group int) int { return group*l.rows + row }, groups, size)
	if actOrder || l.has("g_idx") {
		g.index = l.tensor("g_idx", []int{l.cols}, tensor.I32)
		for j := range l.cols {
			if l.err != nil {
				return nil
			}
			if k := int32(word(g.index, j)); k < 0 || int(k) >= groups {
				l.errorf("tensor %s: group %d of column %d, expected 0 to %d", g.index.Name, k, j, groups-1)
			}
		}
	}
	l.zeroBias()
	mask, add := uint32(1)<<bits-1, uint32(0)
	if lessOne {
		add = ones[bits] // to the whole word, as it is taken off: a zero point of 0 borrows from the next
	}
	g.zero = func(row, group int) float32 {
		return float32((word(zeros, group*(l.rows/per)+row/per) + add) >> (row % per * bits) & mask)
	}
	rows := l.rows
	read := func(dst tensor.Matrix, from int) {
		for k := range dst.Cols / per {
			for i := range dst.Rows {
				w := word(codes, k*rows+from+i)
				row := dst.Row(i)[k*per:][:per]
				for j := range row {
					row[j] = float32(w >> (j * bits) & mask)
				}
			}
		}
	}
	return &Weight{read, g.apply}
}

// zeroBias takes a bias that is 0, which AutoGPTQ wrote for layers that have none.
func (l *layer) zeroBias() {
	if t, ok := l.file.Tensor(l.base + "bias"); ok && !slices.ContainsFunc(t.Data, func(b byte) bool { return b != 0 }) {
		l.read = append(l.read, t)
	}
}
