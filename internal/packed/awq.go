package packed

import (
	"github.com/rhumb-go/rhumb/tensor"
)

// parseAWQ reads the weights of AutoAWQ 0.2.9 in its version "gemm" (arXiv:2306.00978),
// modules/linear/gemm.py and utils/packing_utils.py there: qweight has the codes of 8 outputs in a word, inputs × outputs/8,
// qzeros those of the zero points, groups × outputs/8; scales are groups × outputs.
func parseAWQ(data []byte) (*Format, error) {
	c := struct {
		method
		Bits      int     `json:"bits"`
		GroupSize int     `json:"group_size"`
		ZeroPoint bool    `json:"zero_point"`
		Format    string  `json:"format"`
		Version   *string `json:"version"` // the older name
		Backend   string  `json:"backend"`
		Skipped   any     `json:"modules_to_not_convert"` // the file says which layers have codes
		Fuse      any     `json:"do_fuse"`
		FuseMost  any     `json:"fuse_max_seq_len"`
		Fused     any     `json:"modules_to_fuse"`
		Exllama   any     `json:"exllama_config"`
		DescAct   bool    `json:"desc_act"`
		Sym       any     `json:"sym"`
	}{Bits: 4, GroupSize: 128, ZeroPoint: true, Format: "gemm"}
	ignored, err := decode(data, &c)
	if err != nil {
		return nil, err
	}
	if c.Version != nil {
		c.Format = *c.Version
	}
	if c.GroupSize != -1 {
		err = positive("group_size", c.GroupSize)
	}
	for _, e := range []error{
		only("bits", c.Bits, 4), only("version", c.Format, "gemm", "GEMM"), only("zero_point", c.ZeroPoint, true),
		only("desc_act", c.DescAct, false), err,
	} {
		if e != nil {
			return nil, e
		}
	}
	if c.Backend == "llm-awq" { // which says the format too
		return nil, only("backend", c.Backend, "autoawq")
	}
	return &Format{name: "AWQ, 4 bits", ignored: ignored, open: func(l *layer) *Weight { return openAWQ(l, c.GroupSize) }}, nil
}

// awqPlace is where in a word the code of each of its outputs is.
var awqPlace = [8]int{0, 4, 1, 5, 2, 6, 3, 7}

func openAWQ(l *layer, size int) *Weight {
	if !l.has("qweight") {
		return nil
	}
	if size == -1 {
		size = l.cols
	}
	l.divides(size)
	if l.rows%8 != 0 {
		l.errorf("tensor %s: %d rows, expected a multiple of 8, the codes of a word", l.name, l.rows)
	}
	groups, words := l.cols/size, l.rows/8
	codes := l.tensor("qweight", []int{l.cols, words}, tensor.I32)
	zeros := l.tensor("qzeros", []int{groups, words}, tensor.I32)
	rows := l.rows
	g := gridOf(l.tensor("scales", []int{groups, rows}, floats...), func(row, group int) int { return group*rows + row }, groups, size)
	code := func(t tensor.Tensor, line, row int) float32 {
		return float32(word(t, line*words+row/8) >> (4 * awqPlace[row%8]) & 15)
	}
	g.zero = func(row, group int) float32 { return code(zeros, group, row) }
	read := func(dst tensor.Matrix, from int) {
		for j := range dst.Cols {
			for i := range dst.Rows {
				dst.Row(i)[j] = code(codes, j, from+i)
			}
		}
	}
	return &Weight{read, g.apply}
}
