package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

func TestCalibrate(t *testing.T) {
	for format, path := range inputs(t) {
		t.Run(format, func(t *testing.T) {
			args := []string{"calibrate", "--model", tiny, "--input", path, "--query", "--dimensions", "7", "--no-normalize"}
			code, stdout, stderr := rhumb(t, "", args...)
			require.Zero(t, code, stderr)
			assert.Empty(t, stderr)
			var ranges struct {
				Min, Max    []float32
				Dimensions  int
				Normalized  *bool
				Count       int
				Fingerprint string
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &ranges))
			assert.Equal(t, 7, ranges.Dimensions)
			assert.Equal(t, 3, ranges.Count)
			require.NotNil(t, ranges.Normalized)
			assert.False(t, *ranges.Normalized)
			code, lines, stderr := rhumb(t, "", append([]string{"embed"}, args[1:]...)...)
			require.Zero(t, code, stderr)
			rows := parseLines(t, lines)
			require.Len(t, rows, 3)
			low, high := append([]float32(nil), rows[0].Embedding...), append([]float32(nil), rows[0].Embedding...)
			for _, r := range rows {
				for i, v := range r.Embedding {
					low[i], high[i] = min(low[i], v), max(high[i], v)
				}
			}
			m, err := embed.Load(t.Context(), tiny, embed.Config{})
			require.NoError(t, err)
			print, err := m.Fingerprint(t.Context())
			require.NoError(t, err)
			assert.Equal(t, print, ranges.Fingerprint)
			assert.NotEmpty(t, ranges.Fingerprint)
			require.NoError(t, m.Close())
			assert.Equal(t, low, ranges.Min)
			assert.Equal(t, high, ranges.Max)

			out := filepath.Join(t.TempDir(), "ranges.json")
			code, empty, stderr := rhumb(t, "", append(args, "--output", out)...)
			require.Zero(t, code, stderr)
			assert.Empty(t, empty)
			written, err := os.ReadFile(out)
			require.NoError(t, err)
			assert.Equal(t, stdout, string(written))
		})
	}
	for message, stdin := range map[string]string{"expected at least one text": "", "stdin:2: ": "a\n\n"} {
		code, stdout, stderr := rhumb(t, stdin, "calibrate", "--model", tiny)
		assert.Equal(t, 1, code)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, message)
	}
}
