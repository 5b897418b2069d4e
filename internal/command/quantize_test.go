package command

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuantize(t *testing.T) {
	out := filepath.Join(t.TempDir(), "tiny-int4")
	code, stdout, stderr := rhumb(t, "", "quantize", "--precision", "int4", tiny, out)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `^(rhumb: \S+: int4 loses \S+ of [0-9]+ texts in the mean and \S+ of the worst \(1 - cosine to float32\), expected 0.01 and 0.03 at the most\n)?$`, stderr)
	assert.Regexp(t, `^\S+: [0-9.]+ MB of weights, [0-9.]+ MB before\n +tensors +weights +RMS error  kind\n( +[0-9]+ +[0-9]+ +[0-9.]+%  .*\*.*weight\n)+of [0-9]+ texts it loses [0-9.e-]+ in the mean, [0-9.e-]+ of the worst \(1 - cosine to float32\)\n$`, stdout)

	in := func(precision string) []float32 {
		code, lines, stderr := rhumb(t, "", "embed", "--model", out, "--precision", precision, "summer")
		require.Zero(t, code, stderr)
		return parseLines(t, lines)[0].Embedding
	}
	assert.InDeltaSlice(t, in("float32"), in("int4"), 0.02, "the codes are used as they are")

	code, _, stderr = rhumb(t, "", "quantize", tiny, out)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "exists, expected a new folder")
	code, _, stderr = rhumb(t, "", "quantize", "--precision", "int3", tiny, out+"3")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "there is int8, int4")
	code, _, stderr = rhumb(t, "", "quantize", "no/model", out+"4")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rhumb: stat no/model: no such file or directory; expected the folder of a model: of an id at the Hugging Face hub, hub.Resolve returns it, and rhumb models lists it\n", stderr)
}
