package transformer

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Blocks of Q4_0 of GGUF keep their codes in Int4, whatever the largest of a block is, and their scales, rounded to
// bfloat16; and so do the floats that they stand for, and those rounded to 16 bits.
func TestFourBitsStayInInt4(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	const in, out, block = 96, 20, 32
	blocks := tensor.Tensor{Name: "w", DType: tensor.Q4_0, Shape: []int{out, in}}
	want := make([]float64, out*in)
	for b := range out * in / block {
		d := float16.Fromfloat32(float32(random.NormFloat64()) / 50)
		blocks.Data = binary.LittleEndian.AppendUint16(blocks.Data, d.Bits())
		scale := float64(roundBF16(d.Float32()))
		most := 2 + random.IntN(7) // of its codes
		codes := make([]int, block)
		for i := range codes {
			codes[i] = max(-8, min(7, random.IntN(2*most+1)-most))
			want[b*block+i] = float64(codes[i]) * scale
		}
		for i := range block / 2 {
			blocks.Data = append(blocks.Data, byte(codes[i]+8)|byte(codes[i+16]+8)<<4)
		}
	}
	w := make([]float32, out*in)
	require.NoError(t, blocks.Float32s(w))
	half := tensor.Tensor{Name: "w", DType: tensor.F16, Shape: blocks.Shape}
	for _, v := range w {
		half.Data = binary.LittleEndian.AppendUint16(half.Data, float16.Fromfloat32(v).Bits())
	}
	for name, from := range map[string]tensor.Tensor{"Q4_0": blocks, "float32": tensor.FromFloat32s("w", blocks.Shape, w), "float16": half} {
		for i, v := range int4Weights(from, in, out) {
			// One product of whole numbers, times two scales.
			require.InDelta(t, want[i], v, math.Abs(want[i])*1e-6, "%s: weight %d", name, i)
		}
	}
}

func roundBF16(v float32) float32 {
	b := math.Float32bits(v)
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

// int4Weights returns the weights of a layer that is packed in Int4: its outputs for inputs of one 1 each.
func int4Weights(from tensor.Tensor, in, out int) []float64 {
	set := kernel.Best()
	var l Linear
	l.Resize(kernel.Int4, in, out)
	task := panelTask{set: set, dst: &l, sources: []rowsOf{{tensor: from, to: out}}, memory: make([]packMemory, 1)}
	task.findGrids()
	team := parallel.NewTeam(1)
	defer team.Close()
	team.For(l.Count(), &task)
	x, y := tensor.NewMatrix(in, in), tensor.NewMatrix(in, out)
	for j := range in {
		x.Row(j)[j] = 1
	}
	var rows kernel.Rows
	rows.Resize(set, in, &l)
	for i := range rows.Tiles() {
		set.PackRows(&rows, i, x)
	}
	set.Multiply(y, &rows, 0, rows.Tiles(), &l, 0, l.Count(), 0, kernel.Identity)
	w := make([]float64, 0, out*in)
	for i := range out {
		for j := range in {
			w = append(w, float64(y.Row(j)[i]))
		}
	}
	return w
}
