package kernel

import "golang.org/x/sys/cpu"

var features = []feature{
	{"SSE4.1", cpu.X86.HasSSE41},
	{"AVX2", cpu.X86.HasAVX2},
	{"FMA", cpu.X86.HasFMA},
	{"F16C", cpu.X86.HasF16C},
	{"AVX512F", cpu.X86.HasAVX512F},
	{"AVX512BW", cpu.X86.HasAVX512BW},
	{"AVX512DQ", cpu.X86.HasAVX512DQ},
	{"AVX512VL", cpu.X86.HasAVX512VL},
	{"AVX512VNNI", cpu.X86.HasAVX512VNNI},
	{"AVX512BF16", cpu.X86.HasAVX512BF16},
	{"AVXVNNI", cpu.X86.HasAVXVNNI},
	{"AMXTile", cpu.X86.HasAMXTile},
	{"AMXInt8", cpu.X86.HasAMXInt8},
	{"AMXBF16", cpu.X86.HasAMXBF16},
}
