package tokenizer

// nllb is NllbTokenizer: the ids of fairseq, and the code of a language before each text.
func (c *conversion) nllb() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	if err := c.need("bos_token", "pad_token", "eos_token", "unk_token"); err != nil {
		return nil, err
	}
	if mask := c.named["mask_token"]; mask.plain {
		mask.lstrip, mask.normalized, mask.plain = true, true, false
		c.named["mask_token"] = mask
	}
	m, charsmap, err := c.nllbModel()
	if err != nil {
		return nil, err
	}
	metaspace := `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`
	s := steps{preTokenizer: metaspace, decoder: metaspace}
	if charsmap != "" {
		s.normalizer = `{"type":"Sequence","normalizers":[` + charsmap + `,{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]}`
	}
	t, err := c.finish(m, s)
	if err != nil {
		return nil, err
	}
	return t, c.args.language(t)
}

// nllbModel makes the model of tokenizer.json, or of sentencepiece.bpe.model with four special
// tokens in front. The step of the charsmap comes with it.
func (c *conversion) nllbModel() (*bpe, string, error) {
	unknown := c.named["unk_token"].content
	if c.json != nil {
		o, err := c.jsonModel("BPE")
		if err != nil {
			return nil, "", err
		}
		m, err := parseBPE(object{value: o.value, members: map[string]value{
			"vocab": o.get("vocab"), "merges": o.get("merges"), "fuse_unk": {text: "true"},
			"unk_token": {quote(unknown), c.file, "unk_token"},
		}})
		return m, precompiledIn(c.json.get("normalizer")), err
	}
	spm, err := c.spm("sentencepiece.bpe.model", bpeKind)
	if err != nil {
		return nil, "", err
	}
	var pieces []sentence
	front := map[string]bool{}
	for _, name := range []string{"bos_token", "pad_token", "eos_token", "unk_token"} {
		if token := c.named[name].content; !front[token] {
			front[token] = true
			pieces = append(pieces, sentence{piece: token})
		}
	}
	for _, s := range spm.pieces {
		if !front[s.piece] {
			pieces = append(pieces, s)
		}
	}
	spm.pieces, spm.byteFallback = pieces, false
	m, err := c.bpe(spm, unknown, nil)
	return m, spm.precompiled(), err
}

// m2m100 is M2M100Tokenizer, whose vocabulary and SentencePiece model are two.
func (c *conversion) m2m100() (*Tokenizer, error) {
	return nil, c.args.said().unsupported("M2M100Tokenizer, expected NllbTokenizer of a model of that family")
}

// language puts the code of the language that texts are in, src_lang, before each, and the end
// token after it; both after it, where legacy_behaviour says so: set_src_lang_special_tokens of
// transformers 4.57 and 5.23.
func (a *arguments) language(t *Tokenizer) error {
	code := "eng_Latn"
	if v := a.get("src_lang"); !v.null() {
		var err error
		if code, err = v.str(); err != nil {
			return err
		}
	}
	legacy, err := a.boolean("legacy_behaviour", "false", "false")
	if err != nil {
		return err
	}
	end, err := a.token("eos_token", "</s>")
	if err != nil {
		return err
	}
	language, ok := t.ID(code)
	if !ok {
		return a.get("src_lang").errorf("%q, expected the code of a language that the vocabulary has", code)
	}
	last, ok := t.ID(end.content)
	if !ok {
		return a.get("eos_token").errorf("%q is not in the vocabulary", end.content)
	}
	head, tail := []int32{language}, []int32{last}
	if legacy {
		head, tail = nil, []int32{last, language}
	}
	f := bareFrame()
	f.single = f.single.join(head, tail, 0)
	f.pair = [2]part{f.pair[0].join(head, nil, 0), f.pair[1].join(nil, tail, 0)} // a pair is one text
	f.oneType()
	t.frame = f
	return nil
}
