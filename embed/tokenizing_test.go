package embed

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A context that ends, ends the tokenizing of a text with it; the text's own error is
// that of its input.
func TestTokenizingEnds(t *testing.T) {
	files := readModel(t, "bert-cls-dense")
	replace(t, files, "tokenizer.json", `"type": "BertPreTokenizer"`,
		`"type": "Split", "pattern": {"Regex": "(?:a+a+)+b"}, "behavior": "Isolated", "invert": false`)
	m := loadFiles(t, files, Config{})
	texts := []string{"b", strings.Repeat("a", 200_000)} // for which it may take five seconds
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := m.Embed(ctx, texts, Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 4*time.Second)

	texts[1] = strings.Repeat("a", 32) + "!"
	_, err = m.Embed(t.Context(), texts, Options{})
	require.ErrorContains(t, err, `input 1: regular expression "(?:a+a+)+b" takes too long for a text of 33 bytes`)
}
