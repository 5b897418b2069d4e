package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	cut "github.com/rhumb-go/rhumb/embed/chunk"
)

// Where texts become several rows, or are read by parts, a job goes on too, and its
// shards end to end are the whole.
func TestChunksResume(t *testing.T) {
	m, err := embed.Load(t.Context(), "../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	texts := makeTexts(60)
	pieces := 0
	for i := range texts {
		if i%5 == 0 {
			texts[i] += strings.Repeat(" The river is deep. It was a winter's day.", i%7)
		}
		chunks, err := cut.Split(m.Tokenizer(), texts[i], cut.Config{MaxTokens: 9, Overlap: 2})
		require.NoError(t, err)
		pieces += len(chunks)
	}
	for _, output := range outputs {
		for name, change := range map[string]func(*Config){
			"chunks": func(c *Config) { c.ChunkTokens, c.ChunkOverlap = 9, 2 },
			"late":   func(c *Config) { c.ChunkTokens, c.ChunkOverlap, c.Late = 9, 2, true },
			"mean":   func(c *Config) { c.LongMean = true },
		} {
			t.Run(output+"/"+name, func(t *testing.T) {
				cfg, plain := newJob(t, m, output, texts)
				change(&cfg)
				dir := cfg.Output + ".job"
				var taken []snapshot
				every := cfg
				every.interval = 1
				every.Progress = func(Progress) { taken = append(taken, take(t, dir)) }
				report, err := Run(t.Context(), m, every)
				require.NoError(t, err)
				whole := read(t, cfg.Output)
				assert.NotEqual(t, plain, whole)
				assert.Equal(t, 60, report.Rows)
				switch name {
				case "chunks":
					assert.Equal(t, pieces, report.Chunks)
				case "mean":
					assert.Zero(t, report.Chunks)
					assert.Zero(t, report.Cut)
				}
				for i, was := range taken {
					require.NoError(t, os.RemoveAll(cfg.Output))
					was.restore(t, dir)
					again, err := Run(t.Context(), m, cfg)
					require.NoError(t, err)
					require.Equal(t, min(16*(i+1), 60), again.Resumed)
					again.Resumed = report.Resumed
					require.Equal(t, report, again)
					require.Equal(t, whole, read(t, cfg.Output))
				}
				other := cfg
				other.ChunkTokens, other.LongMean = 8, false
				_, err = Run(t.Context(), m, other)
				require.ErrorContains(t, err, "the job began with other settings: ")

				if output != "out.jsonl" {
					return
				}
				var parts []string
				for shard := 1; shard <= 3; shard++ {
					part := cfg
					part.Shard, part.Shards, part.Output = shard, 3, filepath.Join(t.TempDir(), output)
					_, err := Run(t.Context(), m, part)
					require.NoError(t, err)
					parts = append(parts, part.Output)
				}
				merged := filepath.Join(t.TempDir(), output)
				_, err = Merge(t.Context(), Config{Output: merged}, parts)
				require.NoError(t, err)
				assert.Equal(t, string(whole), string(read(t, merged)))
			})
		}
	}
}
