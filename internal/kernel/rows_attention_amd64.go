//go:build amd64 && !purego

package kernel

// packExponentialsAVX2 and packExponentialsAVX512: see product.packExponentials.
//
//go:noescape
func packExponentialsAVX2(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)

//go:noescape
func packExponentialsAVX512(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)

// divideRowsAVX2: see Set.divideRows.
//
//go:noescape
func divideRowsAVX2(x *float32, ld, rows, cols int, totals *float32)

// addScaledAVX2: see Set.addScaled.
//
//go:noescape
func addScaledAVX2(dst, x *float32, stride, ld, rows, cols int, factors *float32)

// rotateAVX2: see Set.rotate.
//
//go:noescape
func rotateAVX2(heads *float32, count, half int, angles *float32)

// copyPanelAVX2 copies rows of Panel elements, ld apart in src, one behind the
// other to dst.
//
//go:noescape
func copyPanelAVX2(dst, src *float32, ld, rows int)

func interleaveAVX2(dst, src *float32, ld, rows, cols int) {
	if cols < Panel {
		interleaveGeneric(dst, src, ld, rows, cols)
		return
	}
	copyPanelAVX2(dst, src, ld, rows)
}
