//go:build race

package kernel

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// skipUnderRace skips a test that counts allocations: under the race detector,
// pools drop what they hold now and then.
func skipUnderRace(t *testing.T) { t.Skip("allocations are not counted under the race detector") }

// The race detector finds two goroutines of which one writes by assembly what the other one reads or
// writes: this test runs itself once more, with one such race for each name, and one case without.
func TestRacesOfAssemblyAreFound(t *testing.T) {
	const planted, clean = "RHUMB_PLANTED_RACES", "none"
	all := races(Best())
	if os.Getenv(planted) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRacesOfAssemblyAreFound$", "-test.v")
		cmd.Env = append(os.Environ(), planted+"=1")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.NotContains(t, string(out), "panic: ")
		for name := range all {
			found := strings.Contains(string(out), "--- FAIL: "+t.Name()+"/"+name+" ")
			assert.Equal(t, name != clean, found, name)
		}
		return
	}
	for name, race := range all {
		t.Run(name, func(t *testing.T) {
			var both sync.WaitGroup
			for _, f := range race {
				both.Go(func() {
					for range 50 { // the detector forgets what a goroutine did that is gone
						f()
						runtime.Gosched()
					}
				})
			}
			both.Wait()
		})
	}
}

// races returns pairs of functions of s that work on the same memory, by names; those of "none" do not.
func races(s *Set) map[string][2]func() {
	const k, n = 48, 2 * Panel
	x, w, dst := tensor.NewMatrix(40, k), tensor.NewMatrix(n, k), tensor.NewMatrix(40, n)
	rows := tensor.NewMatrix(4, k) // one each: the detector tells of an address once
	ints, halves, signs := make([]byte, k), make([]uint16, k), make([]byte, k/8)
	var b, following Panels
	b.Resize(Float32, k, n)
	following.Resize(Float32, n, n)
	var a, packed Rows
	a.Resize(s, x.Rows, &b)
	packed.Resize(s, x.Rows, &following)
	pack := func() { s.PackTransposed(&b, 1, w.Slice(Panel, n)) }
	packRows := func() { s.PackRows(&a, 0, x) }
	pack()
	s.PackTransposed(&b, 0, w.Slice(0, Panel))
	for t := range a.Tiles() {
		s.PackRows(&a, t, x)
	}
	panel := func(p int) func() {
		return func() { s.Multiply(dst, &a, 0, a.Tiles(), &b, p, p+1, 0, GELU) }
	}
	return map[string][2]func(){
		"none":            {panel(0), panel(1)},
		"product-product": {panel(1), panel(1)},
		"product-panel":   {panel(1), pack},
		"product-rows":    {panel(1), packRows},
		"packed-product-product": {
			func() { s.MultiplyPacked(&packed, make([]float32, MaxTileRows*Panel), &a, 0, 1, &b, 0, 1, 0, Identity) },
			func() {
				out := tensor.NewMatrix(40, n)
				s.Multiply(out, &packed, 0, packed.Tiles(), &following, 0, 1, 0, Identity)
			},
		},
		"activate-max":           {func() { s.Activate(SiLU, rows.Row(0), k, 1, k) }, func() { s.MaxAbs(rows.Row(0)) }},
		"softmax-axpy":           {func() { s.Softmax(rows.Row(1), 1) }, func() { s.Axpy(make([]float32, k), rows.Row(1), 1) }},
		"norms-mul":              {func() { s.LayerNorms(x, x, tensor.Matrix{}, make([]float32, k), make([]float32, k), 1) }, func() { s.Mul(x.Row(2), make([]float32, k)) }},
		"rms-scale":              {func() { s.RMSNorm(rows.Row(2), rows.Row(2), make([]float32, k), 1) }, func() { s.Scale(rows.Row(2), 2) }},
		"add-scaled-divide-rows": {func() { s.AddScaled(x, tensor.NewMatrix(40, k), make([]float32, 40)) }, func() { s.DivideRows(x.Slice(39, 40), []float32{1}) }},
		"rotate-rotate":          {func() { s.Rotate(rows.Row(3)[:8], make([]float32, 4)) }, func() { s.Rotate(make([]float32, 4), rows.Row(3)[:4]) }},
		"int8-int8":              {func() { s.ToInt8(ints, make([]float32, k), 1, 1, 0) }, func() { s.FromInt8(make([]float32, k), ints, 1) }},
		"float16-float16":        {func() { s.ToFloat16(halves, make([]float32, k)) }, func() { s.FromFloat16(make([]float32, k), halves) }},
		"signs-hamming":          {func() { s.ToSigns(signs, make([]float32, k), 0) }, func() { s.Hamming(make([]int32, 1), make([]byte, k/8), signs) }},
	}
}
