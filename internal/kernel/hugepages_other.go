//go:build !linux

package kernel

// adviseHugePages does nothing: the system chooses its pages.
func adviseHugePages([]float32) {}
