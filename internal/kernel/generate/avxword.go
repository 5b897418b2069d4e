package main

// loadColumns loads word k of the columns.
func (l level) loadColumns(w *asm, k int) {
	for h := range 2 {
		w.line("VMOVUPS %d(BX), %s", k*4*panel+h*4*l.lanes, l.b(h))
	}
}

// float32Word adds the product of one term.
func (l level) float32Word(w *asm, m, k int) {
	l.loadColumns(w, k)
	l.multiplyRows(w, m, k, "")
}

// multiplyRows adds the columns at hand times each row's word, of which the
// instruction takes one half, %[1]s, where it is not empty.
func (l level) multiplyRows(w *asm, m, k int, half string) {
	for r := range m {
		w.line("VBROADCASTSS %d(AX), %s", r*16+k*4, l.a(r))
		if half != "" {
			w.line(half, l.a(r))
		}
		for h := range 2 {
			w.line("VFMADD231PS %s, %s, %s", l.b(h), l.a(r), l.acc(r, h))
		}
	}
}

// bfloat16Halves adds the products of two terms, each as a float32: the high one
// first, as VDPBF16PS does.
func (l level) bfloat16Halves(w *asm, m, k int) {
	high := "VPAND highHalf<>(SB), %[1]s, %[1]s"
	if l.register == "Z" {
		high = "VPANDD.BCST highHalf<>(SB), %[1]s, %[1]s"
	}
	for _, half := range []string{high, "VPSLLD $16, %[1]s, %[1]s"} {
		l.loadColumns(w, k)
		for h := range 2 {
			w.line(half, l.b(h))
		}
		l.multiplyRows(w, m, k, half)
	}
}

// bfloat16Dot adds the products of two terms, the high one first, in one instruction.
// A panel and a tile's rows are a little more than the first cache at the widths
// of small models: the panel is prefetched into it.
func (l level) bfloat16Dot(w *asm, m, k int) {
	l.loadColumns(w, k)
	for line := 0; line < 4*panel; line += 64 {
		w.line("PREFETCHT0 %d(BX)", k*4*panel+line+ahead)
	}
	for r := range m {
		w.line("VBROADCASTSS %d(AX), %s", r*16+k*4, l.a(r))
		for h := range 2 {
			w.zmm(vdpbf16ps, 2*l.rows+h, 2*l.rows+2+r%2, 2*r+h)
		}
	}
}

// ahead is how far a panel is prefetched, in bytes.
const ahead = 1024
