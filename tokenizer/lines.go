package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines calls yield with each line of data and its number from 1 on, as
// BufRead::lines of Rust: without "\n" or "\r\n".
func lines(data []byte, yield func(number int, line string) error) error {
	text := string(data)
	for number := 1; text != ""; number++ {
		line, rest, found := strings.Cut(text, "\n")
		if found {
			line = strings.TrimSuffix(line, "\r")
		}
		if !utf8.ValidString(line) {
			return fmt.Errorf("line %d: not UTF-8", number)
		}
		if err := yield(number, line); err != nil {
			return err
		}
		text = rest
	}
	return nil
}

// linesVocabulary returns a vocab.txt as the JSON object of its pieces and ids, as
// WordPiece of Hugging Face tokenizers 0.23.3 reads it: an id is the number of
// its line, white space at the end of a line is no part of the piece, of lines
// with the same piece the last counts, and blank lines are the empty piece.
func linesVocabulary(data []byte) (string, error) {
	var pieces []string
	last := map[string]int{}
	err := lines(data, func(number int, line string) error {
		piece := strings.TrimRightFunc(line, unicode.IsSpace)
		pieces = append(pieces, piece)
		last[piece] = number - 1
		return nil
	})
	return writeVocabulary(len(pieces), func(id int) (string, bool) { return pieces[id], last[pieces[id]] == id }), err
}

// writeVocabulary writes the pieces of the ids below n that have one.
func writeVocabulary(n int, piece func(id int) (string, bool)) string {
	out := []byte("{")
	for id := range n {
		p, ok := piece(id)
		if !ok {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendJSON(out, p), ':')
		out = strconv.AppendInt(out, int64(id), 10)
	}
	return string(append(out, '}'))
}

// linesMerges returns a merges.txt as the JSON array of its pairs, as BPE of
// Hugging Face tokenizers 0.23.3 reads it: two pieces a line, one space between
// them. Lines that begin with #version are left out.
func linesMerges(data []byte) (string, error) {
	out := []byte("[")
	err := lines(data, func(number int, line string) error {
		if strings.HasPrefix(line, "#version") {
			return nil
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("line %d: %.40q, expected two pieces and a space between them", number, line)
		}
		out = appendPair(out, left, right)
		return nil
	})
	return string(append(out, ']')), err
}

// appendPair appends an element of two strings to an unfinished JSON array.
func appendPair(dst []byte, left, right string) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	dst = append(appendJSON(append(dst, '['), left), ',')
	return append(appendJSON(dst, right), ']')
}

// quote returns s, which is UTF-8, as a JSON string.
func quote(s string) string { return string(appendJSON(nil, s)) }

// appendJSON appends s, which is UTF-8, as a JSON string.
func appendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
