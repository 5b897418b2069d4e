//go:build linux

// Package soak runs the service, EmbedSeq, jobs and loading for as long as RHUMB_SOAK says,
// such as 1h, and a moment without it. Memory, goroutines and open files have to stay flat
// then; RHUMB_SOAK_OUT names a folder for what was seen of them, as CSV and as SVG.
package soak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/command"
)

const (
	goldens = "../../testdata/goldens"
	heads   = "../../testdata/heads"
	child   = "RHUMB_SOAK_CHILD" // set: the process is the command rhumb
)

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(command.Main(nil))
	}
	os.Exit(m.Run())
}

// lasts returns how long a test runs, and whether that is long enough to judge by.
func lasts(t *testing.T) (d time.Duration, long bool) {
	d, err := time.ParseDuration(cmp.Or(os.Getenv("RHUMB_SOAK"), "1s"))
	require.NoError(t, err, "RHUMB_SOAK")
	return d, d >= time.Minute
}

// quantities are those of a sample, in its order.
var quantities = [...]string{"resident memory, MB", "heap, MB", "goroutines", "open files"}

// A sample is what a process has at a time.
type sample struct {
	at     time.Duration
	values [len(quantities)]float64
}

// slack is what may come on top of a twentieth: for memory that the runtime has not given
// back yet, and for what happens to be under way.
var slack = [len(quantities)]float64{24, 12, 16, 8}

// A watch takes samples of a process.
type watch struct {
	name    string
	start   time.Time
	every   time.Duration
	take    func() [len(quantities)]float64
	samples []sample
}

func newWatch(name string, d time.Duration, take func() [len(quantities)]float64) *watch {
	return &watch{name: name, start: time.Now(), every: max(d/300, 100*time.Millisecond), take: take}
}

// look takes a sample where it is time for the next one.
func (w *watch) look() {
	at := time.Since(w.start)
	if n := len(w.samples); n == 0 || at-w.samples[n-1].at >= w.every {
		w.samples = append(w.samples, sample{at, w.take()})
	}
}

// until takes samples until ctx ends.
func (w *watch) until(ctx context.Context) {
	for tick := time.NewTicker(w.every); ; {
		w.look()
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// flat requires that after a fifth, in which caches fill and pools grow, the median of each
// quantity is no larger in the last third than in the first, and writes what was seen.
func (w *watch) flat(t *testing.T, long bool) {
	t.Helper()
	rest := w.samples[len(w.samples)/5:]
	third := len(rest) / 3
	for i, name := range quantities {
		early, late := median(rest[:max(third, 1)], i), median(rest[len(rest)-max(third, 1):], i)
		t.Logf("%s: %s: %.1f, later %.1f, of %d samples", w.name, name, early, late, len(w.samples))
		if long {
			assert.LessOrEqual(t, late, early*1.05+slack[i], "%s: %s grow", w.name, name)
		}
	}
	dir := os.Getenv("RHUMB_SOAK_OUT")
	if dir == "" {
		return
	}
	var table bytes.Buffer
	out := csv.NewWriter(&table)
	rows := [][]string{append([]string{"seconds"}, quantities[:]...)}
	for _, s := range w.samples {
		row := []string{strconv.FormatFloat(s.at.Seconds(), 'f', 1, 64)}
		for _, v := range s.values {
			row = append(row, strconv.FormatFloat(v, 'f', 1, 64))
		}
		rows = append(rows, row)
	}
	require.NoError(t, out.WriteAll(rows))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "soak-"+w.name+".csv"), table.Bytes(), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "soak-"+w.name+".svg"), []byte(draw(w.samples)), 0o644))
}

func median(samples []sample, i int) float64 {
	var v []float64
	for _, s := range samples {
		v = append(v, s.values[i])
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// itself takes a sample of this process, after a collection.
func itself() (values [len(quantities)]float64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	pages := 0.0
	if data, err := os.ReadFile("/proc/self/statm"); err == nil {
		pages, _ = strconv.ParseFloat(strings.Fields(string(data))[1], 64)
	}
	files, _ := os.ReadDir("/proc/self/fd")
	return [...]float64{pages * float64(os.Getpagesize()) / 1e6, float64(m.HeapAlloc) / 1e6, float64(runtime.NumGoroutine()), float64(len(files))}
}

// texts returns n texts of up to 30 words.
func texts(seed, n int) []string {
	words := strings.Fields("summer winter river a deep das Öl вопрос 你好 \"quoted\" one two three 🙂 \\n rain")
	list := make([]string, n)
	for i := range list {
		for j := range 1 + (seed+7*i)%30 {
			list[i] += words[(seed+i*j)%len(words)] + " "
		}
		list[i] += fmt.Sprint(seed + i)
	}
	return list
}
