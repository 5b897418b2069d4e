package kernel

import "golang.org/x/sys/cpu"

var features = []feature{
	{"ASIMD", cpu.ARM64.HasASIMD},
	{"ASIMDDP", cpu.ARM64.HasASIMDDP},
	{"I8MM", cpu.ARM64.HasI8MM},
	{"SVE", cpu.ARM64.HasSVE},
	{"SVE2", cpu.ARM64.HasSVE2},
}
