//go:build amd64 && !purego

package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unsafe"
)

// A tileModel runs the assembly of AMX's tiles where no CPU does: it reads the lines
// of the committed files, decodes what they give as bytes, and does what Intel's
// Software Developer's Manual says in volume 2 of each instruction, its faults as
// panics. It touches only memory that a tile may touch.
type tileModel struct {
	code   []line
	labels map[string]int // their places in code

	registers [16]uint64
	zero      bool // the flag
	memory    []span
	config    *tileConfig // nil = there is none
	tiles     [8][16][64]byte
}

// A line is an instruction: its name and operands, or its bytes.
type line struct {
	name     string
	operands []string
	bytes    []byte
}

// A span is memory that may be read or written.
type span struct {
	at    uint64
	bytes []byte
	write bool
}

// tileArguments lie in memory as those of a tile's kernel.
type tileArguments struct {
	config           *tileConfig
	c                *float32
	ldc              int
	a, b, last, bias *float32
	blocks, m        int
	next             *float32
	r                run
}

var registerNumbers = map[string]int{"AX": 0, "CX": 1, "DX": 2, "BX": 3, "SI": 6, "DI": 7,
	"R8": 8, "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13}

// modelTiles returns the tiles of a file, named by their shape and a suffix, to be
// run by models.
func modelTiles(file, suffix string) *amxTiles {
	source, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	var t amxTiles
	for i := range 2 {
		for j := range 2 {
			t[i][j] = modelTile(string(source), fmt.Sprintf("tile%dx%d%s", 16*(i+1), 16*(j+1), suffix))
		}
	}
	return &t
}

func modelTile(source, name string) func(config *tileConfig, c *float32, ldc int, a, b, last, bias *float32, blocks, m int, next *float32, r run) {
	_, body, found := strings.Cut(source, "\nTEXT ·"+name+"(SB), NOSPLIT, $0-136\n")
	if !found {
		panic("no function " + name)
	}
	body, _, _ = strings.Cut(body, "\n\n//")
	var code []line
	labels := map[string]int{}
	for text := range strings.Lines(body) {
		text, _, _ = strings.Cut(text, "//")
		text = strings.TrimSpace(text)
		if label, ok := strings.CutSuffix(text, ":"); ok {
			labels[label] = len(code)
			continue
		}
		op, rest, _ := strings.Cut(text, " ")
		l := line{name: op}
		switch op {
		case "", "PREFETCHT1": // which changes nothing
			continue
		case "BYTE":
			for part := range strings.SplitSeq(text, ";") {
				v, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(part), "BYTE $0x"), 16, 8)
				if err != nil {
					panic(err)
				}
				l.bytes = append(l.bytes, byte(v))
			}
		default:
			for operand := range strings.SplitSeq(rest, ",") {
				l.operands = append(l.operands, strings.TrimSpace(operand))
			}
		}
		code = append(code, l)
	}
	return func(config *tileConfig, c *float32, ldc int, a, b, last, bias *float32, blocks, m int, next *float32, r run) {
		x := &tileModel{code: code, labels: labels}
		x.run(&tileArguments{config, c, ldc, a, b, last, bias, blocks, m, next, r})
	}
}

// permit lets so many words at p be read, or written.
func (x *tileModel) permit(p *float32, words int, write bool) {
	if words > 0 {
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(p)), 4*words)
		x.memory = append(x.memory, span{uint64(uintptr(unsafe.Pointer(p))), bytes, write})
	}
}

func (x *tileModel) run(args *tileArguments) {
	n := int(args.config.rowBytes[0]+args.config.rowBytes[1]) / 4
	blocks := args.blocks
	x.permit((*float32)(unsafe.Pointer(args.config)), 16, false)
	if args.last != nil {
		x.permit(args.last, 16*Panel, false)
		blocks++
	}
	for i := range args.r.count {
		x.permit(add(args.a, i*args.r.a), 16*blocks*args.m, false)
		if i == 0 || args.r.b != 0 {
			x.permit(add(args.b, i*args.r.b), 16*args.blocks*Panel, false)
		}
		x.permit(add(args.bias, i*args.r.bias), n, false)
		for row := range args.m {
			x.permit(add(args.c, i*args.r.c+row*args.ldc), n, true)
		}
	}
	frame := unsafe.Slice((*byte)(unsafe.Pointer(args)), unsafe.Sizeof(*args))
	steps := 0
	for at := 0; ; at++ {
		l := x.code[at]
		if steps++; steps > 1<<22 {
			panic("endless")
		}
		if l.bytes != nil {
			x.decode(l.bytes)
			continue
		}
		value := func(i int) uint64 { return x.value(l.operands[i], frame) }
		to := func(i int) *uint64 { return &x.registers[register(l.operands[i])] }
		jump := false
		switch l.name {
		case "MOVQ":
			*to(1) = value(0)
		case "ADDQ":
			*to(1) += value(0)
			x.zero = *to(1) == 0
		case "SHLQ":
			*to(1) <<= value(0)
			x.zero = *to(1) == 0
		case "DECQ":
			*to(0)--
			x.zero = *to(0) == 0
		case "TESTQ":
			x.zero = value(0)&value(1) == 0
		case "LEAQ":
			*to(1) = x.address(l.operands[0])
		case "JZ":
			jump = x.zero
		case "JNZ":
			jump = !x.zero
		case "JMP":
			jump = true
		case "RET":
			if x.config != nil {
				panic("tile registers in use at the end")
			}
			return
		default:
			panic("unknown instruction " + l.name)
		}
		if jump {
			place, ok := x.labels[l.operands[0]]
			if !ok {
				panic("no label " + l.operands[0])
			}
			at = place - 1
		}
	}
}

func register(name string) int {
	number, ok := registerNumbers[name]
	if !ok {
		panic("unknown register " + name)
	}
	return number
}

var (
	argument = regexp.MustCompile(`^\w+\+(\d+)\(FP\)$`)
	scaled   = regexp.MustCompile(`^\((\w+)\)\((\w+)\*(\d)\)$`)
)

// value returns what an operand is: a number, an argument or a register.
func (x *tileModel) value(operand string, frame []byte) uint64 {
	if number, ok := strings.CutPrefix(operand, "$"); ok {
		v, err := strconv.ParseUint(number, 0, 32)
		if err != nil {
			panic(err)
		}
		return v
	}
	if m := argument.FindStringSubmatch(operand); m != nil {
		offset, _ := strconv.Atoi(m[1])
		return binary.LittleEndian.Uint64(frame[offset:])
	}
	return x.registers[register(operand)]
}

func (x *tileModel) address(operand string) uint64 {
	m := scaled.FindStringSubmatch(operand)
	if m == nil {
		panic("unknown address " + operand)
	}
	scale, _ := strconv.ParseUint(m[3], 10, 8)
	return x.registers[register(m[1])] + x.registers[register(m[2])]*scale
}

// bytes returns so many bytes of memory.
func (x *tileModel) bytes(at uint64, n int, write bool) []byte {
	for _, s := range x.memory {
		if from := at - s.at; at >= s.at && from+uint64(n) <= uint64(len(s.bytes)) && s.write == write {
			return s.bytes[from:][:n]
		}
	}
	panic(fmt.Sprintf("%d bytes at %#x are not the tile's", n, at))
}

// decode runs an instruction of VEX.128.0F38.W0.
func (x *tileModel) decode(code []byte) {
	if len(code) < 5 || code[0] != 0xc4 || code[1]&31 != 2 || code[2]&0x84 != 0 {
		panic(fmt.Sprintf("#UD: % x", code))
	}
	extend := func(bit int) int { return int(^code[1]>>bit&1) << 3 } // R, X and B
	vvvv, prefix := int(^code[2]>>3&15), code[2]&3
	mode, reg, rm := code[4]>>6, int(code[4]>>3&7)|extend(7), int(code[4]&7)|extend(5)
	rest := code[5:]
	var base, stride uint64
	sib := mode != 3 && rm&7 == 4
	if mode != 3 {
		from := rm
		if sib {
			index := int(rest[0]>>3&7) | extend(6)
			if index != 4 {
				stride = x.registers[index] << (rest[0] >> 6)
			}
			from, rest = int(rest[0]&7)|extend(5), rest[1:]
		}
		if mode != 2 || from == 4 {
			panic(fmt.Sprintf("address not modeled: % x", code))
		}
		base = x.registers[from] + uint64(int32(binary.LittleEndian.Uint32(rest)))
		rest = rest[4:]
	}
	if len(rest) != 0 {
		panic(fmt.Sprintf("bytes behind the instruction: % x", code))
	}
	type key struct {
		prefix, opcode byte
		memory         bool
	}
	k := key{prefix, code[3], mode != 3}
	if k.opcode == 0x49 || k.opcode == 0x4b {
		if vvvv != 0 {
			panic("#UD: vvvv")
		}
	}
	switch k {
	case key{0, 0x49, true}:
		x.load(x.bytes(base, 64, false), reg)
	case key{0, 0x49, false}: // TILERELEASE
		if reg != 0 || rm != 0 {
			panic("#UD: TILERELEASE")
		}
		x.config, x.tiles = nil, [8][16][64]byte{}
	case key{3, 0x49, false}: // TILEZERO
		x.shape(reg)
		if rm != 0 {
			panic("#UD: TILEZERO")
		}
		x.tiles[reg] = [16][64]byte{}
	case key{3, 0x4b, true}, key{2, 0x4b, true}: // TILELOADD, TILESTORED
		if !sib {
			panic("#UD: no SIB")
		}
		rows, size := x.shape(reg)
		if prefix == 3 {
			x.tiles[reg] = [16][64]byte{}
		}
		for i := range rows {
			memory := x.bytes(base+uint64(i)*stride, size, prefix == 2)
			if prefix == 3 {
				copy(x.tiles[reg][i][:], memory)
			} else {
				copy(memory, x.tiles[reg][i][:])
			}
		}
	case key{2, 0x5c, false}:
		x.multiply(reg, rm, vvvv, rowOfBFloat16s)
	case key{1, 0x5e, false}:
		x.multiply(reg, rm, vvvv, rowOfBytes)
	default:
		panic(fmt.Sprintf("unknown instruction: % x", code))
	}
}

// load is LDTILECFG.
func (x *tileModel) load(memory []byte, reg int) {
	if reg != 0 {
		panic("#UD: LDTILECFG")
	}
	c := new(tileConfig)
	c.palette, c.startRow = memory[0], memory[1]
	for i := range 16 {
		c.rowBytes[i], c.rows[i] = binary.LittleEndian.Uint16(memory[16+2*i:]), memory[48+i]
		if i >= 8 && (c.rowBytes[i] != 0 || c.rows[i] != 0) || c.rowBytes[i] > 64 || c.rows[i] > 16 || (c.rowBytes[i] == 0) != (c.rows[i] == 0) {
			panic(fmt.Sprintf("#GP: tile register %d: %d rows of %d bytes", i, c.rows[i], c.rowBytes[i]))
		}
	}
	for _, v := range memory[2:16] {
		if v != 0 {
			panic("#GP: reserved bytes")
		}
	}
	if c.palette != 1 || c.startRow != 0 {
		panic("#GP: palette or first row")
	}
	x.config, x.tiles = c, [8][16][64]byte{}
}

// shape returns the rows of a tile register and their bytes.
func (x *tileModel) shape(reg int) (rows, bytes int) {
	if x.config == nil || reg >= 8 || x.config.rows[reg] == 0 {
		panic(fmt.Sprintf("#UD: tile register %d", reg))
	}
	return int(x.config.rows[reg]), int(x.config.rowBytes[reg])
}

// multiply adds a·b to a tile register, row by row.
func (x *tileModel) multiply(dst, a, b int, row func(dst, a []byte, b [][64]byte)) {
	dstRows, dstBytes := x.shape(dst)
	aRows, aBytes := x.shape(a)
	bRows, bBytes := x.shape(b)
	if dst == a || dst == b || a == b || dstBytes%4 != 0 || aBytes%4 != 0 || dstRows != aRows || aBytes/4 != bRows || dstBytes != bBytes {
		panic(fmt.Sprintf("#UD: %d×%d += %d×%d · %d×%d", dstRows, dstBytes, aRows, aBytes, bRows, bBytes))
	}
	for i := range dstRows {
		row(x.tiles[dst][i][:dstBytes], x.tiles[a][i][:aBytes], x.tiles[b][:bRows])
	}
}

// rowOfBytes is a row of TDPBUSD.
func rowOfBytes(dst, a []byte, b [][64]byte) {
	for j := 0; j < len(dst); j += 4 {
		sum := int32(binary.LittleEndian.Uint32(dst[j:]))
		for k := range b {
			for t := range 4 {
				sum += int32(a[4*k+t]) * int32(int8(b[k][j+t]))
			}
		}
		binary.LittleEndian.PutUint32(dst[j:], uint32(sum))
	}
}

// rowOfBFloat16s is a row of TDPBF16PS: the low and the high terms are summed by
// themselves.
func rowOfBFloat16s(dst, a []byte, b [][64]byte) {
	for j := 0; j < len(dst); j += 4 {
		var sums [2]float32
		for k := range b {
			for t := range sums {
				x := math.Float32frombits(uint32(binary.LittleEndian.Uint16(a[4*k+2*t:])) << 16)
				y := math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[k][j+2*t:])) << 16)
				sums[t] = normal(fma32(normal(x), normal(y), sums[t]))
			}
		}
		sum := normal(math.Float32frombits(binary.LittleEndian.Uint32(dst[j:])))
		sum = normal(sum + normal(sums[0]+sums[1]))
		binary.LittleEndian.PutUint32(dst[j:], math.Float32bits(sum))
	}
}

// normal returns zero for a number below 2⁻¹²⁶.
func normal(x float32) float32 {
	if bits := math.Float32bits(x); bits&0x7f800000 == 0 {
		return math.Float32frombits(bits & (1 << 31))
	}
	return x
}
