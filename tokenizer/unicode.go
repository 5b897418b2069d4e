package tokenizer

import (
	"cmp"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Hugging Face tokenizers 0.23.3 takes its Unicode data from four places of
// different age: categories from the crate unicode_categories 0.1.1 (Unicode
// 8.0), normal forms from unicode-normalization-alignments 0.1.12 (Unicode 9.0),
// \w from the crate regex (16.0), white space and lower case from Rust's
// standard library (17.0). Go's tables are those of its release. The tables here
// and in tables.go make up for Unicode 15.0, which Go has up to 1.26; the sweep
// test tells where a newer one differs.

// A runeRange is the code points from lo to hi, both included.
type runeRange struct{ lo, hi rune }

// inTable reports whether r lies in one of the sorted ranges.
func inTable(table []runeRange, r rune) bool {
	i := sort.Search(len(table), func(i int) bool { return table[i].hi >= r })
	return i < len(table) && table[i].lo <= r
}

// controls is Cc, Cf and Co of Unicode 8.0 and U+FFFD, from U+0080 on.
var controls = []runeRange{
	{0x80, 0x9F}, {0xAD, 0xAD}, {0x600, 0x605}, {0x61C, 0x61C}, {0x6DD, 0x6DD}, {0x70F, 0x70F},
	{0x180E, 0x180E}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064}, {0x2066, 0x206F},
	{0xE000, 0xF8FF}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFD, 0xFFFD}, {0x110BD, 0x110BD},
	{0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F},
	{0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD},
}

// isChinese reports whether BertNormalizer puts spaces around r. The gap before
// U+2B920 is its own.
func isChinese(r rune) bool {
	switch {
	case r < 0x3400:
		return false
	case r < 0x20000:
		return r <= 0x4DBF || 0x4E00 <= r && r <= 0x9FFF || 0xF900 <= r && r <= 0xFAFF
	}
	return r <= 0x2A6DF || 0x2A700 <= r && r <= 0x2B81F || 0x2B920 <= r && r <= 0x2CEAF || 0x2F800 <= r && r <= 0x2FA1F
}

// word16 is what \w has in Unicode 16.0 and not in 15.0.
var word16 = []runeRange{
	{0x0897, 0x0897}, {0x1C89, 0x1C8A}, {0xA7CB, 0xA7CD}, {0xA7DA, 0xA7DC}, {0x105C0, 0x105F3},
	{0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFC},
	{0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0},
	{0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2},
	{0x116D0, 0x116E3}, {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11F5A, 0x11F5A}, {0x13460, 0x143FA},
	{0x16100, 0x16139}, {0x16D40, 0x16D6C}, {0x16D70, 0x16D79}, {0x18CFF, 0x18CFF}, {0x1CCF0, 0x1CCF9},
	{0x1E5D0, 0x1E5FA}, {0x2EBF0, 0x2EE5D},
}

// isWord reports whether the regular expression \w matches r.
func isWord(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control) || inTable(word16, r)
}

// lower17 is the simple lower case that Unicode 16.0 and 17.0 added: every
// step-th code point of the range moves by delta.
var lower17 = []struct {
	lo, hi, step, delta rune
}{
	{0x1C89, 0x1C89, 1, 1}, {0xA7CB, 0xA7CB, 1, 0x264 - 0xA7CB}, {0xA7CC, 0xA7CE, 2, 1}, {0xA7D2, 0xA7D4, 2, 1},
	{0xA7DA, 0xA7DA, 1, 1}, {0xA7DC, 0xA7DC, 1, 0x19B - 0xA7DC}, {0x10D50, 0x10D65, 1, 0x20},
	{0x16EA0, 0x16EB8, 1, 0x1B},
}

// appendLower appends the lower case of r as Unicode's SpecialCasing gives it
// without context: two code points for U+0130, one for any other.
func appendLower(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return append(dst, byte(r))
	}
	if r == 0x130 {
		return append(dst, "i\u0307"...)
	}
	if r >= lower17[0].lo && r <= lower17[len(lower17)-1].hi {
		for _, l := range lower17 {
			if l.lo <= r && r <= l.hi && (r-l.lo)%l.step == 0 {
				return utf8.AppendRune(dst, r+l.delta)
			}
		}
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}

// A mark is a code point with its canonical combining class.
type mark struct {
	r      rune
	class  uint8
	change int8 // for trace.change
}

// maxDecomposition is the most code points that one decomposes into (U+1F82 and others).
const maxDecomposition = 4

// after9 is the code points that Unicode 10.0 to 17.0 gave a decomposition or a
// combining class other than 0.
var after9 = []runeRange{
	{0x07FD, 0x07FD}, {0x0897, 0x089F}, {0x08CA, 0x08D3}, {0x09FE, 0x09FE}, {0x0C3C, 0x0C3C}, {0x0D3B, 0x0D3C},
	{0x0EBA, 0x0EBA}, {0x1715, 0x1715}, {0x1ABF, 0x1ADD}, {0x1AE0, 0x1AEB}, {0x1DF6, 0x1DFA}, {0xA82C, 0xA82C},
	{0x105C9, 0x105C9}, {0x105E4, 0x105E4}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC},
	{0x10EFA, 0x10EFB}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
	{0x1133B, 0x1133B}, {0x11383, 0x11383}, {0x11385, 0x11385}, {0x1138E, 0x1138E}, {0x11391, 0x11391},
	{0x113C5, 0x113C5}, {0x113C7, 0x113C8}, {0x113CE, 0x113D0}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
	{0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
	{0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
	{0x11F41, 0x11F42}, {0x16121, 0x16128}, {0x1612F, 0x1612F}, {0x16D68, 0x16D6A}, {0x16FF0, 0x16FF1},
	{0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
	{0x1E5EE, 0x1E5EF}, {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5},
}

// decompose appends the canonical decomposition of r (Unicode 9.0, form D before
// reordering).
func decompose(dst []mark, r rune) []mark {
	switch {
	case r < 0xC0, 0x3400 <= r && r < 0xA000:
		return append(dst, mark{r: r})
	case 0xAC00 <= r && r < 0xAC00+11172: // Hangul, section 3.12 of the Unicode Standard
		i := r - 0xAC00
		dst = append(dst, mark{r: 0x1100 + i/588}, mark{r: 0x1161 + i%588/28})
		if i%28 != 0 {
			dst = append(dst, mark{r: 0x11A7 + i%28})
		}
		return dst
	case inTable(after9, r):
		return append(dst, mark{r: r})
	}
	var buf [utf8.UTFMax]byte
	p := norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], r)])
	d := p.Decomposition()
	if d == nil {
		return append(dst, mark{r: r, class: p.CCC()})
	}
	for len(d) > 0 {
		p := norm.NFD.Properties(d)
		r, n := utf8.DecodeRune(d)
		dst = append(dst, mark{r: r, class: p.CCC()})
		d = d[n:]
	}
	return dst
}

// sortMarks puts marks between two starters into canonical order. Other than
// golang.org/x/text it puts no U+034F into long runs, as the reference does not.
func sortMarks(marks []mark) {
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.class, b.class) })
}

// compatible10 is the code points that Unicode 10.0 to 15.0 gave a compatibility decomposition.
var compatible10 = []runeRange{
	{0x32FF, 0x32FF}, {0xA7F2, 0xA7F4}, {0xAB69, 0xAB69}, {0x10781, 0x10785}, {0x10787, 0x107B0},
	{0x107B2, 0x107BA}, {0x1E030, 0x1E06D}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
}
