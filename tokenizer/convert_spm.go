package tokenizer

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// spm reads the SentencePiece model of that name, of that kind; 0 for either.
func (c *conversion) spm(name string, kind uint64) (*sentencePiece, error) {
	data, err := c.read(name)
	if err != nil {
		return nil, err
	}
	m, err := parseSentencePiece(data)
	if err == nil && kind != 0 && m.kind != kind {
		kinds := []string{unigramKind: "unigram", bpeKind: "bpe"}
		err = fmt.Errorf("trainer_spec: model_type %s, expected %s: %s needs it", kinds[m.kind], kinds[kind], c.class)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.file, err)
	}
	c.extra = []specialToken{}
	for _, s := range m.pieces {
		if s.kind == controlPiece || s.kind == userDefinedPiece {
			c.extra = append(c.extra, specialToken{addedToken: addedToken{content: s.piece, special: s.kind == controlPiece}})
		}
	}
	return m, nil
}

// unigram makes a model of pieces without byte fallback, and without an unknown one.
func (c *conversion) unigram(pieces []sentence) (*unigram, error) {
	m := &unigram{vocab: newVocabulary(len(pieces)), trie: newTrie(2 * len(pieces)), unknown: -1, penalty: math.Inf(1)}
	for _, s := range pieces {
		if !m.add(s.piece, float64(s.score)) {
			return nil, fmt.Errorf("%s: %q twice among the pieces and the special tokens", c.file, s.piece)
		}
	}
	m.long.link()
	m.penalty -= unknownPenalty
	m.byteIDs = byteFallbackIDs(m.vocab)
	return m, nil
}

// unigramModel makes a model without byte fallback: of the pieces of tokenizer.json, or of
// those that pieces makes of the SentencePiece model of that name. It has no unknown piece
// yet. The step of the charsmap comes with it.
func (c *conversion) unigramModel(name string, pieces func(*sentencePiece) ([]sentence, error)) (*unigram, string, error) {
	if c.json != nil {
		o, err := c.jsonModel("Unigram")
		if err != nil {
			return nil, "", err
		}
		m, err := parseUnigram(object{value: o.value, members: map[string]value{"vocab": o.get("vocab")}})
		return m, precompiledIn(c.json.get("normalizer")), err
	}
	spm, err := c.spm(name, unigramKind)
	if err != nil {
		return nil, "", err
	}
	list, err := pieces(spm)
	if err != nil {
		return nil, "", err
	}
	m, err := c.unigram(list)
	return m, spm.precompiled(), err
}

// own are the pieces of a SentencePiece model as they are.
func own(spm *sentencePiece) ([]sentence, error) { return spm.pieces, nil }

// setUnknown makes the piece of that id the unknown one.
func (c *conversion) setUnknown(m *unigram, id int) error {
	if id < 0 || id >= len(m.scores) {
		return fmt.Errorf("%s: %d pieces, expected one with id %d, the unknown one", c.file, len(m.scores), id)
	}
	m.unknown = int32(id)
	return nil
}

// bpe makes a model; unknown is the piece of unknown characters, "" for none.
// Pieces that no merge has to do with get the names of renamed, by id.
func (c *conversion) bpe(spm *sentencePiece, unknown string, renamed []specialToken) (*bpe, error) {
	type merge struct{ left, right, result int32 }
	var merges []merge
	merged := make([]bool, len(spm.pieces)) // has a merge to do with the piece
	spm.merges(func(left, right, result int32) {
		merges = append(merges, merge{left, right, result})
		merged[left], merged[right], merged[result] = true, true, true
	})
	known := map[string]bool{}
	for _, s := range spm.pieces {
		known[s.piece] = len(renamed) > 0
	}
	for _, token := range renamed {
		if int(token.id) >= len(spm.pieces) || known[token.content] {
			continue
		}
		old := spm.pieces[token.id].piece
		if merged[token.id] {
			return nil, c.args.get(decoderKey).errorf("%q for id %d, which %s has merges of as %q", token.content, token.id, c.file, old)
		}
		known[old], known[token.content] = false, true
		spm.pieces[token.id].piece = token.content
	}
	o := object{value: value{file: c.file}, members: map[string]value{
		"fuse_unk":      {text: "true"},
		"byte_fallback": {text: strconv.FormatBool(spm.byteFallback)},
		"vocab":         {text: writeVocabulary(len(spm.pieces), func(id int) (string, bool) { return spm.pieces[id].piece, true }), file: c.file},
		"merges":        {text: "[]"},
	}}
	if unknown != "" {
		o.members["unk_token"] = value{quote(unknown), c.file, "unk_token"}
	}
	m, err := parseBPE(o)
	if err != nil {
		return nil, err
	}
	for _, merge := range merges {
		m.addMerge(merge.left, merge.right, merge.result)
	}
	return m, nil
}

// precompiled returns the step of the model's charsmap; "" where it has none.
func (m *sentencePiece) precompiled() string {
	if len(m.charsmap) == 0 {
		return ""
	}
	return `{"type":"Precompiled","precompiled_charsmap":"` + base64.StdEncoding.EncodeToString(m.charsmap) + `"}`
}

// spaces returns the steps around a Unigram model: words end at white space and
// begin with U+2581, unless add_prefix_space is false; null is false.
func (c *conversion) spaces(normalizer string) (steps, error) {
	prefix, err := c.args.boolean("add_prefix_space", "true", "false")
	scheme := "never"
	if prefix {
		scheme = "always"
	}
	return c.metaspaces(normalizer, scheme), err
}

func (c *conversion) metaspaces(normalizer, scheme string) steps {
	metaspace := `{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `","split":true}`
	return steps{normalizer, `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},` + metaspace + `]}`, metaspace}
}

// xlmRoberta is XLMRobertaTokenizer: the ids of fairseq, four special tokens in
// place of the first three pieces, and <mask> at the end.
func (c *conversion) xlmRoberta() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	return c.fairseq(3, "bos_token", "pad_token", "eos_token", "unk_token")
}

// camembert is CamembertTokenizer: five special tokens in place of the first
// piece, and <mask> at the end.
func (c *conversion) camembert() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	c.stripMask()
	if c.json != nil {
		c.extra = unusedTokens()
	}
	return c.fairseq(1, "<s>NOTUSED", "pad_token", "</s>NOTUSED", "unk_token", "<unk>NOTUSED")
}

// unusedTokens are the further special tokens of CamembertTokenizer where the folder lists
// none.
func unusedTokens() []specialToken {
	return []specialToken{plainToken("<s>NOTUSED"), plainToken("</s>NOTUSED"), plainToken("<unk>NOTUSED")}
}

// fairseq reads sentencepiece.bpe.model with the head in place of its first
// pieces: names of special tokens, or tokens. The fourth is the unknown one.
func (c *conversion) fairseq(dropped int, head ...string) (*Tokenizer, error) {
	if err := c.need("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"); err != nil {
		return nil, err
	}
	m, charsmap, err := c.unigramModel("sentencepiece.bpe.model", func(spm *sentencePiece) ([]sentence, error) {
		if len(spm.pieces) < dropped {
			return nil, fmt.Errorf("%s: %d pieces, expected at least %d", c.file, len(spm.pieces), dropped)
		}
		var pieces []sentence
		for _, name := range head {
			s := sentence{piece: name}
			if token, ok := c.named[name]; ok {
				s.piece = token.content
			} else if strings.HasPrefix(name, "<unk>") {
				s.score = -100
			}
			pieces = append(pieces, s)
		}
		return append(append(pieces, spm.pieces[dropped:]...), sentence{piece: c.named["mask_token"].content}), nil
	})
	if err != nil {
		return nil, err
	}
	unknown := 3
	if c.json != nil && c.class == "CamembertTokenizer" {
		id, _ := m.vocab.id(c.named["unk_token"].content) // 0 where there is none
		unknown = int(id)
	}
	if err := c.setUnknown(m, unknown); err != nil {
		return nil, err
	}
	s, err := c.spaces(charsmap)
	if err != nil {
		return nil, err
	}
	t, err := c.finish(m, s)
	if err != nil {
		return nil, err
	}
	return c.surroundUntyped(t, "bos_token", "eos_token", "eos_token")
}

// albert is AlbertTokenizer.
func (c *conversion) albert() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	lower, err := c.args.boolean("do_lower_case", "true", "false")
	if err != nil {
		return nil, err
	}
	accents, err := c.args.boolean("keep_accents", "false", "false")
	if err != nil {
		return nil, err
	}
	m, charsmap, err := c.unigramModel("spiece.model", own)
	if err != nil {
		return nil, err
	}
	if err := c.setUnknown(m, 1); err != nil {
		return nil, err
	}
	for _, name := range []string{"cls_token", "sep_token"} {
		if _, ok := m.vocab.id(c.named[name].content); !ok {
			return nil, fmt.Errorf("%s: no piece %q, the %s that %s needs", c.file, c.named[name].content, name, c.class)
		}
	}
	normalizer := "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"``\"},\"content\":\"\\\"\"}," +
		`{"type":"Replace","pattern":{"String":"''"},"content":"\""}`
	if !accents {
		normalizer += `,{"type":"NFKD"},{"type":"StripAccents"}`
	}
	if lower {
		normalizer += `,{"type":"Lowercase"}`
	}
	if charsmap != "" {
		normalizer += "," + charsmap
	}
	s, err := c.spaces(normalizer + "]}")
	if err != nil {
		return nil, err
	}
	t, err := c.finish(m, s)
	if err != nil {
		return nil, err
	}
	if c.json != nil && !c.json.get("post_processor").null() {
		return c.ends(t)
	}
	for _, key := range []string{"add_bos_token", "add_eos_token"} {
		if _, ok := c.args.members[key]; ok && c.json == nil {
			return c.ends(t)
		}
	}
	return c.surround(t, "cls_token", "", "sep_token")
}

// deberta is DebertaV2Tokenizer, which does not read the model's charsmap.
func (c *conversion) deberta() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	var lower, punctuation, prefix bool
	for _, option := range []struct {
		name, otherwise string
		to              *bool
	}{{"do_lower_case", "false", &lower}, {"split_by_punct", "false", &punctuation}, {"add_prefix_space", "true", &prefix}} {
		var err error
		if *option.to, err = c.args.boolean(option.name, option.otherwise, "false"); err != nil {
			return nil, err
		}
	}
	unknown := int32(1)
	if v := c.args.get("unk_id"); v.text != "" {
		var err error
		if unknown, err = v.natural(); err != nil {
			return nil, err
		}
	}
	m, _, err := c.unigramModel("spm.model", func(spm *sentencePiece) ([]sentence, error) {
		unknown = int32(spm.unknown)
		return spm.pieces, nil
	})
	if err != nil {
		return nil, err
	}
	if id, ok := m.vocab.id(c.named["unk_token"].content); ok && m.scores[id] == 0 {
		unknown = id
	}
	if err := c.setUnknown(m, int(unknown)); err != nil {
		return nil, err
	}
	scheme := "first"
	if prefix {
		scheme = "always"
	}
	s := steps{decoder: `{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `","split":true}`}
	s.normalizer = `{"type":"Replace","pattern":{"Regex":"\\s{2,}|[\\n\\r\\t]"},"content":" "},{"type":"NFC"},{"type":"Strip","strip_left":false,"strip_right":true}`
	if lower {
		s.normalizer = `{"type":"Lowercase"},` + s.normalizer
	}
	s.normalizer = `{"type":"Sequence","normalizers":[` + s.normalizer + `]}`
	s.preTokenizer = s.decoder
	if punctuation {
		s.preTokenizer = `{"type":"Punctuation","behavior":"Isolated"},` + s.preTokenizer
	}
	s.preTokenizer = `{"type":"Sequence","pretokenizers":[` + s.preTokenizer + `]}`
	t, err := c.finish(m, s)
	if err != nil {
		return nil, err
	}
	return c.surround(t, "cls_token", "", "sep_token")
}

// t5 is T5Tokenizer: the pieces, and extra_ids sentinels from the highest down.
func (c *conversion) t5() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	sentinels, v := int32(100), c.args.get("extra_ids")
	if v.text != "" {
		var err error
		if sentinels, err = v.natural(); err != nil {
			return nil, err
		}
		if sentinels > 1<<16 {
			return nil, v.errorf("%d, expected at most %d", sentinels, 1<<16)
		}
	}
	listed := int32(0) // sentinels that the model has
	m, charsmap, err := c.unigramModel("spiece.model", func(spm *sentencePiece) ([]sentence, error) {
		for _, token := range c.extra {
			if strings.Contains(token.content, "<extra_id_") {
				listed++
			}
		}
		if listed > 0 && sentinels > 0 && listed != sentinels {
			return nil, v.errorf("%d sentinels, and %s has %d of its own", sentinels, c.file, listed)
		}
		pieces := spm.pieces
		for i := range sentinels {
			pieces = append(pieces, sentence{piece: fmt.Sprintf("<extra_id_%d>", sentinels-1-i)})
		}
		return pieces, nil
	})
	if err != nil {
		return nil, err
	}
	if err := c.setUnknown(m, 2); err != nil {
		return nil, err
	}
	for i := range sentinels {
		if listed == 0 {
			c.extra = append(c.extra, plainToken(fmt.Sprintf("<extra_id_%d>", i)))
		}
	}
	t, err := c.finish(m, c.metaspaces(charsmap, "always"))
	if err != nil {
		return nil, err
	}
	return c.surroundUntyped(t, "", "", "eos_token")
}

// backend is TokenizersBackend: the SentencePiece model says all there is, but no
// space is put before the text. Pieces that added_tokens_decoder names otherwise
// get that name, which only a BPE model may have.
func (c *conversion) backend() (*Tokenizer, error) {
	spm, err := c.spm(spmFile, 0)
	if err != nil {
		return nil, err
	}
	defaults := map[string]string{}
	for _, end := range []struct {
		name, piece string
		id          int
	}{{"bos_token", spm.bosPiece, spm.bos}, {"eos_token", spm.eosPiece, spm.eos}, {"unk_token", spm.unknownPiece, spm.unknown}} {
		if end.id >= 0 {
			defaults[end.name] = end.piece
		}
	}
	if err := c.tokensOr(defaults); err != nil {
		return nil, err
	}
	var m model
	if spm.kind == unigramKind {
		if len(c.args.added) > 0 {
			return nil, c.args.get(decoderKey).errorf("added tokens for a unigram model, expected none for %s", c.class)
		}
		var u *unigram
		if u, err = c.unigram(spm.pieces); err == nil {
			u.fallback = spm.byteFallback
			err = c.setUnknown(u, spm.unknown)
		}
		m = u
	} else {
		m, err = c.bpe(spm, spm.unknownPiece, c.args.added)
	}
	if err != nil {
		return nil, err
	}
	s := steps{
		normalizer: `{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}`,
		decoder:    decodeSpaces + "]}",
	}
	if step := spm.precompiled(); step != "" {
		s.normalizer = strings.Replace(s.normalizer, "[", "["+step+",", 1)
	}
	if spm.byteFallback {
		s.decoder = decodeSpaces + `,{"type":"ByteFallback"},{"type":"Fuse"}]}`
	}
	t, err := c.finish(m, s)
	if err != nil {
		return nil, err
	}
	return c.ends(t)
}
