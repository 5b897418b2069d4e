//go:build amd64 && !purego

package kernel

var floatsAVX2 = floatLoops{fromBFloat16AVX2, fromFloat16AVX2}

// fromBFloat16AVX2 requires AVX2.
//
//go:noescape
func fromBFloat16AVX2(dst *float32, src *byte, blocks int)

// fromFloat16AVX2 requires AVX and F16C.
//
//go:noescape
func fromFloat16AVX2(dst *float32, src *byte, blocks int)
