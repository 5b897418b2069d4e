package tokenizer

import "unicode/utf8"

// A trace follows a text through the pipeline: it holds for each byte of the text
// that a step makes the part of the input that it comes from, as the alignments
// of NormalizedString of Hugging Face tokenizers 0.23.3 do, and in the end for
// each token. Steps tell it what they do; a nil trace does not listen, but those
// who tell more than a little ask first whether there is one.
type trace struct {
	at     int       // where in the input the part that is normalized starts
	base   []span    // of the bytes of that part
	normal [2][]span // of the normalized bytes; steps write to one and the other in turn
	words  [2][]span // of the bytes that pre-tokenizers write, likewise

	in, out []span // of a step's text, and of what it has written
	done    []span // of the text that normalization gave
	text    []byte // a step's
	next    int    // the byte of it that comes next
	last    int    // where in out the last character begins that change was told of
	added   bool   // that character was an addition

	steps  []normalizer // of the tokenizer, in their parts
	pieces []span       // of the word that the model cuts, in it
	cache  wordCache    // of words: ids and pieces
	tokens []tracedToken
}

// A tracedToken is the span of a token in the input, and how many characters of
// white space are at the ends of its piece.
type tracedToken struct {
	span
	lead, trail int
}

// start begins the part of the input that is to be normalized.
func (t *trace) start(text []byte, part span) {
	if t == nil {
		return
	}
	t.at, t.base = part.start, t.base[:0]
	for i := part.start; i < part.end; {
		_, n := utf8.DecodeRune(text[i:part.end])
		for range n {
			t.base = append(t.base, span{i, i + n})
		}
		i += n
	}
	t.in, t.done = t.base, t.base
}

// normalize is Tokenizer.normalize with the steps, traced. They are always the same.
func (t *trace) normalize(steps []normalizer, text []byte, s *scratch) []byte {
	if t.steps == nil {
		for _, step := range steps {
			if b, ok := step.(*bertNormalizer); ok {
				t.steps = b.appendParts(t.steps)
			} else {
				t.steps = append(t.steps, step)
			}
		}
	}
	for i, step := range t.steps {
		out := &s.normal[i&1]
		t.begin(&t.normal[i&1], text)
		*out = t.step(step, (*out)[:0], s)
		t.normal[i&1] = t.out
		t.in = t.out
		if s.grow(len(*out)-len(text)) || s.over() {
			return nil
		}
		text = *out
	}
	t.done = t.in
	return text
}

// step appends what step makes of t.text to dst.
func (t *trace) step(step normalizer, dst []byte, s *scratch) []byte {
	switch step.(type) {
	case *bertNormalizer, byteLevel, lowercase, nmt, stripAccents:
		return t.each(dst, span{0, len(t.text)}, func(dst, char []byte) []byte { return step.append(dst, char, s) })
	}
	return step.append(dst, t.text, s) // and tells the trace
}

// each appends what write makes of each character of a part of t.text to dst.
func (t *trace) each(dst []byte, part span, write func(dst, char []byte) []byte) []byte {
	for i := part.start; i < part.end; {
		n := 1
		if t.text[i] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(t.text[i:part.end])
		}
		start := len(dst)
		dst = write(dst, t.text[i:i+n])
		t.put(len(dst)-start, i)
		i += n
	}
	return dst
}

// begin begins a step that makes something else of text. What it writes is
// traced in buffer.
func (t *trace) begin(buffer *[]span, text []byte) {
	t.text, t.out = text, (*buffer)[:0]
	t.next, t.last, t.added = 0, 0, false
}

// beginWords begins step i of the pre-tokenizers that write, which get text.
func (t *trace) beginWords(i int, text []byte) {
	if t == nil {
		return
	}
	t.begin(&t.words[i&1], text)
}

// endWords ends it.
func (t *trace) endWords(i int) {
	if t == nil {
		return
	}
	t.words[i&1] = t.out
	t.in = t.out
}

// rewind goes back to the normalized text.
func (t *trace) rewind() {
	if t == nil {
		return
	}
	t.in = t.done
}

// put says that the next n bytes come from where byte i of the step's text does,
// from the empty start of the text where i is -1.
func (t *trace) put(n, i int) {
	if t == nil {
		return
	}
	from := span{t.at, t.at}
	if i >= 0 {
		from = t.in[i]
	}
	for range n {
		t.out = append(t.out, from)
	}
}

// keep says that text[i:j] comes next.
func (t *trace) keep(i, j int) {
	if t == nil {
		return
	}
	t.out = append(t.out, t.in[i:j]...)
	t.next = j
}

// prepend says that n bytes were put before a text of the given length, which is
// not 0. As in the reference the text's first character comes from nowhere where
// nothing was put before it.
func (t *trace) prepend(n, length int) {
	if t == nil {
		return
	}
	t.put(n, 0)
	t.keep(0, length)
	if n == 0 {
		_, first := utf8.DecodeRune(t.text)
		for i := range first {
			t.out[i] = span{t.at, t.at}
		}
	}
}

// change is an item of what NormalizedString::transform of the reference reads: a
// character of n bytes takes the place of the next one of the text (0), of that and
// of others after it (how many, negative), or of none (1). Then it comes from
// where the character before does.
func (t *trace) change(n, change int) {
	t.last, t.added = len(t.out), change > 0
	if t.added {
		t.put(n, t.next-1)
		return
	}
	t.put(n, t.next)
	t.skip(1 - change)
}

// skip goes n characters further in the text.
func (t *trace) skip(n int) {
	for range n {
		_, size := utf8.DecodeRune(t.text[t.next:])
		t.next += size
	}
}

// marks tells of the changes that the marks are.
func (t *trace) marks(marks []mark) {
	for _, m := range marks {
		t.change(utf8.RuneLen(m.r), int(m.change))
	}
}

// replace says that the characters of to take the place of those of from, as the
// reference's Precompiled does: what there are more is added; what there are fewer
// goes with the last character written, and if there is none it stays, so that all
// that follows is traced to too early a place.
func (t *trace) replace(from, to []byte) {
	missing := utf8.RuneCount(from)
	for len(to) > 0 {
		_, n := utf8.DecodeRune(to)
		to = to[n:]
		if missing > 0 {
			t.change(n, 0)
			missing--
		} else {
			t.change(n, 1)
		}
	}
	if missing == 0 || len(t.out) == 0 {
		return
	}
	if t.added {
		for i := t.last; i < len(t.out); i++ {
			t.out[i] = t.in[t.next]
		}
		t.added = false
	}
	t.skip(missing)
}

// symbol says that the next n bytes of the word are a piece.
func (t *trace) symbol(n int) {
	if t == nil {
		return
	}
	end := int32(0)
	if k := len(t.pieces); k > 0 {
		end = int32(t.pieces[k-1].end)
	}
	t.piece(end, end+int32(n), 1)
}

// piece says that the next ids, so many, are word[start:end].
func (t *trace) piece(start, end int32, ids int) {
	if t == nil {
		return
	}
	for range ids {
		t.pieces = append(t.pieces, span{int(start), int(end)})
	}
}

// merge joins each piece that is gone, of the last ones, to the one before it.
func (t *trace) merge(symbols []int32) {
	if t == nil {
		return
	}
	start := len(t.pieces) - len(symbols)
	left := t.pieces[:start]
	for i, id := range symbols {
		if p := t.pieces[start+i]; id == gone {
			left[len(left)-1].end = p.end
		} else {
			left = append(left, p)
		}
	}
	t.pieces = left
}

// token adds a token.
func (t *trace) token(at span, piece string) {
	t.tokens = append(t.tokens, tracedToken{at, leading(piece), trailing(piece)})
}

// exactToken adds a token that was found in the input.
func (t *trace) exactToken(at span, text []byte) {
	if t == nil {
		return
	}
	t.token(at, string(text[at.start:at.end]))
}

// normalToken adds a token that was found in the normalized text.
func (t *trace) normalToken(at span, text []byte) {
	if t == nil {
		return
	}
	t.token(span{t.done[at.start].start, t.done[at.end-1].end}, string(text[at.start:at.end]))
}

// drop drops n tokens.
func (t *trace) drop(from, n int) {
	if t == nil {
		return
	}
	t.tokens = append(t.tokens[:from], t.tokens[from+n:]...)
}

// appendWords appends the tokens of words.
func (t *trace) appendWords(dst []int32, m model, text []byte, words []span, s *scratch) []int32 {
	vocab, unknown := m.vocabulary(), int32(-1)
	if u, ok := m.(*unigram); ok {
		unknown = u.unknown
	}
	for _, w := range words {
		word, start := text[w.start:w.end], len(dst)
		dst = t.appendPieces(dst, m, word, s)
		for k, p := range t.pieces {
			at := p
			if p.end <= len(word) {
				at = span{t.in[w.start+p.start].start, t.in[w.start+p.end-1].end}
			}
			piece := vocab.piece(dst[start+k])
			if dst[start+k] == unknown { // to the reference's Unigram it is what it stands for
				piece = string(word[p.start:p.end])
			}
			t.token(at, piece)
		}
	}
	return dst
}

// appendPieces appends the ids of word and makes t.pieces theirs.
func (t *trace) appendPieces(dst []int32, m model, word []byte, s *scratch) []int32 {
	t.pieces = t.pieces[:0]
	if len(word) > cachedBytes {
		return t.append(dst, m, word, s)
	}
	if known, ok := t.cache.get(word); ok {
		for ; len(known) > 0; known = known[2:] {
			dst = append(dst, known[0])
			t.pieces = append(t.pieces, span{int(known[1] >> 8), int(known[1] & 0xFF)})
		}
		return dst
	}
	start := len(dst)
	dst = t.append(dst, m, word, s)
	if n := len(t.pieces); s.err == nil && n > 0 && 2*n <= cachedIDs && t.pieces[n-1].end <= len(word) {
		var known [cachedIDs]int32
		for k, p := range t.pieces {
			known[2*k], known[2*k+1] = dst[start+k], int32(p.start<<8|p.end)
		}
		t.cache.put(word, known[:2*len(t.pieces)])
	}
	return dst
}

// append is model.append that makes t.pieces the ids': an id of which the model
// says nothing is all of word.
func (t *trace) append(dst []int32, m model, word []byte, s *scratch) []int32 {
	start := len(dst)
	dst = m.append(dst, word, s)
	switch m, ok := m.(*wordPiece); {
	case ok && len(dst) > start+1:
		m.trace(t, dst[start:])
	case len(dst) > start && len(t.pieces) == 0:
		t.pieces = append(t.pieces, span{0, len(word)})
	}
	return dst
}
