//go:build !amd64 && !arm64

package kernel

// Features returns the names of the CPU's features that kernels use or could use.
func Features() []string { return nil }
