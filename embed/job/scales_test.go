package job

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// Where npy has 8 bits a number and no ranges, each row's scale is in the file beside it,
// wherever the job was stopped; shards have theirs.
func TestScales(t *testing.T) {
	m := loadModel(t)
	texts := makeTexts(60)
	cfg, _ := newJob(t, m, "out.npy", texts)
	cfg.Options.Formats = []encoding.Format{encoding.Int8}
	scales := filepath.Join(filepath.Dir(cfg.Output), "out.scales.npy")
	dir := cfg.Output + ".job"
	var taken []snapshot
	every := cfg
	every.interval = 1
	every.Progress = func(Progress) { taken = append(taken, take(t, dir)) }
	report, err := Run(t.Context(), m, every)
	require.NoError(t, err)
	assert.Equal(t, scales, report.Scales)
	whole, wholeScales := read(t, cfg.Output), read(t, scales)

	want, err := m.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)
	require.Len(t, wholeScales, 128+4*len(texts))
	assert.Contains(t, string(wholeScales[:128]), fmt.Sprintf("'descr': '<f4', 'fortran_order': False, 'shape': (%d,)", len(texts)))
	for i, e := range want.Embeddings {
		scale := math.Float32frombits(binary.LittleEndian.Uint32(wholeScales[128+4*i:]))
		for k, x := range e.Float32 {
			q := int8(whole[128+len(e.Float32)*i+k])
			assert.InDelta(t, x, scale*float32(q), 0.51*float64(scale), "row %d", i) // half a step, and its rounding
		}
	}

	for i, was := range taken {
		for _, file := range []string{cfg.Output, scales} {
			require.NoError(t, os.Remove(file))
		}
		was.restore(t, dir)
		again, err := Run(t.Context(), m, cfg)
		require.NoError(t, err)
		require.Equal(t, min(16*(i+1), 60), again.Resumed)
		require.Equal(t, whole, read(t, cfg.Output))
		require.Equal(t, wholeScales, read(t, scales))
	}
	var joined []byte
	for shard := 1; shard <= 3; shard++ {
		part := cfg
		part.Shard, part.Shards, part.Output = shard, 3, filepath.Join(t.TempDir(), "part.npy")
		r, err := Run(t.Context(), m, part)
		require.NoError(t, err)
		joined = append(joined, read(t, r.Scales)[128:]...)
	}
	assert.Equal(t, wholeScales[128:], joined)

	require.NoError(t, os.Remove(scales))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorAs(t, err, new(*StaleError))
	require.ErrorContains(t, err, "out.scales.npy is no longer there")
	require.NoError(t, os.Remove(cfg.Output))
	require.NoError(t, os.WriteFile(scales, nil, 0o666))
	_, err = Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "out.scales.npy: exists already, where the scales of")

	cfg.Output, cfg.Store, cfg.Work = "mem://bucket/out.npy", &shelf{}, t.TempDir()
	_, err = Run(t.Context(), m, cfg)
	require.ErrorContains(t, err, "npy has no place for that in a store")
}
