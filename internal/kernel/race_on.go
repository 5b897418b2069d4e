//go:build race

package kernel

import (
	"runtime"
	"unsafe"
)

// The race detector does not see what assembly reads and writes: what calls a bare loop tells
// it, with the lengths and shapes that the loop works on.

// reads tells the race detector that x is read.
func reads[E any](x []E) {
	var one E
	runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(x)), len(x)*int(unsafe.Sizeof(one)))
}

// writes tells the race detector that x is written.
func writes[E any](x []E) {
	var one E
	runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(x)), len(x)*int(unsafe.Sizeof(one)))
}

// readsRows is reads of rows×cols elements of x, ld apart from row to row.
func readsRows(x []float32, ld, rows, cols int) {
	for i := 0; i < rows && cols > 0; i++ {
		reads(x[i*ld:][:cols])
	}
}

// writesRows is writes of rows×cols elements of x, ld apart from row to row.
func writesRows(x []float32, ld, rows, cols int) {
	for i := 0; i < rows && cols > 0; i++ {
		writes(x[i*ld:][:cols])
	}
}
