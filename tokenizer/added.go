package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// An addedToken is an entry of added_tokens: a piece found in the text before
// the model sees it.
type addedToken struct {
	id      int32
	content string

	singleWord bool // only where no word character touches it
	lstrip     bool // takes the white space before it
	rstrip     bool // takes the white space after it
	normalized bool // matched in the normalized text, in its own normalized form
	special    bool
}

// addedTokens are the added tokens of a tokenizer, as AddedVocabulary of Hugging
// Face tokenizers 0.23.3.
type addedTokens struct {
	tokens  []addedToken
	places  map[string]int // in tokens, by content
	pieces  map[int32]string
	shown   map[int32]string // the forms in which tokens are matched that are others than they
	special map[string]bool
	next    int32          // the id of the next one that the vocabulary lacks
	said    map[int32]bool // the ids that tokenizer.json gives, right or wrong
	beside  []addedToken   // those that tokenizer.json lacks, or has otherwise

	exact  *matcher // tokens that are not normalized; matched in the text first
	normal *matcher // tokens that are; matched in what is left, normalized
}

// parseAdded reads the array added_tokens.
func parseAdded(v value, vocab *vocabulary) (addedTokens, error) {
	a := addedTokens{places: map[string]int{}, pieces: map[int32]string{}, special: map[string]bool{}, next: int32(vocab.count), said: map[int32]bool{}}
	if v.null() {
		return a, nil
	}
	entries, err := v.array()
	if err != nil {
		return a, err
	}
	for _, entry := range entries {
		token, err := parseAddedToken(entry)
		if err != nil {
			return a, err
		}
		a.said[token.id] = true
		if token.content != "" {
			a.add(token, vocab)
		}
	}
	return a, nil
}

// add adds a token, or gives one that is there other switches, and returns its id.
// Tokens that are not in vocab get the ids from its size on, in their order, whatever
// the file says: so does the reference.
func (a *addedTokens) add(token addedToken, vocab *vocabulary) int32 {
	if token.special {
		a.special[token.content] = true
	}
	if place, ok := a.places[token.content]; ok {
		token.id = a.tokens[place].id
		a.tokens[place] = token
		return token.id
	}
	var known bool
	if token.id, known = vocab.id(token.content); !known {
		token.id = a.next
		a.next++
	}
	a.places[token.content] = len(a.tokens)
	a.tokens = append(a.tokens, token)
	a.pieces[token.id] = token.content
	return token.id
}

func parseAddedToken(v value) (token addedToken, err error) {
	o, err := v.object()
	if err != nil {
		return token, err
	}
	if err := o.only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"); err != nil {
		return token, err
	}
	if token.id, err = o.get("id").natural(); err != nil {
		return token, err
	}
	if token.content, err = o.get("content").str(); err != nil {
		return token, err
	}
	for _, flag := range []struct {
		key string
		to  *bool
	}{
		{"single_word", &token.singleWord}, {"lstrip", &token.lstrip}, {"rstrip", &token.rstrip},
		{"normalized", &token.normalized}, {"special", &token.special},
	} {
		if *flag.to, err = o.get(flag.key).boolean(); err != nil {
			return token, err
		}
	}
	return token, nil
}

// index makes a's matchers; normalize gives the form that normalized tokens are
// matched in. Of tokens that become the same the first is matched, of which the reference
// takes one by chance; one of which nothing is left is never found. As in the reference that
// form is the piece of the token's id.
func (a *addedTokens) index(normalize func(string) string) {
	a.exact, a.normal, a.shown = newMatcher(), newMatcher(), map[int32]string{}
	for _, token := range a.tokens {
		if !token.normalized {
			a.exact.add(token.content, token)
			continue
		}
		form := normalize(token.content)
		if form != "" {
			a.normal.add(form, token)
		}
		if form != token.content {
			a.shown[token.id] = form
		}
	}
	a.exact.long.link()
	a.normal.long.link()
}

// A matcher finds tokens in a text: the leftmost, and there the longest.
type matcher struct {
	tokens []addedToken
	forms  *vocabulary     // ids are indices into tokens
	starts [256]bool       // first bytes of forms
	single [256]bool       // those that are a form
	pairs  [1 << 10]uint64 // a bit for each first two bytes of forms
	start  int             // the only first byte; -1 for none, 256 for several
	long   longSet         // of the forms that are; ids are indices into tokens
}

func newMatcher() *matcher { return &matcher{forms: newVocabulary(0), start: -1} }

// add adds a token by its form, which is not empty, unless one before it has that.
func (m *matcher) add(form string, token addedToken) {
	if !m.forms.add(form, int32(len(m.tokens))) {
		return
	}
	m.long.add(form, int32(len(m.tokens)))
	m.tokens = append(m.tokens, token)
	first := form[0]
	if m.start >= 0 && m.start != int(first) {
		m.start = 256
	} else {
		m.start = int(first)
	}
	m.starts[first] = true
	if len(form) == 1 {
		m.single[first] = true
	} else {
		pair := uint(first)<<8 | uint(form[1])
		m.pairs[pair>>6] |= 1 << (pair & 63)
	}
}

// A match is a token in a text, with the white space that it takes.
type match struct {
	span
	next int   // where to look for another
	id   int32 // -1 for no match; then the span is empty and at the text's end
}

// find returns the first match at or after text[from:]. White space before
// done belongs to the match before: a token that takes the white space before it
// has what is left, and is none where that is nothing.
// long is what m.long found in text.
func (m *matcher) find(text []byte, from, done int, long []int32, s *scratch) match {
	for i := m.candidate(text, from); i < len(text); i = m.candidate(text, i) {
		if !m.may(text[i:]) {
			i++
			continue
		}
		if s.over() {
			break
		}
		index, n := int32(0), 0
		if node := at(long, i); node > 0 {
			index, n = m.long.ids[node], int(m.long.sizes[node])
		} else if index, n = m.forms.longestPrefix("", hashSeed, text[i:min(len(text), i+shortPiece)], s.hashes); n == 0 {
			i++
			continue
		}
		token, start, end := &m.tokens[index], i, i+n
		if i = end; token.singleWord && (endsInWord(text[:start]) || startsInWord(text[end:])) {
			continue
		}
		if token.rstrip {
			// Where the match before took white space up to done, it took all there is.
			end = max(end, done)
			end = len(text) - len(bytes.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if token.lstrip {
			if end <= done {
				continue // nothing is left of it
			}
			start = done + len(bytes.TrimRightFunc(text[done:max(done, start)], unicode.IsSpace))
		}
		return match{span{start, end}, i, token.id}
	}
	return match{span{len(text), len(text)}, len(text), -1}
}

// may reports whether a form begins with the first two bytes of text, or is the first.
func (m *matcher) may(text []byte) bool {
	if len(text) > 1 {
		if pair := uint(text[0])<<8 | uint(text[1]); m.pairs[pair>>6]>>(pair&63)&1 == 1 {
			return true
		}
	}
	return m.single[text[0]]
}

// candidate returns the first place at or after i where a form may start.
func (m *matcher) candidate(text []byte, i int) int {
	switch {
	case m.start < 0:
		return len(text)
	case m.start < 256:
		if n := bytes.IndexByte(text[i:], byte(m.start)); n >= 0 {
			return i + n
		}
		return len(text)
	}
	for i < len(text) && !m.starts[text[i]] {
		i++
	}
	return i
}

func endsInWord(text []byte) bool {
	r, n := utf8.DecodeLastRune(text)
	return n > 0 && isWord(r)
}

func startsInWord(text []byte) bool {
	r, n := utf8.DecodeRune(text)
	return n > 0 && isWord(r)
}
