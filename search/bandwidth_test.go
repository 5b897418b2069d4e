package search

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/rhumb-go/rhumb/quant"
)

// A million rows of 384 components in int8, 384 MB, beside reading them, in turns: of each
// the median, in GB/s of all processors, and of the search in parts of reading.
func BenchmarkMillion(b *testing.B) {
	const d, n = 384, 1_000_000
	rng := rand.New(rand.NewPCG(1, 1))
	query := randomUnit(rng, d)
	rows := make([]int8, n*d)
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&rows[0])), len(rows)/8)
	for i := range words {
		words[i] = rng.Uint64()
	}
	bytes, _, err := quant.AppendScaled([]int8(nil), query)
	if err != nil {
		b.Fatal(err)
	}
	check := func(_ []Match, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, search := range map[string]func(){
		"float32 query": func() { check(Nearest(Cosine, query, rows, 10)) },
		"int8 query":    func() { check(Nearest(Cosine, bytes, rows, 10)) },
	} {
		b.Run(name, func(b *testing.B) {
			var reads, searches []float64
			for b.Loop() {
				begin := time.Now()
				read64(words)
				between := time.Now()
				search()
				searches = append(searches, time.Since(between).Seconds())
				reads = append(reads, between.Sub(begin).Seconds())
			}
			slices.Sort(reads)
			slices.Sort(searches)
			read, found := reads[len(reads)/2], searches[len(searches)/2]
			b.ReportMetric(n*d/1e9/read, "read-GB/s")
			b.ReportMetric(n*d/1e9/found, "search-GB/s")
			b.ReportMetric(read/found, "search/read")
		})
	}
}

var total uint64

// read64 reads all words, on all processors, and adds them up.
func read64(words []uint64) {
	workers := runtime.GOMAXPROCS(0)
	sums := make([]uint64, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			var s0, s1, s2, s3 uint64
			for x := words[w*len(words)/workers : (w+1)*len(words)/workers]; len(x) >= 8; x = x[8:] {
				s0 += x[0] + x[4]
				s1 += x[1] + x[5]
				s2 += x[2] + x[6]
				s3 += x[3] + x[7]
			}
			sums[w] = s0 + s1 + s2 + s3
		})
	}
	group.Wait()
	for _, s := range sums {
		total += s
	}
}
