package kernel

import "golang.org/x/sys/cpu"

// Features returns the names of the CPU's features that kernels use or could use.
func Features() []string {
	var names []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"ASIMD", cpu.ARM64.HasASIMD},
		{"ASIMDDP", cpu.ARM64.HasASIMDDP},
		{"I8MM", cpu.ARM64.HasI8MM},
		{"SVE", cpu.ARM64.HasSVE},
		{"SVE2", cpu.ARM64.HasSVE2},
	} {
		if f.has {
			names = append(names, f.name)
		}
	}
	return names
}
