package disk

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

// A text of 16 or 128 tokens through MiniLM: without a cache, found in one, and not found.
func BenchmarkEmbed(b *testing.B) {
	file := open(b, filepath.Join(b.TempDir(), "rows"), Config{})
	for _, c := range []struct {
		name  string
		cache embed.Cache
	}{{"none", nil}, {"memory", cache.NewMemory(64 << 20)}, {"disk", file}} {
		m, err := minilm.Load(b.Context(), embed.Config{Workers: 1, Cache: c.cache})
		require.NoError(b, err)
		defer m.Close() //nolint:errcheck
		for _, tokens := range []int{16, 64} {
			words := strings.Repeat("word ", tokens-3)
			n := 0
			run := func(b *testing.B, text func() string) {
				_, err := m.Embed(context.Background(), []string{text()}, embed.Options{})
				require.NoError(b, err)
				for b.Loop() {
					_, err := m.Embed(context.Background(), []string{text()}, embed.Options{})
					require.NoError(b, err)
				}
			}
			b.Run(fmt.Sprintf("%s/%d/same", c.name, tokens), func(b *testing.B) { run(b, func() string { return words + "a" }) })
			b.Run(fmt.Sprintf("%s/%d/new", c.name, tokens), func(b *testing.B) {
				run(b, func() string { n++; return words[:len(words)-15] + fmt.Sprintf("%03d %03d", n/1000%1000, n%1000) })
			})
		}
	}
}

// Get and Put by themselves, of a row of 384 components.
func BenchmarkStore(b *testing.B) {
	const n = 2000
	row := make([]float32, 384)
	for name, c := range map[string]embed.Cache{"memory": cache.NewMemory(64 << 20), "disk": open(b, filepath.Join(b.TempDir(), "rows"), Config{})} {
		b.Run(name+"/put", func(b *testing.B) {
			i := 0
			for b.Loop() {
				c.Put(keyOf(i), row)
				i++
			}
		})
		for i := range n {
			c.Put(keyOf(i), row)
		}
		if s, ok := c.(*Store); ok {
			s.writers.Wait()
		}
		key := keyOf(1)
		b.Run(name+"/get", func(b *testing.B) {
			for b.Loop() {
				require.True(b, c.Get(key, row))
			}
		})
	}
}
