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
	l.multiplyRows(w, m, 16, 4*k)
}

// multiplyRows adds the columns at hand times each row's term, from bytes on in its step of
// so many bytes.
func (l level) multiplyRows(w *asm, m, step, from int) {
	for r := range m {
		w.line("VBROADCASTSS %d(AX), %s", r*step+from, l.a(r))
		for h := range 2 {
			w.line("VFMADD231PS %s, %s, %s", l.b(h), l.a(r), l.acc(r, h))
		}
	}
}

// bfloat16Halves adds the products of two terms, each as a float32: the high one
// first, as VDPBF16PS does. Those of the rows are float32s in memory.
func (l level) bfloat16Halves(w *asm, m, k int) {
	high := "VPAND highHalf<>(SB), %[1]s, %[1]s"
	if l.register == "Z" {
		high = "VPANDD.BCST highHalf<>(SB), %[1]s, %[1]s"
	}
	for i, half := range []string{high, "VPSLLD $16, %[1]s, %[1]s"} {
		l.loadColumns(w, k)
		for h := range 2 {
			w.line(half, l.b(h))
		}
		l.multiplyRows(w, m, 32, 8*k+4-4*i)
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
