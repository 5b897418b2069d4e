package loader

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a model was not chosen for is measured on texts of each kind that real models lose most of, the first of which a
// large model reads too. They are short, for a large model takes long, and none is read before.
func TestMoreTexts(t *testing.T) {
	read := slices.Concat(calibrationLines(), alikeTexts, rareTexts)
	for i, text := range moreTexts {
		assert.Less(t, len(text), 700, "text %d", i)
		assert.NotContains(t, read, text, "text %d", i)
	}
	first := strings.Join(moreTexts[:calibrationLeast], "\n")
	for kind, of := range map[string]string{
		"Hebrew and Arabic in turn": "טוב مساء", "scripts in turn": "река 河", "code": "print(", "base64": "==", "digits": "2718281828 2718281828", "a word repeated": "paper paper", "a few words": "no no no no",
	} {
		assert.Contains(t, first, of, kind)
	}
}
