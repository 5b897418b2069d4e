package kernel

// A feature is one that kernels use or could use.
type feature struct {
	name string
	has  bool
}

// Features returns the names of the CPU's features that kernels use or could use.
func Features() []string {
	var names []string
	for _, f := range features {
		if f.has {
			names = append(names, f.name)
		}
	}
	return names
}
