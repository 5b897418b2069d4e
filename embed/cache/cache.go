// Package cache keeps what models made of inputs, so that an input that comes again is
// not computed again: in memory, or by package disk in a file. It is given to a model
// where that is loaded:
//
//	rows := cache.NewMemory(256 << 20)
//	model, err := embed.Load(ctx, "all-MiniLM-L6-v2", embed.Config{Cache: rows})
//
// See embed.Cache for what a key is made of. One cache may serve any number of models.
package cache

import (
	"container/list"
	"crypto/sha256"
	"slices"
	"sync"
)

// Stats are what a cache has, and what it was asked.
type Stats struct {
	Hits, Misses int64 // of Get
	Bytes        int64 // that the rows take, with what it takes to find them
}

// overhead is about how many bytes an entry of a Memory takes beside its row.
const overhead = 256

// A Memory is an embed.Cache in memory. Where it is full, the rows go that were not used
// for the longest time.
type Memory struct {
	max int64

	mu      sync.Mutex
	entries map[[sha256.Size]byte]*list.Element
	order   list.List // of *entry, the one that was used last in front
	stats   Stats
}

type entry struct {
	key [sha256.Size]byte
	row []float32
}

func (e *entry) bytes() int64 { return overhead + 4*int64(len(e.row)) }

// NewMemory returns a cache of at most that many bytes: a row of 384 components takes 1792.
func NewMemory(bytes int64) *Memory {
	return &Memory{max: bytes, entries: map[[sha256.Size]byte]*list.Element{}}
}

// Get is that of embed.Cache.
func (m *Memory) Get(key [sha256.Size]byte, row []float32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.entries[key]
	if found == nil || len(found.Value.(*entry).row) != len(row) {
		m.stats.Misses++
		return false
	}
	m.stats.Hits++
	m.order.MoveToFront(found)
	copy(row, found.Value.(*entry).row)
	return true
}

// Put is that of embed.Cache. A row larger than the cache is not kept.
func (m *Memory) Put(key [sha256.Size]byte, row []float32) {
	added := &entry{key: key, row: row}
	if added.bytes() > m.max {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.entries[key]; found != nil {
		if len(found.Value.(*entry).row) == len(row) { // the same
			m.order.MoveToFront(found)
			return
		}
		m.remove(found)
	}
	added.row = slices.Clone(row)
	m.entries[key] = m.order.PushFront(added)
	for m.stats.Bytes += added.bytes(); m.stats.Bytes > m.max; {
		m.remove(m.order.Back())
	}
}

func (m *Memory) remove(e *list.Element) {
	old := m.order.Remove(e).(*entry)
	m.stats.Bytes -= old.bytes()
	delete(m.entries, old.key)
}

// Stats returns the state of m. It is cheap.
func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}
