package minilm

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rhumb "github.com/rhumb-go/rhumb/embed"
)

const spinning = "RHUMB_SPINNING"

// TestSpinning is another program that has work without end, of BenchmarkBusy.
func TestSpinning(t *testing.T) {
	if os.Getenv(spinning) == "" {
		t.Skip("BenchmarkBusy starts it")
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until its parent is gone
		os.Exit(0)
	}()
	for n := 0; ; n++ {
	}
}

// spin runs other programs while the benchmark does.
func spin(b *testing.B, programs int) {
	for range programs {
		c := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestSpinning$")
		c.Env = append(os.Environ(), spinning+"=1", "GOMAXPROCS=2") // one that spins, one that listens
		stdin, err := c.StdinPipe()
		require.NoError(b, err)
		require.NoError(b, c.Start())
		b.Cleanup(func() {
			stdin.Close()
			_ = c.Wait()
		})
	}
}

// One text at a time on one thread and on two, in turns, alone and beside two programs that
// never wait: median times, and how many times as fast two threads are.
func BenchmarkBusy(b *testing.B) {
	for _, programs := range []int{0, 2} {
		for _, p := range []rhumb.Precision{rhumb.Float32, rhumb.Int8} {
			one, two := load(b, rhumb.Config{Precision: p, Workers: 1}), load(b, rhumb.Config{Precision: p, Workers: 2})
			for _, tokens := range []int{16, 128, 256} {
				in := ids(1, tokens)
				b.Run(fmt.Sprintf("programs=%d/%v/%d", programs, p, tokens), func(b *testing.B) {
					spin(b, programs)
					times := map[*rhumb.Model][]time.Duration{}
					for b.Loop() {
						for _, m := range []*rhumb.Model{one, two} {
							for turn := time.Now(); time.Since(turn) < 200*time.Millisecond; {
								start := time.Now()
								_, err := m.EmbedIDs(b.Context(), in, rhumb.Options{})
								require.NoError(b, err)
								times[m] = append(times[m], time.Since(start))
							}
						}
					}
					at := func(m *rhumb.Model, part float64) float64 {
						slices.Sort(times[m])
						return times[m][int(part*float64(len(times[m])-1))].Seconds() * 1e3
					}
					b.ReportMetric(at(one, 0.5), "ms")
					b.ReportMetric(at(two, 0.5), "ms-two")
					b.ReportMetric(at(two, 0.99), "ms-two-p99")
					b.ReportMetric(at(one, 0.5)/at(two, 0.5), "two/one")
				})
			}
		}
	}
}
