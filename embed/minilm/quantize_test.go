package minilm

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rhumb "github.com/rhumb-go/rhumb/embed"
)

// A copy in Int4 is near to the reference: 1 - cosine is 1e-2 in the mean and 3e-2 for the worst text, as docs/quantization.md says. So it is
// for texts that repeat themselves up to the model's limit, against the model itself. None of either are texts that weights are rounded for.
func TestInt4CopyAgreesWithTheReference(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of work")
	}
	skipUnderRace(t)
	out := filepath.Join(t.TempDir(), "copy")
	made, err := rhumb.Quantize(t.Context(), "model", out, rhumb.Int4, nil)
	require.NoError(t, err)
	assert.Less(t, made.Loss.Mean, 1e-2)
	m, err := rhumb.Load(t.Context(), out, rhumb.Config{Precision: rhumb.Int4})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })

	g, mean := readGolden(t), 0.0
	for i, e := range embedTexts(t, m, g.Texts, rhumb.Options{}) {
		off := 1 - cosine(g.want[i], e.Float32)
		assert.Less(t, off, 3e-2, "%q", g.Texts[i])
		mean += off / float64(len(g.Texts))
	}
	t.Logf("%.1e in the mean", mean)
	assert.Less(t, mean, 1e-2)

	hard := []string{
		strings.Repeat("word ", 600), strings.Repeat("\U0001F642", 500), strings.Repeat("0123456789 ", 200), strings.Repeat("a", 300),
		strings.Repeat("Привет мир, ", 20), strings.Repeat("नमस्ते दुनिया สวัสดีชาวโลก 안녕하세요 ", 6), strings.Repeat("deadbeef 0x7fff5fbff8a0 ", 10), "x", ".",
	}
	want, got := embedTexts(t, load(t, rhumb.Config{}), hard, rhumb.Options{}), embedTexts(t, m, hard, rhumb.Options{})
	for i, e := range got {
		assert.Less(t, 1-cosine(want[i].Float32, e.Float32), 3e-2, "%q", hard[i])
	}
}
