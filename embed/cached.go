package embed

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// A Cache keeps rows: what the model makes of an input before dimensions, length and
// formats. Package cache has one in memory, and cache/disk one in a file. Where a row is
// known, the input is tokenized and not computed, and finished as one that is, so that an
// embedding from a cache has the bits of a computed one, whatever the Options. Embed,
// EmbedIDs and EmbedSeq of a Model and a Queue use it; spans and vectors of tokens do not.
//
// A key is the SHA-256 of all that makes the row: the model's Fingerprint, the arithmetic
// (that of one kernel set and CPU, but that all SIMD sets agree in Float32), the route,
// adapter and layers, which tokens pooling leaves out, and the token ids, in which prompt,
// limit and truncation are. Methods are called from many goroutines. What several calls of
// Embed and EmbedIDs want of one model at the same time is computed once.
type Cache interface {
	// Get fills row with the one that was put there under key, and reports whether there
	// is one of its length.
	Get(key [sha256.Size]byte, row []float32) bool
	// Put keeps a copy of row, for as long as the cache likes.
	Put(key [sha256.Size]byte, row []float32)
}

// A modelCache is a Cache in the hands of a model.
type modelCache struct {
	Cache
	head   []byte                   // of what is summed
	routes map[*loader.Route]string // their names
	rows   sync.Pool                // of *[]float32

	mu      sync.Mutex // of flights, and of what recalls have of them
	flights map[[sha256.Size]byte]*flight
}

// newCache returns what m needs to use c.
func (m *Model) newCache(ctx context.Context, c Cache) (*modelCache, error) {
	print, err := m.Fingerprint(ctx)
	if err != nil {
		return nil, err
	}
	arithmetic := fmt.Sprintf("%s: %s", m.info.Kernels, m.info.Arithmetic)
	if m.info.Precision == Float32 && m.info.Kernels != "generic" && m.info.Kernels != "sse41" {
		arithmetic = "SIMD" // the same bits
	}
	cache := &modelCache{Cache: c, head: fmt.Appendf(nil, "row 1 %q %q", print, arithmetic), routes: map[*loader.Route]string{}, flights: map[[sha256.Size]byte]*flight{}}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(m.loaded.Routes))) {
		cache.routes[m.loaded.Routes[name]] = name
	}
	cache.routes[m.route] = ""
	return cache, nil
}

// A recall has what the cache is asked in a request, and told. nil has no cache.
type recall struct {
	*modelCache
	head  []byte
	keys  [][sha256.Size]byte // of the inputs that have tokens
	found atomic.Int64        // inputs
	joins bool                // rows that another call computes are not computed
	mine  [][sha256.Size]byte // flights of this call, those that ended too
	waits []wait              // for those of others
}

// newRecall returns that of r, for n inputs.
func (r *request) newRecall(n int) *recall {
	c := r.model.cache
	if c == nil {
		return nil
	}
	head := fmt.Appendf(slices.Clone(c.head), " %q %d %d %d:", c.routes[r.route], r.Layers, r.Task, r.Skip)
	return &recall{modelCache: c, head: head, keys: make([][sha256.Size]byte, n), joins: r.joins}
}

// take makes the embedding of input i of r, which has these ids, of the row in the cache:
// then the error is pipeline.ErrTaken, as it is where another call is about to have that row.
// It is nil where there is none.
func (c *recall) take(r *request, i int, ids []int32) error {
	if c == nil {
		return nil
	}
	var memory [2048]byte
	summed := append(memory[:0], c.head...)
	for _, id := range ids {
		summed = binary.LittleEndian.AppendUint32(summed, uint32(id))
	}
	c.keys[i] = sha256.Sum256(summed)
	if c.joins && !c.join(i, c.keys[i]) {
		return pipeline.ErrTaken
	}
	row, _ := c.rows.Get().(*[]float32)
	if row == nil {
		row = new([]float32)
	}
	defer c.rows.Put(row)
	*row = slices.Grow((*row)[:0], r.route.Dimensions)[:r.route.Dimensions]
	if !c.Get(c.keys[i], *row) {
		return nil
	}
	c.land(nil, c.keys[i]) // whoever waits finds it too
	if err := r.take(&r.result.Embeddings[i].Vector, *row); err != nil {
		return err
	}
	c.found.Add(1)
	return pipeline.ErrTaken
}

// keep puts the row of input i into the cache.
func (c *recall) keep(i int, row []float32) {
	if c != nil {
		c.Put(c.keys[i], row)
		c.land(row, c.keys[i])
	}
}
