package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var scannedPatterns = []string{patternGPT2, patternCLIP, patternLlama3, patternQwen2, patternO200k, patternDeepSeek,
	patternSpaces, patternLastSpaces, patternThreeDigits,
	`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, `[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}+`, `\p{N}`,
	`[^\S]?\W{1,2}`, `\w?a++`, `'?\x41`,
}

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
	var s scratch
	expected := compiled.all([]byte(text), &s)
	if s.err != nil {
		t.Skip(s.err) // of a long text regexp2 takes too long
	}
	return assert.Equal(t, expected, found, "%s in %q", expression, text)
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

// A set may have another part of each 256 code points.
func TestScannedSetOfManyPages(t *testing.T) {
	var set []rune
	for i := range rune(300) {
		set = append(set, 0x10000+i<<8+i%256, 0x10000+i<<8+i/2)
	}
	expression := "[" + string(set) + "]+"
	scan, ok := scanner(expression)
	require.True(t, ok)
	compiled, err := compile(expression)
	require.NoError(t, err)
	for _, r := range set {
		sameMatches(t, expression, scan, compiled, string([]rune{'a', r - 1, r, r + 1, r}))
	}
}

func TestUnsupportedExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"(a":          "unpaired (",
		"a)":          "unpaired )",
		"[a":          "unpaired [",
		"[]":          "] inside a class",
		`[\w-z]`:      "-z] inside a class",
		"[[a]-z]":     "-z] inside a class",
		"[a-c-1-9]":   "-1- inside a class",
		"[--a]":       "--a inside a class",
		"[-[a]]":      "-[a inside a class",
		"[a-[b]]":     "range to [b inside a class",
		"[a-&&b]":     "range to && inside a class",
		"[[:a:]]":     "[:a:]",
		"[[:a]]":      "[: inside a class",
		`\b*`:         "* after what may match nothing",
		"(?=a)?":      "? after what may match nothing",
		"(a?)+":       "+ after what may match nothing",
		"^{2}":        "{ after what may match nothing",
		`[\b]`:        `\b`,
		`\K`:          `\K`,
		`\xE9`:        `\xE9`,
		`\x{D800}`:    `\xD800`,
		`\u12`:        `\u`,
		`\p{Word}`:    `\p{Word}`,
		`\p{punct}`:   `\p{punct}`,
		`\p{Greeks}`:  `\p{Greeks}`,
		"[b-a]":       "range from b",
		`\p{}`:        `\p{}`,
		`\pL`:         `\p without {}`,
		`\`:           `it ends in \`,
		"(?<n>a)":     "group (?<n",
		"(?i:ss)":     "ss inside (?i:)",
		"(?i:é)":      "é inside (?i:)",
		`(?i:\w)`:     "class of characters inside (?i:)",
		"(?<=a(b++))": "quantifier ++ inside a look-behind",
		"(?<!(?>a))":  "(?> inside a look-behind",
		`(?<=\R)`:     `\R inside a look-behind`,
		"a{2}?":       "? after quantifier {2}",
		"a{,2}":       "quantifier {,2}",
		"a{2,1}":      "quantifier {2,1}",
		"a{9999}":     "quantifier {9999}",
		"a**":         "* after quantifier *",
		"a{":          "unescaped {",
	} {
		_, err := compile(expression)
		assert.EqualError(t, err, want, expression)
	}
}

// TestClasses compares the code points that an expression matches with the file
// that testdata/generate_scripts.py wrote.
func TestClasses(t *testing.T) {
	data, err := os.ReadFile("testdata/classes.json")
	require.NoError(t, err)
	var sums map[string]uint32
	require.NoError(t, json.Unmarshal(data, &sums))
	require.Greater(t, len(sums), 200)
	for expression, want := range sums {
		tr := &translator{rest: expression}
		var set []runeRange
		var r rune
		if expression[0] == '[' {
			set, err = tr.class(0)
		} else if escapes[expression] != "" || expression == "." {
			tr.rest = map[string]string{".": "[^\n]", `\N`: "[^\n]", `\O`: `[\s\S]`}[expression]
			set, err = tr.class(0)
		} else if set, r, err = tr.character(outside); set == nil {
			set = []runeRange{{r, r}}
		}
		require.NoError(t, err, expression)
		assert.Empty(t, tr.rest, expression)
		sum := crc32.NewIEEE()
		for _, r := range set {
			for c := r.lo; c <= r.hi; c++ {
				if c < 0xD800 || c > 0xDFFF {
					_, _ = sum.Write(binary.BigEndian.AppendUint32(nil, uint32(c)))
				}
			}
		}
		assert.Equal(t, want, sum.Sum32(), expression)
	}
}
