package tokenizer

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// mostTexts is how many texts a worker takes at a time: so few that workers end
// together even where some texts are long.
const mostTexts = 64

// EncodeAll is Encode of each text, by so many goroutines at once; 0 workers are
// as many as the program has processors, GOMAXPROCS. The ids of up to 64
// neighboring texts lie in one array. The error is about the first text that has
// one and says which, or about o or workers.
func (t *Tokenizer) EncodeAll(texts []string, o Options, workers int) ([]Encoding, error) {
	if workers < 0 {
		return nil, fmt.Errorf("%d workers, expected at least 0", workers)
	}
	head, tail := t.frame.single.around(o)
	if err := o.check(len(head) + len(tail)); err != nil {
		return nil, err
	}
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	all := &encodeAll{tokenizer: t, texts: texts, options: o, encodings: make([]Encoding, len(texts))}
	all.size = min(mostTexts, max(1, len(texts)/(8*workers)))
	chunks := (len(texts) + all.size - 1) / all.size
	var wait sync.WaitGroup
	for range min(workers, chunks) - 1 {
		wait.Go(all.run)
	}
	all.run()
	wait.Wait()
	if all.err != nil {
		return nil, fmt.Errorf("text %d: %w", all.failed, all.err)
	}
	return all.encodings, nil
}

// encodeAll is the state of one EncodeAll.
type encodeAll struct {
	tokenizer *Tokenizer
	texts     []string
	options   Options
	encodings []Encoding
	size      int          // texts of a chunk
	chunks    atomic.Int64 // those that were taken
	stopped   atomic.Bool

	mu     sync.Mutex
	failed int // the text that err is about
	err    error
}

// run encodes chunks until none is left. After an error it takes no more: those
// before it were all taken, and end, so that the first error is always found.
func (a *encodeAll) run() {
	ids := []int32{} // a text without tokens has no ids, not nil
	for !a.stopped.Load() {
		from := (int(a.chunks.Add(1)) - 1) * a.size
		if from >= len(a.texts) {
			return
		}
		ids = a.encode(ids[:0], from, min(from+a.size, len(a.texts)))
	}
}

// encode encodes texts[from:to] by way of ids, which it returns for the next.
func (a *encodeAll) encode(ids []int32, from, to int) []int32 {
	encodings := a.encodings[from:to]
	for i := range encodings {
		start := len(ids)
		var err error
		if ids, encodings[i].Truncated, err = a.tokenizer.Append(ids, a.texts[from+i], a.options); err != nil {
			a.fail(from+i, err)
			return ids
		}
		encodings[i].IDs = ids[start:] // of which only the length is of use: ids may grow
	}
	all := slices.Clone(ids)
	for i := range encodings {
		n := len(encodings[i].IDs)
		encodings[i].IDs, all = all[:n:n], all[n:]
		encodings[i].Types = a.tokenizer.types(n, a.options)
	}
	return ids
}

// fail keeps err, which is about a text, unless there is one about an earlier text.
func (a *encodeAll) fail(text int, err error) {
	a.stopped.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil || text < a.failed {
		a.failed, a.err = text, err
	}
}
