package main

import "fmt"

// An op is a vector instruction that Go's arm64 assembler does not have: its
// encoding with all registers 0, and how GNU's assembler writes it, as a format
// of its registers, the destination first.
type op struct {
	word uint32
	text string
}

// Operations on four float32s.
var (
	fmla  = op{0x4e20cc00, "fmla v%d.4s, v%d.4s, v%d.4s"} // fused, as is fmls, which subtracts the product
	fmls  = op{0x4ea0cc00, "fmls v%d.4s, v%d.4s, v%d.4s"}
	fadd  = op{0x4e20d400, "fadd v%d.4s, v%d.4s, v%d.4s"}
	fsub  = op{0x4ea0d400, "fsub v%d.4s, v%d.4s, v%d.4s"}
	fmul  = op{0x6e20dc00, "fmul v%d.4s, v%d.4s, v%d.4s"}
	fdiv  = op{0x6e20fc00, "fdiv v%d.4s, v%d.4s, v%d.4s"}
	fmax  = op{0x4e20f400, "fmax v%d.4s, v%d.4s, v%d.4s"} // a NaN where either is one, as fmin
	fmin  = op{0x4ea0f400, "fmin v%d.4s, v%d.4s, v%d.4s"}
	fneg  = op{0x6ea0f800, "fneg v%d.4s, v%d.4s"}
	fabs  = op{0x4ea0f800, "fabs v%d.4s, v%d.4s"}
	faddp = op{0x7e30d800, "faddp s%d, v%d.2s"} // the sum of the lower two
	fmaxv = op{0x6e30f800, "fmaxv s%d, v%d.4s"} // the largest of four
	dup   = op{0x4e040400, "dup v%d.4s, v%d.s[0]"}
	ext8  = op{0x6e004000, "ext v%d.16b, v%d.16b, v%d.16b, #8"} // the upper half, then the other's lower one
	shl23 = op{0x4f375400, "shl v%d.4s, v%d.4s, #23"}

	// Comparisons give ones where they hold; never with a NaN.
	fcmgt  = op{0x6ea0e400, "fcmgt v%d.4s, v%d.4s, v%d.4s"}
	fcmeq  = op{0x4e20e400, "fcmeq v%d.4s, v%d.4s, v%d.4s"}
	fcmeq0 = op{0x4ea0d800, "fcmeq v%d.4s, v%d.4s, #0.0"}
	fcmgt0 = op{0x4ea0c800, "fcmgt v%d.4s, v%d.4s, #0.0"}
	fcmlt0 = op{0x4ea0e800, "fcmlt v%d.4s, v%d.4s, #0.0"}

	fmlaLane = op{0x4f801000, "fmla v%d.4s, v%d.4s, v%d.s[%d]"}
)

// Operations on bits.
var (
	move = op{0x4ea01c00, "mov v%d.16b, v%d.16b"} // see asm.move
	zero = op{0x4f000400, "movi v%d.4s, #0x0"}
	and  = op{0x4e201c00, "and v%d.16b, v%d.16b, v%d.16b"}
	bic  = op{0x4e601c00, "bic v%d.16b, v%d.16b, v%d.16b"} // first and not second
	orr  = op{0x4ea01c00, "orr v%d.16b, v%d.16b, v%d.16b"}
	eor  = op{0x6e201c00, "eor v%d.16b, v%d.16b, v%d.16b"}
	bit  = op{0x6ea01c00, "bit v%d.16b, v%d.16b, v%d.16b"} // first where second has ones
)

// do writes an instruction: destination, first source, second source. An op that
// selects a lane of its second source has its number as a fourth operand.
func (a *asm) do(o op, operands ...int) {
	word := o.word
	shifts := []int{0, 5, 16}
	args := make([]any, len(operands))
	for i, v := range operands {
		args[i] = v
		if i < 3 {
			word |= uint32(v) << shifts[i]
		} else {
			word |= uint32(v&1)<<21 | uint32(v>>1)<<11
		}
	}
	a.line("WORD $0x%08x // %s", word, fmt.Sprintf(o.text, args...))
}

// move copies a register, which is the logical or with itself.
func (a *asm) move(dst, src int) {
	o := move
	o.word |= uint32(src) << 16
	a.do(o, dst, src)
}

// neonFiles are the files of arm64.
var neonFiles = map[string]func(dir string) []byte{
	"products_tile_neon_arm64.s":          neonTiles(0),
	"products_tile_bfloat16_neon_arm64.s": neonTiles(1),
	"products_tile_int8_neon_arm64.s":     neonTiles(2),
	"products_tile_int8_sdot_arm64.s":     neonTiles(3),
	"products_tile_int8_usmmla_arm64.s":   neonTiles(4),
	"products_tile_int4_neon_arm64.s":     neonInt4(0),
	"products_tile_int4_sdot_arm64.s":     neonInt4(1),
	"products_tiles_arm64.go":             neonDeclarations,
	"rows_neon_arm64.s":                   neonElementwise,
	"products_bfloat16_neon_arm64.s":      neonBFloat16,
	"products_int8_neon_arm64.s":          neonInt8,
	"vectors_neon_arm64.s":                neonVectors,
	"vectors_distance_neon_arm64.s":       neonDistance,
}
