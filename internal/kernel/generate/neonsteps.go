package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The steps of rows_amd64.h for arm64: the same order, so the same
// result. Where x86 takes the larger or smaller of a value and a constant that
// is not 0, fmax and fmin do the same: a NaN stays.

// A group is registers that go through the same steps, one after the other.
type group []int

// span returns registers from on.
func span(from, n int) group {
	g := make(group, n)
	for i := range g {
		g[i] = from + i
	}
	return g
}

// all writes an instruction for each register of the groups. A group of one
// register stands for as many as the destination has.
func (a *asm) all(o op, groups ...group) {
	for i := range groups[0] {
		operands := make([]int, len(groups))
		for j, g := range groups {
			operands[j] = g[i%len(g)]
		}
		if o == move {
			a.move(operands[0], operands[1])
		} else {
			a.do(o, operands...)
		}
	}
}

// constant loads four copies of a constant to each register of g. R9 is their table.
func (a *asm) constant(g group, name string) {
	at, ok := a.constants[name]
	if !ok {
		at = 16 * len(a.names)
		a.constants[name] = at
		a.names = append(a.names, name)
	}
	for _, r := range g {
		a.line("FMOVQ %d(R9), F%d // %s", at, r, name)
	}
}

// table writes the constants in use, with their bits in rows_amd64.h.
func (a *asm) table(dir string) {
	source, err := os.ReadFile(filepath.Join(dir, "rows_amd64.h"))
	if err != nil {
		log.Fatal(err)
	}
	bits := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^CONST\((\w+), 0x([0-9a-f]{8})\)`).FindAllSubmatch(source, -1) {
		bits[string(m[1])] = string(m[2])
	}
	fmt.Fprintf(a, "\n// Four copies of each constant of rows_amd64.h that is used here.\n")
	for i, name := range a.names {
		if bits[name] == "" {
			log.Fatalf("rows_amd64.h: no constant %s", name)
		}
		for j := range 2 {
			fmt.Fprintf(a, "DATA constants<>+%d(SB)/8, $0x%s // %s\n", 16*i+8*j, strings.Repeat(bits[name], 2), name)
		}
	}
	fmt.Fprintf(a, "GLOBL constants<>(SB), RODATA|NOPTR, $%d\n", 16*len(a.names))
}

// A lane is what the steps of some vectors work with: their values and what they change.
type lane struct{ x, k, p, q, n, b group }

// lanes returns registers from on for size vectors: x is the first ones.
func lanes(from, size int) lane {
	at := func(i int) group { return span(from+i*size, size) }
	return lane{at(0), at(1), at(2), at(3), at(4), at(5)}
}

// polynomial returns the register with that of l.k at x, coefficients from the highest
// degree down. It is p or q, both of which change.
func (a *asm) polynomial(x, p, q group, coefficients ...string) group {
	a.constant(p, coefficients[0])
	for _, c := range coefficients[1:] {
		a.constant(q, c)
		a.all(fmla, q, p, x)
		p, q = q, p
	}
	return p
}

// exp: x = exp(x) for x ≤ 89. Changes k, p, q.
func (a *asm) exp(l lane) {
	a.constant(l.k, "expLow")
	a.all(fmax, l.x, l.x, l.k)
	a.note("n + 127 in the low bits, n = round(x·log₂ e)")
	a.constant(l.k, "round127")
	a.constant(l.q, "log2e")
	a.all(fmla, l.k, l.x, l.q)
	a.constant(l.q, "round127")
	a.all(fsub, l.p, l.k, l.q)
	a.note("r = x - n·ln 2")
	a.constant(l.q, "ln2High")
	a.all(fmls, l.x, l.p, l.q)
	a.constant(l.q, "ln2Low")
	a.all(fmls, l.x, l.p, l.q)
	a.note("2^n: 0 for -127, +∞ for 128")
	a.all(shl23, l.k, l.k)
	a.note("e^r·2^n")
	e := a.polynomial(l.x, l.p, l.q, "exp6", "exp5", "exp4", "exp3", "exp2", "one", "one")
	a.all(fmul, l.x, e, l.k)
}

// logistic: x = n / (1 + exp(x)). Changes k, p, q.
func (a *asm) logistic(l lane) {
	a.constant(l.k, "expHigh")
	a.all(fmin, l.x, l.x, l.k)
	a.exp(l)
	a.note("n / (1 + e^x)")
	a.constant(l.k, "one")
	a.all(fadd, l.x, l.x, l.k)
	a.all(fdiv, l.x, l.n, l.x)
}

// silu: x = x / (1 + exp(-x)). Changes k, p, q, n.
func (a *asm) silu(l lane) {
	a.all(move, l.n, l.x)
	a.all(fneg, l.x, l.x)
	a.logistic(l)
}

// geluTanh: x = x / (1 + exp(-2·√(2/π)·(x + 0.044715·x³))). Changes k, p, q, n.
func (a *asm) geluTanh(l lane) {
	a.all(move, l.n, l.x)
	a.all(fmul, l.k, l.x, l.x)
	cubic := a.polynomial(l.k, l.p, l.q, "cubic3", "cubic1")
	a.all(fmul, l.x, cubic, l.n)
	a.logistic(l)
}

// gelu: x = max(x, 0) - |x|·Φ(-|x|). Changes k, p, q, n, b.
func (a *asm) gelu(l lane) {
	a.note("b = -x, n = max(x, 0), x = a = min(|x|, 10.39)")
	a.all(fneg, l.b, l.x)
	a.all(fcmlt0, l.n, l.x)
	a.all(bic, l.n, l.x, l.n)
	a.all(fabs, l.x, l.x)
	a.constant(l.k, "phiHigh")
	a.all(fmin, l.x, l.x, l.k)
	a.note("b: a for x > 0, |x| for x < 0, so that -∞ gives ∞·0")
	a.all(fmax, l.b, l.b, l.x)
	a.note("y = log₂ Φ(-a), -127 to -1")
	y := a.polynomial(l.x, l.p, l.q, "phi8", "phi7", "phi6", "phi5", "phi4", "phi3", "phi2", "phi1", "phi0")
	a.finePower(l, y)
	a.note("max(x, 0) - b·Φ(-a)")
	a.all(fmls, l.n, l.b, l.k)
	a.all(move, l.x, l.n)
}

// power: k = 2^y for y from -127, which gives 0, to 127, with the coefficients of
// 2^f. Changes x, p, q, in one of which y may be.
func (a *asm) power(l lane, y group, coefficients ...string) {
	a.note("n + 127 in the low bits, n = round(y), and f = y - n")
	a.constant(l.x, "round127")
	a.all(fadd, l.k, y, l.x)
	a.all(fsub, l.x, l.k, l.x)
	a.all(fsub, l.x, y, l.x)
	a.note("2^n: 0 for -127")
	a.all(shl23, l.k, l.k)
	a.note("2^f·2^n")
	f := a.polynomial(l.x, l.p, l.q, coefficients...)
	a.all(fmul, l.k, f, l.k)
}

// finePower is power with the error of POWER2 in rows_amd64.h.
func (a *asm) finePower(l lane, y group) {
	a.power(l, y, "pow6", "pow5", "pow4", "pow3", "pow2", "pow1", "one")
}

// roughPower is power with the error of POWER in rows_amd64.h.
func (a *asm) roughPower(l lane, y group) {
	a.power(l, y, "short3", "short2", "short1", "one")
}

// roughGELU: x = max(x, 0) - a·Φ(-a), a = min(|x|, 5.5). Changes k, p, q, n, b.
func (a *asm) roughGELU(l lane) {
	a.note("n = max(x, 0), b = a")
	a.all(fcmlt0, l.n, l.x)
	a.all(bic, l.n, l.x, l.n)
	a.all(fabs, l.b, l.x)
	a.constant(l.k, "roughHigh")
	a.all(fmin, l.b, l.b, l.k)
	a.note("y = log₂ Φ(-a)")
	a.roughPower(l, a.polynomial(l.b, l.p, l.q, "rough4", "rough3", "rough2", "rough1", "rough0"))
	a.note("max(x, 0) - a·Φ(-a)")
	a.all(fmls, l.n, l.b, l.k)
	a.all(move, l.x, l.n)
}

// relu: x = max(x, 0). Changes k.
func (a *asm) relu(l lane) {
	a.all(fcmlt0, l.k, l.x)
	a.all(bic, l.x, l.x, l.k)
}

// tanh: x = tanh(x). Changes k, p, q, n, b.
func (a *asm) tanh(l lane) {
	a.note("b = the sign of x, x = a = min(|x|, 9.3), k = s = a²")
	a.all(fabs, l.k, l.x)
	a.all(eor, l.b, l.k, l.x)
	a.constant(l.x, "tanhHigh")
	a.all(fmin, l.x, l.x, l.k)
	a.all(fmul, l.k, l.x, l.x)
	a.note("a·P(s) / Q(s), at most 1")
	p := a.polynomial(l.k, l.p, l.q, "tanhP4", "tanhP3", "tanhP2", "tanhP1", "one")
	a.all(fmul, l.x, l.x, p)
	q := a.polynomial(l.k, l.p, l.q, "tanhQ4", "tanhQ3", "tanhQ2", "tanhQ1", "one")
	a.all(fdiv, l.x, l.x, q)
	a.constant(l.k, "one")
	a.all(fmin, l.x, l.x, l.k)
	a.all(orr, l.x, l.x, l.b)
}
