package cache

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

var _ embed.Cache = (*Memory)(nil)

// keyOf returns the key of entry i, and rowOf its row.
func keyOf(i int) (key [32]byte) {
	binary.LittleEndian.PutUint64(key[:], uint64(i))
	return key
}

func rowOf(i, n int) []float32 {
	row := make([]float32, n)
	for j := range row {
		row[j] = float32(i*1000 + j)
	}
	return row
}

// has reports whether m has entry i, of n components, and checks it.
func has(t *testing.T, m *Memory, i, n int) bool {
	row := make([]float32, n)
	if !m.Get(keyOf(i), row) {
		return false
	}
	require.Equal(t, rowOf(i, n), row)
	return true
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	const n = 16
	one := int64(overhead + 4*n)
	m := NewMemory(3*one + one/2)
	for i := range 3 {
		m.Put(keyOf(i), rowOf(i, n))
	}
	assert.True(t, has(t, m, 0, n), "used last now")
	m.Put(keyOf(3), rowOf(3, n))
	assert.False(t, has(t, m, 1, n))
	m.Put(keyOf(2), rowOf(2, n)) // there already
	m.Put(keyOf(4), rowOf(4, n))
	assert.False(t, has(t, m, 0, n))
	for _, i := range []int{2, 3, 4} {
		assert.True(t, has(t, m, i, n), "%d", i)
	}
	assert.Equal(t, Stats{Hits: 4, Misses: 2, Bytes: 3 * one}, m.Stats())

	assert.False(t, has(t, m, 4, n-1), "another length")
	m.Put(keyOf(4), rowOf(4, n-1))
	assert.True(t, has(t, m, 4, n-1))
	m.Put(keyOf(5), make([]float32, 2000)) // larger than the cache
	assert.False(t, has(t, m, 5, 2000))
	assert.Equal(t, 3*one-4, m.Stats().Bytes)
	NewMemory(0).Put(keyOf(1), nil)
}

// What is put is copied, and so is what is got.
func TestMemoryCopies(t *testing.T) {
	m := NewMemory(1 << 20)
	row := rowOf(1, 8)
	m.Put(keyOf(1), row)
	clear(row)
	for range 2 {
		require.True(t, m.Get(keyOf(1), row))
		assert.Equal(t, rowOf(1, 8), row)
		clear(row)
	}
}

// Many goroutines find what was put, or nothing.
func TestMemoryAtTheSameTime(t *testing.T) {
	m := NewMemory(40 * (overhead + 32))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			row := make([]float32, 8)
			for range 2000 {
				i := random.IntN(60)
				if m.Get(keyOf(i), row) {
					assert.Equal(t, rowOf(i, 8), row)
				} else {
					m.Put(keyOf(i), rowOf(i, 8))
				}
			}
		})
	}
	wg.Wait()
	s := m.Stats()
	assert.Equal(t, int64(16000), s.Hits+s.Misses)
	assert.Equal(t, int64(40*(overhead+32)), s.Bytes)
}
