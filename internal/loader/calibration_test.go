package loader

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The texts cover several scripts, and each is short.
func TestCalibrationTexts(t *testing.T) {
	lines := calibrationLines()
	require.GreaterOrEqual(t, len(lines), 60)
	scripts := map[string]bool{}
	for _, line := range lines {
		require.Less(t, len(line), 200)
		require.Equal(t, strings.TrimSpace(line), line)
		for name, of := range map[string]string{"Cyrillic": "о", "Han": "的", "Hangul": "의", "Arabic": "ا", "Devanagari": "ह", "Latin": "e"} {
			scripts[name] = scripts[name] || strings.Contains(line, of)
		}
	}
	require.Len(t, scripts, 6)
	for name, ok := range scripts {
		require.True(t, ok, name)
	}
}
