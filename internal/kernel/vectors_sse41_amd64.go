//go:build amd64 && !purego

package kernel

import "unsafe"

//go:noescape
func dot8SSE41(x, y *float32, n int) float32

//go:noescape
func distance4SSE41(x, y *float32, n int) float32

//go:noescape
func dotBytes16SSE41(x, y *byte, n int, flip byte) int32

// sse41Vectors are those of plain Go but for the products that search is made of.
var sse41Vectors = func() vectors {
	v := genericVectors
	v.dotFloat32, v.squareFloat32, v.distanceFloat32 = dotFloat32SSE41, squareFloat32SSE41, distanceFloat32SSE41
	v.dotInt8, v.squareInt8 = dotInt8SSE41, squareInt8SSE41
	return v
}()

func dotFloat32SSE41(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, _ byte) (a, b, c, d float32) {
	return fourOf(query, rows, stride, steps, tailQuery, tailRows, 64, func(x, y unsafe.Pointer, bytes int) float32 {
		return dot8SSE41((*float32)(x), (*float32)(y), bytes/4)
	})
}

func squareFloat32SSE41(_, rows unsafe.Pointer, stride, steps int, _, tailRows unsafe.Pointer, _ byte) (a, b, c, d float32) {
	return fourOf(rows, rows, stride, steps, tailRows, tailRows, 64, func(_, y unsafe.Pointer, bytes int) float32 {
		return dot8SSE41((*float32)(y), (*float32)(y), bytes/4)
	})
}

func distanceFloat32SSE41(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, _ byte) (a, b, c, d float32) {
	return fourOf(query, rows, stride, steps, tailQuery, tailRows, 64, func(x, y unsafe.Pointer, bytes int) float32 {
		return distance4SSE41((*float32)(x), (*float32)(y), bytes/4)
	})
}

func dotInt8SSE41(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	return fourOf(query, rows, stride, steps, tailQuery, tailRows, 16, func(x, y unsafe.Pointer, bytes int) int32 {
		return dotBytes16SSE41((*byte)(x), (*byte)(y), bytes, flip)
	})
}

func squareInt8SSE41(_, rows unsafe.Pointer, stride, steps int, _, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	return fourOf(rows, rows, stride, steps, tailRows, tailRows, 16, func(_, y unsafe.Pointer, bytes int) int32 {
		return dotBytes16SSE41((*byte)(y), (*byte)(y), bytes, flip)
	})
}

// fourOf returns what one makes of a query and each of four rows, see fourFloats, whose steps are
// of so many bytes.
func fourOf[E float32 | int32](query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, bytes int, one func(x, y unsafe.Pointer, bytes int) E) (a, b, c, d E) {
	var result [4]E
	for i := range result {
		if steps > 0 {
			result[i] = one(query, unsafe.Add(rows, i*stride), steps*bytes)
		}
		if tailQuery != nil {
			result[i] += one(tailQuery, unsafe.Add(tailRows, i*bytes), bytes)
		}
		if stride == 0 {
			break
		}
	}
	return result[0], result[1], result[2], result[3]
}
