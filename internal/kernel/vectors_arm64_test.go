//go:build unix && !purego

package kernel

import "testing"

// The loops without instructions of their own, where the CPU has those.
func TestIntSumsOfEveryCPU(t *testing.T) {
	all := sets
	defer func() { sets = all }()
	plain := neon
	plain.name, plain.vectors = "neon without ASIMDDP", plainVectors
	sets = []*Set{&plain}
	TestIntSums(t)
	TestSumsStayWithinTheirSlices(t)
	TestSelfTest(t)
}
