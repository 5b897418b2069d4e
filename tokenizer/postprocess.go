package tokenizer

import "slices"

// A frame is the special tokens around a sequence, and what is done to the spans
// of its tokens.
type frame struct {
	head, tail []int32
	trims      []trim // in their order
	joined     bool   // to the post-processors that follow all is one sequence: BertProcessing
	apart      bool   // to them special tokens are sequences, too: TemplateProcessing
}

// parseFrame reads the post-processor v. null gives an empty frame.
// has reports whether an id is in the vocabulary.
func parseFrame(v value, has func(int32) bool) (frame, error) {
	if v.null() {
		return frame{}, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return frame{}, err
	}
	switch kind {
	case "TemplateProcessing":
		return parseTemplate(o, has)
	case "ByteLevel":
		k, err := parseByteLevelKeys(o)
		return frame{trims: k.trims()}, err
	case "BertProcessing":
		return parseClsSep(o, has, "type", "sep", "cls")
	case "RobertaProcessing":
		return parseRoberta(o, has)
	case "Sequence":
		return parseSequence(o, "processors", frame{}, func(inner frame, v value) (frame, error) {
			outer, err := parseFrame(v, has)
			if err == nil && inner.apart && (outer.joined || outer.apart) {
				err = v.errorf("special tokens around those of TemplateProcessing: not supported")
			}
			return inner.within(outer), err
		})
	}
	return frame{}, v.errorf("unknown type %q", kind)
}

// within returns the frame of the post-processor of f and then that of outer.
func (f frame) within(outer frame) frame {
	all := frame{
		head:   slices.Concat(outer.head, f.head),
		tail:   slices.Concat(f.tail, outer.tail),
		trims:  slices.Concat(f.trims, outer.trims),
		joined: f.joined || outer.joined,
		apart:  f.apart || outer.apart,
	}
	for i := range outer.trims {
		all.trims[len(f.trims)+i].joined = f.joined
	}
	return all
}

// parseRoberta reads RobertaProcessing. Where one of the keys about offsets is not
// there it is BertProcessing to the reference.
func parseRoberta(o object, has func(int32) bool) (frame, error) {
	f, err := parseClsSep(o, has, "type", "sep", "cls", "trim_offsets", "add_prefix_space")
	trimOffsets, add := o.get("trim_offsets"), o.get("add_prefix_space")
	if err != nil || trimOffsets.null() || add.null() {
		return f, err
	}
	var k byteLevelKeys
	if k.trim, err = trimOffsets.boolean(); err != nil {
		return f, err
	}
	if k.space, err = add.boolean(); err != nil {
		return f, err
	}
	f.trims = k.trims()
	return f, nil
}

// parseClsSep reads the frame of BertProcessing and RobertaProcessing: cls, the
// sequence, sep, each given as a token and its id.
func parseClsSep(o object, has func(int32) bool, keys ...string) (f frame, err error) {
	if err := o.only(keys...); err != nil {
		return f, err
	}
	for _, side := range []struct {
		key string
		ids *[]int32
	}{{"cls", &f.head}, {"sep", &f.tail}} {
		v := o.get(side.key)
		pair, err := v.array()
		if err != nil {
			return f, err
		}
		if len(pair) != 2 {
			return f, v.errorf("%d elements, expected a token and its id", len(pair))
		}
		if _, err := pair[0].str(); err != nil {
			return f, err
		}
		id, err := parseID(pair[1], has)
		if err != nil {
			return f, err
		}
		*side.ids = []int32{id}
	}
	f.joined = true
	return f, nil
}

// parseTemplate reads the template of a single sequence of TemplateProcessing.
func parseTemplate(o object, has func(int32) bool) (f frame, err error) {
	if err := o.only("type", "single", "pair", "special_tokens"); err != nil {
		return f, err
	}
	special, err := o.get("special_tokens").object()
	if err != nil {
		return f, err
	}
	single := o.get("single")
	pieces, err := single.array()
	if err != nil {
		return f, err
	}
	sequences, ids := 0, &f.head
	for _, p := range pieces {
		piece, err := p.object()
		if err != nil {
			return f, err
		}
		if len(piece.keys) != 1 {
			return f, p.errorf("%d keys, expected Sequence or SpecialToken", len(piece.keys))
		}
		kind := piece.keys[0]
		body, err := piece.get(kind).object()
		if err != nil {
			return f, err
		}
		if err := body.only("id", "type_id"); err != nil {
			return f, err
		}
		name, err := body.get("id").str()
		if err != nil {
			return f, err
		}
		if typeID, err := body.get("type_id").natural(); err != nil {
			return f, err
		} else if typeID != 0 {
			return f, body.errorf("type_id %d in a single sequence, expected 0", typeID)
		}
		switch kind {
		case "Sequence":
			if name != "A" || sequences > 0 {
				return f, body.errorf("sequence %q, expected A once", name)
			}
			sequences, ids = 1, &f.tail
		case "SpecialToken":
			if *ids, err = appendSpecial(*ids, special, name, has); err != nil {
				return f, err
			}
		default:
			return f, p.errorf("unknown piece %q", kind)
		}
	}
	if sequences == 0 {
		return f, single.errorf("no sequence A")
	}
	f.apart = len(f.head)+len(f.tail) > 0
	return f, nil
}

// appendSpecial appends the ids that the table special has for a name.
func appendSpecial(dst []int32, special object, name string, has func(int32) bool) ([]int32, error) {
	if _, ok := special.members[name]; !ok {
		return nil, special.errorf("no %q, which the template names", name)
	}
	token, err := special.get(name).object()
	if err != nil {
		return nil, err
	}
	if err := token.only("id", "ids", "tokens"); err != nil {
		return nil, err
	}
	ids, err := token.get("ids").array()
	if err != nil {
		return nil, err
	}
	for _, v := range ids {
		id, err := parseID(v, has)
		if err != nil {
			return nil, err
		}
		dst = append(dst, id)
	}
	return dst, nil
}

func parseID(v value, has func(int32) bool) (int32, error) {
	id, err := v.natural()
	if err == nil && !has(id) {
		err = v.errorf("id %d is not in the vocabulary", id)
	}
	return id, err
}
