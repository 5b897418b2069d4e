package tokenizer

// byteFallback makes a BPE model with byte fallback, of tokenizer.json or of
// tokenizer.model; unknown is as for bpe.
func (c *conversion) byteFallback(unknown string) (*bpe, error) {
	if c.json != nil {
		o, err := c.jsonModel("BPE")
		if err != nil {
			return nil, err
		}
		members := map[string]value{"vocab": o.get("vocab"), "merges": o.get("merges"), "fuse_unk": {text: "true"}, "byte_fallback": {text: "true"}}
		if unknown != "" {
			members["unk_token"] = value{quote(unknown), c.file, "unk_token"}
		}
		return parseBPE(object{value: o.value, members: members})
	}
	spm, err := c.spm(spmFile, bpeKind)
	if err != nil {
		return nil, err
	}
	spm.byteFallback = true
	return c.bpe(spm, unknown, nil)
}

const decodeSpaces = `{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "}`

// llama is LlamaTokenizer: where legacy is false, as it is by default, only the
// text's first word gets a space before it, not one after a special token.
func (c *conversion) llama() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	prefix, err := c.args.boolean("add_prefix_space", "true", "true")
	if err != nil {
		return nil, err
	}
	legacy, err := c.args.boolean("legacy", "false", "false")
	if err != nil {
		return nil, err
	}
	m, err := c.byteFallback("")
	if err != nil {
		return nil, err
	}
	scheme, decoder := "never", decodeSpaces+`,{"type":"ByteFallback"},{"type":"Fuse"}`
	if prefix {
		decoder += `,{"type":"Strip","content":" ","start":1,"stop":0}`
		if scheme = "first"; legacy {
			scheme = "always"
		}
	}
	t, err := c.finish(m, steps{
		preTokenizer: `{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `","split":false}`,
		decoder:      decoder + "]}",
	})
	if err != nil {
		return nil, err
	}
	return c.ends(t)
}

// gemma is GemmaTokenizer.
func (c *conversion) gemma() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	if err := c.need("unk_token"); err != nil {
		return nil, err
	}
	m, err := c.byteFallback(c.named["unk_token"].content)
	if err != nil {
		return nil, err
	}
	t, err := c.finish(m, steps{
		normalizer:   `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`,
		preTokenizer: `{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`,
		decoder:      decodeSpaces + `,{"type":"ByteFallback"},{"type":"Fuse"}]}`,
	})
	if err != nil {
		return nil, err
	}
	return c.ends(t)
}

// clip is CLIPTokenizer: words in lower case, the last piece of each with </w> at its end.
func (c *conversion) clip() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	if err := c.need("unk_token"); err != nil {
		return nil, err
	}
	vocab, merges, err := c.merges()
	if err != nil {
		return nil, err
	}
	m, err := parseBPE(object{members: map[string]value{
		"vocab": vocab, "merges": merges, "end_of_word_suffix": {text: `"</w>"`},
		"unk_token": {quote(c.named["unk_token"].content), c.file, "unk_token"},
	}})
	if err != nil {
		return nil, err
	}
	pattern := quote(`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`)
	t, err := c.finish(m, steps{
		normalizer: `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}`,
		preTokenizer: `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + pattern +
			`},"behavior":"Removed","invert":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}`,
		decoder: `{"type":"Sequence","decoders":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},` +
			`{"type":"Replace","pattern":{"String":"</w>"},"content":" "},{"type":"Strip","content":" ","start":1,"stop":1}]}`,
	})
	if err != nil {
		return nil, err
	}
	t.frame.trim(byteLevelKeys{}.trims())
	return c.surroundUntyped(t, "bos_token", "eos_token", "eos_token")
}
