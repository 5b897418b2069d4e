// Package weight holds the weights of linear layers in fewer bits, in memory and as
// the tensors of a file.
package weight

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// kernels serve every call: their conversions have the same bits in every set.
var kernels = kernel.Best()

// A Scheme is how the weights of linear layers are stored in fewer bits. The zero
// Scheme is none: floats.
type Scheme uint8

const (
	Int8 Scheme = iota + 1 // 8 bits each, a float32 scale for each row; some columns may be float32s
	Int4                   // 4 bits each, a bfloat16 scale for each 32 columns of a row
)

// Schemes returns all.
func Schemes() []Scheme { return []Scheme{Int8, Int4} }

// String returns the name of s: "int8" or "int4".
func (s Scheme) String() string {
	switch s {
	case Int8:
		return "int8"
	case Int4:
		return "int4"
	}
	return fmt.Sprintf("Scheme(%d)", uint8(s))
}

// parseScheme returns the Scheme of that name.
func parseScheme(name string) (Scheme, error) {
	for _, s := range Schemes() {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("scheme: unknown %q, expected %v or %v", name, Int8, Int4)
}

// A Matrix is the weight of a linear layer, rows×columns, in fewer bits.
//
// In Int8 element j of row i is Codes[i·Cols+j], an int8, times Scales[i]: the
// elements over the scale, rounded to the nearest, where the largest magnitude of the row has
// the code ±127. Columns among Outliers are left out of that, have the code 0 and are as they
// were: element j of row i is Kept[i·len(Outliers)+o] where Outliers[o] is j.
//
// In Int4 a row has groups of 32 columns, the last of which may be short: 16 bytes
// of codes and a scale each. In the 4 bytes for 8 columns byte i has column i in its
// low half and column i+4 in its high half. Element j of row i is its code, 0 to 15,
// less 8, times Scales[i·groups+j/32]. How they are chosen is written at
// kernel.Set.QuantizeInt4: the best of four scales by least squares, in bfloat16.
type Matrix struct {
	Scheme     Scheme
	Rows, Cols int
	Codes      []byte
	Scales     []float32
	Outliers   []int // ascending; none in Int4
	Kept       []float32

	columns kernel.Panels // of Int8: which are quantized
}

// NewMatrix returns a Matrix whose rows are to be set. The columns that stay as they
// are, none in Int4, are ascending.
func NewMatrix(s Scheme, rows, cols int, outliers ...int) *Matrix {
	m := &Matrix{Scheme: s, Rows: rows, Cols: cols, Outliers: outliers}
	m.Codes, m.Scales = make([]byte, rows*m.rowBytes()), make([]float32, rows*m.groups())
	if s == Int8 {
		m.Kept = make([]float32, rows*len(outliers))
		m.columns.ResizeInt8(cols, 0, outliers)
	}
	return m
}

// groups returns the scales of a row.
func (m *Matrix) groups() int {
	if m.Scheme == Int4 {
		return kernel.Int4Groups(m.Cols)
	}
	return 1
}

// rowBytes returns the bytes of codes of a row.
func (m *Matrix) rowBytes() int {
	if m.Scheme == Int4 {
		return m.groups() * kernel.Int4GroupBytes
	}
	return m.Cols
}

// Row returns the codes and the scales of row i, which they alias.
func (m *Matrix) Row(i int) (codes []byte, scales []float32) {
	n, groups := m.rowBytes(), m.groups()
	return m.Codes[i*n : (i+1)*n : (i+1)*n], m.Scales[i*groups : (i+1)*groups : (i+1)*groups]
}

// KeptRow returns the outliers of row i, which they alias.
func (m *Matrix) KeptRow(i int) []float32 {
	n := len(m.Outliers)
	return m.Kept[i*n : (i+1)*n : (i+1)*n]
}

// QuantizeRow sets row i to w, which has as many elements as m has columns. A NaN or
// an infinity is an error. Rows may be set at the same time.
func (m *Matrix) QuantizeRow(i int, w []float32) (err error) {
	codes, scales := m.Row(i)
	if err = quant.Finite(w); err != nil {
		return err
	}
	if m.Scheme == Int4 {
		kernels.QuantizeInt4(codes, scales, w)
	} else {
		scales[0] = kernels.QuantizeInt8(&m.columns, codes, m.KeptRow(i), w)
	}
	return nil
}

// DequantizeRow writes the elements of row i to dst, rounded to float32 in Int8, exactly in Int4.
func (m *Matrix) DequantizeRow(dst []float32, i int) {
	codes, scales := m.Row(i)
	if m.Scheme == Int4 {
		kernel.DequantizeInt4(dst[:m.Cols], codes, scales)
		return
	}
	for j, c := range codes {
		dst[j] = float32(int8(c)) * scales[0]
	}
	for o, v := range m.KeptRow(i) {
		dst[m.Outliers[o]] = v
	}
}

// ScaleName returns the name of the tensor with the scales of the weight of that name.
func ScaleName(weight string) string { return weight + "_scale" }

// codesTensor returns the dtype and the shape in which the codes are stored,
// scalesTensor those of the scales.
func (m *Matrix) codesTensor() (tensor.DType, []int) {
	if m.Scheme == Int4 {
		return tensor.U8, []int{m.Rows, m.rowBytes()}
	}
	return tensor.I8, []int{m.Rows, m.Cols}
}

func (m *Matrix) scalesTensor() (tensor.DType, []int) {
	if m.Scheme == Int4 {
		return tensor.BF16, []int{m.Rows, m.groups()}
	}
	return tensor.F32, []int{m.Rows}
}

// Tensors returns m as it is stored, under the weight's name: the codes, which
// alias m, as I8 in the weight's shape, or as U8 (rows × bytes of a row) in Int4, and
// the scales as F32 (rows), or as BF16 (rows × groups) in Int4.
func (m *Matrix) Tensors(weight string) (codes, scales tensor.Tensor) {
	codes = tensor.Tensor{Name: weight, Data: m.Codes}
	codes.DType, codes.Shape = m.codesTensor()
	scales.Name = ScaleName(weight)
	scales.DType, scales.Shape = m.scalesTensor()
	for _, s := range m.Scales {
		if bits := math.Float32bits(s); m.Scheme == Int4 {
			scales.Data = binary.LittleEndian.AppendUint16(scales.Data, uint16(bits>>16))
		} else {
			scales.Data = binary.LittleEndian.AppendUint32(scales.Data, bits)
		}
	}
	return codes, scales
}

// FromTensors returns the Matrix of rows×cols that Tensors stored. It aliases codes.
// Another dtype or shape is an error.
func FromTensors(s Scheme, rows, cols int, codes, scales tensor.Tensor) (*Matrix, error) {
	m := &Matrix{Scheme: s, Rows: rows, Cols: cols, Codes: codes.Data}
	check := func(t tensor.Tensor, dtype tensor.DType, shape []int) error {
		if t.DType != dtype || !slices.Equal(t.Shape, shape) {
			return fmt.Errorf("tensor %s: %v of shape %v, expected %v of shape %v: %dx%d in %v", t.Name, t.DType, t.Shape, dtype, shape, rows, cols, s)
		}
		return nil
	}
	dtype, shape := m.codesTensor()
	if err := check(codes, dtype, shape); err != nil {
		return nil, err
	}
	dtype, shape = m.scalesTensor()
	if err := check(scales, dtype, shape); err != nil {
		return nil, err
	}
	m.Scales = make([]float32, scales.Len())
	return m, scales.Float32s(m.Scales)
}

// OutlierNames returns the names of the tensors with the columns that are outliers
// of the weight of that name, and with their elements.
func OutlierNames(weight string) (columns, kept string) {
	return weight + "_outlier_columns", weight + "_outliers"
}

// OutlierTensors returns the outliers of m as they are stored, if there are any, under
// the weight's name: their columns as I32, and their elements as F32 (rows × outliers).
func (m *Matrix) OutlierTensors(weight string) []tensor.Tensor {
	n := len(m.Outliers)
	if n == 0 {
		return nil
	}
	columns := tensor.Tensor{DType: tensor.I32, Shape: []int{n}}
	kept := tensor.Tensor{DType: tensor.F32, Shape: []int{m.Rows, n}}
	columns.Name, kept.Name = OutlierNames(weight)
	for _, j := range m.Outliers {
		columns.Data = binary.LittleEndian.AppendUint32(columns.Data, uint32(j))
	}
	for _, v := range m.Kept {
		kept.Data = binary.LittleEndian.AppendUint32(kept.Data, math.Float32bits(v))
	}
	return []tensor.Tensor{columns, kept}
}

// ReadOutliers sets the outliers of m, which is in Int8 and has none, to what
// OutlierTensors stored. Another dtype or shape is an error, and so are columns that
// are not ascending or not there, with which m stays as it is.
func (m *Matrix) ReadOutliers(columns, kept tensor.Tensor) error {
	n := columns.Len()
	if columns.DType != tensor.I32 || len(columns.Shape) != 1 || n > m.Cols || len(columns.Data) != 4*n {
		return fmt.Errorf("tensor %s: %v of shape %v, expected I32 of one dimension, %d at most", columns.Name, columns.DType, columns.Shape, m.Cols)
	}
	if kept.DType != tensor.F32 || !slices.Equal(kept.Shape, []int{m.Rows, n}) {
		return fmt.Errorf("tensor %s: %v of shape %v, expected F32 of shape %v", kept.Name, kept.DType, kept.Shape, []int{m.Rows, n})
	}
	outliers := make([]int, n)
	for i := range outliers {
		j := int(int32(binary.LittleEndian.Uint32(columns.Data[4*i:])))
		if j < 0 || j >= m.Cols || i > 0 && j <= outliers[i-1] {
			return fmt.Errorf("tensor %s: column %d, expected ascending numbers from 0 to %d", columns.Name, j, m.Cols-1)
		}
		outliers[i] = j
	}
	m.Outliers, m.Kept = outliers, make([]float32, kept.Len())
	return kept.Float32s(m.Kept)
}

// Method is what config.json says of weights that Tensors stored, beside their version.
const Method = "rhumb"

const version = 1

// A config is the quantization_config of a config.json.
type config struct {
	Method  string `json:"quant_method"`
	Version int    `json:"version"`
	Scheme  string `json:"scheme"`
}

// MarshalJSON returns the quantization_config for a config.json.
func (s Scheme) MarshalJSON() ([]byte, error) {
	return json.Marshal(config{Method, version, s.String()})
}

// UnmarshalJSON reads a quantization_config: null is none. Another method or
// version is an error.
func (s *Scheme) UnmarshalJSON(data []byte) (err error) {
	*s = 0
	if string(data) == "null" {
		return nil
	}
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("quantization_config: %w", err)
	}
	if c.Method != Method || c.Version != version {
		return unsupported.Errorf("quantization_config: found quantized weights, expected none or those of quant_method %q, version %d", Method, version)
	}
	if *s, err = parseScheme(c.Scheme); err != nil {
		return fmt.Errorf("quantization_config: %w", err)
	}
	return nil
}
