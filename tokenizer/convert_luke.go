package tokenizer

// mluke is MLukeTokenizer of transformers 4.57, of texts without entities: that of XLM-R, which
// its model was trained with. 5.23 gives other ids for the same SentencePiece model, an error here.
func (c *conversion) mluke() (*Tokenizer, error) {
	if c.json != nil || c.version != 4 {
		return nil, c.args.said().unsupported("%s as transformers 5 reads it, with other ids than its models were trained with: expected a folder of 4, or to be read as 4", c.class)
	}
	if err := c.tokens(); err != nil {
		return nil, err
	}
	c.stripMask()
	t, err := c.fairseq(3, "bos_token", "pad_token", "eos_token", "unk_token")
	if err != nil {
		return nil, err
	}
	for _, token := range c.args.added { // the reference takes the ids that the files say
		if id, ok := t.ID(token.content); !ok || token.id != id {
			return nil, c.args.said().unsupported("%s with the added token %q of id %d, expected %d", c.class, token.content, token.id, id)
		}
	}
	return t, nil
}

// luke is LukeTokenizer, that of words by spaces and entities.
func (c *conversion) luke() (*Tokenizer, error) {
	return nil, c.args.said().unsupported("%s, expected MLukeTokenizer", c.class)
}
