package tokenizer

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var scannedPatterns = []string{patternGPT2, patternCLIP, patternLlama3, patternQwen2, patternO200k, patternSpaces, patternThreeDigits}

// compileAll returns the scanner and the regular expression of each pattern.
func compileAll(t testing.TB) (scanners, compiled []pattern) {
	t.Helper()
	for _, expression := range scannedPatterns {
		p, ok := scanner(expression)
		require.True(t, ok)
		scanners = append(scanners, p)
		p, err := compile(expression)
		require.NoError(t, err)
		compiled = append(compiled, p)
	}
	return scanners, compiled
}

func sameMatches(t *testing.T, expression string, scan, compiled pattern, text string) bool {
	t.Helper()
	var found []span
	for i := 0; i < len(text); {
		start, end := scan.next([]byte(text), i)
		if start < end {
			found = append(found, span{start, end})
		}
		require.Greater(t, end, i)
		i = end
	}
	return assert.Equal(t, compiled.all([]byte(text)), found, "%s in %q", expression, text)
}

// TestScanners holds the scanners against the regular expressions on regexp2.
func TestScanners(t *testing.T) {
	scanners, compiled := compileAll(t)
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("abzABZstSTdmrvle''''   \t\n\r\u0085\u00a0\u2003\u30000123456789²Ⅷ٣/.,!<|>_-éÀǅªʰ中ーか한\u0301\u0903\u20ddſK①\U0001d7d8\U00010d40\U0001f600\u200d\u0378\U000105c0")
	for range 20_000 {
		text := make([]rune, rng.IntN(24))
		for i := range text {
			if text[i] = alphabet[rng.IntN(len(alphabet))]; rng.IntN(20) == 0 {
				text[i] = rng.Int32N(0xD800)
			}
		}
		for i, expression := range scannedPatterns {
			if !sameMatches(t, expression, scanners[i], compiled[i], string(text)) {
				return
			}
		}
	}
}

func FuzzScanners(f *testing.F) {
	for _, text := range []string{"it's 'ſ IT'LL  \n x", "ABCdef ǅǆ ªB \u0301a", "<|endoftext|> 1234²\r\n\t//", "\u2003\u00a0 a"} {
		f.Add(text)
	}
	scanners, compiled := compileAll(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = string(appendUTF8(nil, text))
		for i, expression := range scannedPatterns {
			sameMatches(t, expression, scanners[i], compiled[i], text)
		}
	})
}

func TestUnsupportedExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"a*":        "it may match nothing",
		"(?=a)":     "it may match nothing",
		"a|b?":      "it may match nothing",
		"(a":        "unpaired (",
		"a)":        "unpaired )",
		"[a":        "unpaired [",
		"[]":        "] inside a class",
		"[a[b]]":    "[b inside a class",
		"[a&&b]":    "&& inside a class",
		`[\w-z]`:    "- after a class inside a class",
		"[b-a]":     "range from b",
		"^a":        "^",
		"a$":        "$",
		`a\b`:       `\b`,
		`\h`:        `\h`,
		`\p{Greek}`: `\p{Greek}`,
		`\p{}`:      `\p{}`,
		`\pL`:       `\p without {}`,
		`\`:         `it ends in \`,
		"(?<n>a)":   "group (?<n",
		"(?i)a":     "group (?i)",
		"(?i:ss)":   "ss inside (?i:)",
		"(?i:é)":    "é inside (?i:)",
		`(?i:\w)`:   "class of characters inside (?i:)",
		"a{2}?":     "? after quantifier {2}",
		"a{,2}":     "quantifier {,2}",
		"a{2,1}":    "quantifier {2,1}",
		"a{9999}":   "quantifier {9999}",
		"a**":       "* after quantifier *",
		"a{":        "unescaped {",
		"[^\\S\\s]": "class of nothing",
	} {
		_, err := compile(expression)
		assert.EqualError(t, err, want, expression)
	}
}
