package minilm

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rhumb "github.com/rhumb-go/rhumb/embed"
)

const starting = "RHUMB_STARTING"

// TestStarting is another program that loads the model and embeds a text.
func TestStarting(t *testing.T) {
	name := os.Getenv(starting)
	if name == "" {
		t.Skip("TestStartTakesLittleMemory and BenchmarkStart start it")
	}
	p, err := rhumb.ParsePrecision(name)
	require.NoError(t, err)
	require.Len(t, embedTexts(t, load(t, rhumb.Config{Precision: p}), []string{"A first text."}, rhumb.Options{}), 1)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:") // rusage has that of the program that started this one
	fmt.Println("peak", peak)
}

// start runs that program, and returns how long it took and its most memory, in MiB.
func start(t testing.TB, p rhumb.Precision) (took time.Duration, memory float64) {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStarting$")
	c.Env = append(os.Environ(), starting+"="+p.String())
	begin := time.Now()
	out, err := c.CombinedOutput()
	took = time.Since(begin)
	require.NoError(t, err, "%s", out)
	_, err = fmt.Sscanf(string(out), "peak %f", &memory)
	require.NoError(t, err, "%s", out)
	return took, memory / 1024
}

// A program that embeds a text has little in memory beside what is packed: the weights are
// read where they lie, and their pages given back.
func TestStartTakesLittleMemory(t *testing.T) {
	skipUnderRace(t)
	for p, most := range map[rhumb.Precision]float64{rhumb.Float32: 75, rhumb.BFloat16: 55, rhumb.Int8: 45} {
		_, memory := start(t, p)
		t.Logf("%v: %.1f MiB", p, memory)
		assert.Less(t, memory, most, p)
	}
}

// A program that loads the model and embeds a text: its median time, from its start to its
// end, and the most memory that it had.
func BenchmarkStart(b *testing.B) {
	for _, p := range []rhumb.Precision{rhumb.Float32, rhumb.BFloat16, rhumb.Int8} {
		b.Run(p.String(), func(b *testing.B) {
			var times []time.Duration
			most := 0.0
			for b.Loop() {
				took, memory := start(b, p)
				times, most = append(times, took), max(most, memory)
			}
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2].Seconds()*1e3, "ms")
			b.ReportMetric(most, "MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}
