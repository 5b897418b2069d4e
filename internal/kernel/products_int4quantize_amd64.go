//go:build amd64 && !purego

package kernel

var int4LoopsAVX2 = int4Loops{int4ScalesAVX2, int4CodesAVX2}

// int4ScalesAVX2 requires AVX2.
//
//go:noescape
func int4ScalesAVX2(scales *[8]float32, x *float32, memory *[8 * int4Group]float32)

// int4CodesAVX2 requires AVX2.
//
//go:noescape
func int4CodesAVX2(codes *byte, x *float32, inverses *[8]float32)
