package tokenizer

// A wordLevel knows whole words, as the WordLevel model of Hugging Face
// tokenizers 0.23.3.
type wordLevel struct {
	vocab   *vocabulary
	unknown int32
}

func (m *wordLevel) vocabulary() *vocabulary { return m.vocab }

// append appends the id of word.
func (m *wordLevel) append(dst []int32, word []byte, _ *scratch) []int32 {
	id, ok := find(m.vocab, word)
	if !ok {
		id = m.unknown
	}
	return append(dst, id)
}

// parseWordLevel reads a model of type WordLevel.
func parseWordLevel(o object) (*wordLevel, error) {
	if err := o.only("type", "vocab", "unk_token"); err != nil {
		return nil, err
	}
	unknown, err := o.get("unk_token").str()
	if err != nil {
		return nil, err
	}
	m := &wordLevel{}
	if m.vocab, err = parseVocabulary(o.get("vocab")); err != nil {
		return nil, err
	}
	var ok bool
	if m.unknown, ok = m.vocab.id(unknown); !ok {
		return nil, o.get("unk_token").errorf("%q is not in the vocabulary", unknown)
	}
	return m, nil
}
