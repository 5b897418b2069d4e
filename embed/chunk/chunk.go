// Package chunk cuts long texts into chunks that a model reads whole, on the model's
// own tokens, between paragraphs, sentences and words.
//
//	reading, err := model.Reading(embed.Options{PromptName: "document"})
//	…
//	chunks, err := chunk.Split(reading.Tokenizer, text, chunk.Config{MaxTokens: reading.MaxTokens, Prompt: reading.Prompt})
//	fmt.Println(text[chunks[0].Start:chunks[0].End])
package chunk

import (
	"fmt"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Chunk is the part text[Start:End] of a text, in bytes, with the tokens that it
// has by itself: special tokens and the prompt included.
type Chunk struct{ Start, End, Tokens int }

// Config says how a text is cut.
type Config struct {
	MaxTokens int    // the most tokens of a chunk, special tokens and the prompt included
	Overlap   int    // the most tokens at the end of a chunk that the next one begins with; 0 for none
	Prompt    string // what the model is to read before each chunk; it counts, and is in no chunk

	Done <-chan struct{} // where it is closed, Split soon ends with an error; nil for never
}

// Split cuts text into chunks, in order. They have every byte of it, and each byte
// once where there is no overlap; starts and ends ascend. A text without a byte has
// no chunk.
//
// A chunk ends at the last paragraph's end that it reaches within MaxTokens, where it
// reaches none at the last sentence's end, else before a word, else between characters.
// Paragraphs are parted by blank lines. Sentences, words and characters (grapheme
// clusters) are those of UAX #29, revision 47 (Unicode 17.0); white space goes with what
// is before it. A word that does not fit is cut between characters, and a character only
// where it is over the limit by itself, between its code points. What is no UTF-8 is a
// code point a byte.
//
// MaxTokens holds for each chunk as it is embedded: encoded by itself, after the prompt.
// The overlap begins at a word, and is left out where the words do not allow one. Its
// tokens are counted in the chunk that ends with it.
//
// The chunks are the same on every machine. The time is linear in the text, and with
// overlap in MaxTokens / (MaxTokens - Overlap); beside the chunks there is a byte of
// memory for each of the text.
//
// Errors say what is wrong with c, or where in the text a code point is over the limit
// by itself or the tokenizer has an error.
func Split(t *tokenizer.Tokenizer, text string, c Config) ([]Chunk, error) {
	if err := c.check(t); err != nil {
		return nil, err
	}
	head, tail := t.Frame()
	s := splitter{
		Config: c, t: t, text: text, levels: levels(text), head: len(head), tail: len(tail),
		window: 4*min(c.MaxTokens, len(text)) + leastWindow,
	}
	var chunks []Chunk
	for end := 0; end < len(text); {
		next, err := s.next(end)
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, next)
		end = next.End
	}
	return chunks, nil
}

// check returns what is wrong with c.
func (c *Config) check(t *tokenizer.Tokenizer) error {
	e, err := t.Encode(c.Prompt, tokenizer.Options{Done: c.Done})
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	switch n := len(e.IDs); {
	case c.MaxTokens <= n && c.Prompt != "":
		return fmt.Errorf("limit of %d tokens, expected more than the %d of the prompt and the special tokens", c.MaxTokens, n)
	case c.MaxTokens <= n:
		return fmt.Errorf("limit of %d tokens, expected more than the %d special tokens", c.MaxTokens, n)
	case c.Overlap < 0 || c.Overlap >= c.MaxTokens-n:
		return fmt.Errorf("overlap of %d tokens, expected 0 to %d: less than the limit leaves to a text", c.Overlap, c.MaxTokens-n-1)
	}
	return nil
}

// leastWindow is how many bytes more than expected are encoded at least to see how far
// a chunk reaches.
const leastWindow = 64

// A splitter is one call of Split.
type splitter struct {
	Config
	t          *tokenizer.Tokenizer
	text       string
	levels     []level
	head, tail int // special tokens
	window     int // bytes that are likely to have more than MaxTokens
	over       int // the end of the last character that was over the limit by itself

	last  Chunk
	spans []tokenizer.Span // of the tokens of last, in text
}

// next returns the chunk that comes after the bytes up to done.
func (s *splitter) next(done int) (Chunk, error) {
	if start := s.overlap(); start < done {
		reach, err := s.reach(start)
		if err != nil {
			return Chunk{}, err
		}
		if ok, err := s.fit(start, done, reach, word); ok || err != nil {
			return s.last, err
		}
	}
	reach, err := s.reach(done)
	if err != nil {
		return Chunk{}, err
	}
	ok, err := s.fit(done, done, reach, character)
	if !ok && err == nil {
		if done >= s.over {
			s.over = s.following(done, character)
		}
		ok, err = s.fit(done, done, reach, codePoint)
	}
	if !ok && err == nil {
		end := s.following(done, codePoint)
		err = fmt.Errorf("bytes %d to %d: %q has more tokens than the limit of %d leaves to a text", done, end, s.text[done:end], s.MaxTokens)
	}
	return s.last, err
}

// overlap returns where in the last chunk the next one begins: its end for no overlap.
func (s *splitter) overlap() int {
	first := len(s.spans) - s.tail - s.Overlap // of the tokens of the overlap
	if s.Overlap == 0 || first <= 0 {
		return s.last.End
	}
	from := max(s.spans[first].Start, s.last.Start+1)
	for _, before := range s.spans[s.head:max(first, s.head)] {
		from = max(from, before.Start+1) // also of several tokens of one character
	}
	for from < s.last.End && s.levels[from] < word {
		from++
	}
	return min(from, s.last.End)
}

// reach returns about how far a chunk that begins at start can go.
func (s *splitter) reach(start int) (int, error) {
	for size := s.window; ; size *= 2 {
		end := min(start+size, len(s.text))
		for s.levels[end] == inside {
			end++
		}
		spans, err := s.encode(start, end)
		if err != nil {
			return 0, err
		}
		if len(spans) > s.MaxTokens {
			reach := spans[s.MaxTokens-s.tail].Start
			s.window = (reach-start)/4*5 + leastWindow
			return reach, nil
		}
		if end == len(s.text) {
			return end, nil
		}
	}
}

// fit makes last the best chunk from start to a border of at least that level after done
// and no further than reach, or the first one after done. It reports false where there is none.
func (s *splitter) fit(start, done, reach int, least level) (bool, error) {
	for try := 0; ; try++ {
		end, first := s.best(done, reach, least), false
		if end < 0 {
			if least == word || least == character && done < s.over {
				return false, nil // as what is far is not encoded again and again
			}
			end, first = s.following(done, least), true
		}
		spans, err := s.encode(start, end)
		if err != nil {
			return false, err
		}
		if n := len(spans); n <= s.MaxTokens {
			s.last, s.spans = Chunk{start, end, n}, spans
			return true, nil
		}
		if first {
			return false, nil
		}
		reach = min(spans[s.MaxTokens-s.tail].Start, end-1)
		if try > 2 {
			reach = min(reach, done+(end-done)/2)
		}
	}
}

// best returns the last of the borders of the highest level after done and not after
// reach; -1 where none is of the least level.
func (s *splitter) best(done, reach int, least level) int {
	at := -1
	for i := reach; i > done; i-- {
		if l := s.levels[i]; l >= least {
			at, least = i, l+1
			if l == paragraph {
				break
			}
		}
	}
	return at
}

// following returns the first border of at least that level after a byte before the
// text's end.
func (s *splitter) following(at int, least level) int {
	for at++; s.levels[at] < least; at++ {
	}
	return at
}

// encode returns the spans in text of the tokens of a chunk by itself; those of special
// tokens and of the prompt are at its start.
func (s *splitter) encode(start, end int) ([]tokenizer.Span, error) {
	input := s.text[start:end]
	if s.Prompt != "" {
		input = s.Prompt + input
	}
	e, err := s.t.EncodeOffsets(input, tokenizer.Options{Done: s.Done})
	if err != nil {
		return nil, fmt.Errorf("bytes %d to %d: %w", start, end, err)
	}
	for i, o := range e.Offsets {
		e.Offsets[i] = tokenizer.Span{
			Start: start + max(0, o.Start-len(s.Prompt)),
			End:   start + max(0, o.End-len(s.Prompt)),
		}
	}
	return e.Offsets, nil
}
