package tokenizer

import (
	"slices"
	"strings"
)

// A frame is what the post-processor makes of one text and of two: the special tokens
// around them, the token types, and what is done to the spans of tokens.
type frame struct {
	single part
	pair   [2]part // in the order of the sequence
	noPair error   // why there are no pairs
	trims  []trim  // in their order

	// Whether to the post-processors that follow special tokens are sequences, too, as
	// TemplateProcessing makes them: those of a single text, and of a pair.
	apart, pairApart bool
}

// A part is a text of a sequence and the special tokens around it.
type part struct {
	head, tail typed
	text       int   // of a pair: 0 the first, 1 the second
	kind       int32 // the token type of the text's tokens
	joined     bool  // the head is of the text to the post-processors that follow: BertProcessing
}

// typed are special tokens and their token types, of which there are as many.
type typed struct{ ids, types []int32 }

// bareFrame is the frame of a tokenizer without post-processor.
func bareFrame() frame { return frame{pair: [2]part{{}, {text: 1, kind: 1}}} }

func (t typed) and(u typed) typed {
	return typed{slices.Concat(t.ids, u.ids), slices.Concat(t.types, u.types)}
}

func ofType(kind int32, ids []int32) typed {
	return typed{ids, slices.Repeat([]int32{kind}, len(ids))}
}

// special returns how many special tokens p has.
func (p *part) special() int { return len(p.head.ids) + len(p.tail.ids) }

// around returns the special tokens before and after p's text.
func (p *part) around(o Options) (head, tail []int32) {
	if o.NoSpecial {
		return nil, nil
	}
	return p.head.ids, p.tail.ids
}

// appendTypes appends the token types of p with a text of so many tokens.
func (p *part) appendTypes(dst []int32, tokens int, o Options) []int32 {
	if !o.NoSpecial {
		dst = append(dst, p.head.types...)
	}
	for range tokens {
		dst = append(dst, p.kind)
	}
	if !o.NoSpecial {
		dst = append(dst, p.tail.types...)
	}
	return dst
}

// hasTypes reports whether p has a token type that is not 0.
func (p *part) hasTypes() bool {
	other := func(kind int32) bool { return kind != 0 }
	return p.kind != 0 || slices.ContainsFunc(p.head.types, other) || slices.ContainsFunc(p.tail.types, other)
}

// join returns p between head and tail, as BertProcessing does.
func (p part) join(head, tail []int32, kind int32) part {
	p.head, p.tail = ofType(kind, head).and(p.head), p.tail.and(ofType(kind, tail))
	p.joined = p.joined || len(head) > 0
	return p
}

// ofType returns p with the token type for all.
func (p part) ofType(kind int32) part {
	p.head, p.kind, p.tail = ofType(kind, p.head.ids), kind, ofType(kind, p.tail.ids)
	return p
}

// put returns inner in the place of p's text.
func (p part) put(inner part) part {
	inner = inner.ofType(p.kind)
	inner.head, inner.tail = p.head.and(inner.head), inner.tail.and(p.tail)
	return inner
}

// surround puts head and tail around a single text and the first of a pair, between
// and tail around the second, whose special tokens have type 1.
func (f *frame) surround(head, between, tail []int32) {
	f.single = f.single.join(head, tail, 0)
	f.pair = [2]part{f.pair[0].join(head, tail, 0), f.pair[1].join(between, tail, 1)}
}

// oneType makes all token types 0.
func (f *frame) oneType() {
	f.single = f.single.ofType(0)
	f.pair = [2]part{f.pair[0].ofType(0), f.pair[1].ofType(0)}
}

// trim adds trims.
func (f *frame) trim(trims []trim) {
	for _, t := range trims {
		t.joined = f.single.joined
		for _, p := range f.pair {
			t.pairJoined[p.text] = p.joined
		}
		f.trims = append(f.trims, t)
	}
}

// whole returns an error where a post-processor that needs whole texts, at v, comes
// after one that makes special tokens sequences. That for pairs stays in f.
func (f *frame) whole(v value) error {
	err := v.unsupported("special tokens around those of TemplateProcessing: not supported")
	if f.pairApart && f.noPair == nil {
		f.noPair = err
	}
	if f.apart {
		return err
	}
	return nil
}

// parseFrame reads the post-processor v, which may be null, and returns the frame that
// it makes of f. has reports whether an id is in the vocabulary.
func parseFrame(f frame, v value, has func(int32) bool) (frame, error) {
	if v.null() {
		return f, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return f, err
	}
	switch kind {
	case "TemplateProcessing":
		return parseTemplate(f, o, has)
	case "ByteLevel":
		k, err := parseByteLevelKeys(o)
		f.trim(k.trims())
		return f, err
	case "BertProcessing":
		cls, sep, err := parseClsSep(o, has, "type", "sep", "cls")
		if err == nil {
			err = f.whole(v)
		}
		f.surround(cls, nil, sep)
		return f, err
	case "RobertaProcessing":
		return parseRoberta(f, o, has)
	case "Sequence":
		return parseSequence(o, "processors", f, func(f frame, v value) (frame, error) { return parseFrame(f, v, has) })
	}
	return f, v.unsupported("unknown type %q", kind)
}

// parseRoberta reads RobertaProcessing. Where one of the keys about offsets is not
// there it is BertProcessing to the reference.
func parseRoberta(f frame, o object, has func(int32) bool) (frame, error) {
	cls, sep, err := parseClsSep(o, has, "type", "sep", "cls", "trim_offsets", "add_prefix_space")
	if err == nil {
		err = f.whole(o.value)
	}
	trimOffsets, add := o.get("trim_offsets"), o.get("add_prefix_space")
	if err != nil || trimOffsets.null() || add.null() {
		f.surround(cls, nil, sep)
		return f, err
	}
	var k byteLevelKeys
	if k.trim, err = trimOffsets.boolean(); err != nil {
		return f, err
	}
	if k.space, err = add.boolean(); err != nil {
		return f, err
	}
	f.trim(k.trims())
	f.surround(cls, sep, sep)
	f.oneType()
	return f, nil
}

// parseClsSep reads the tokens of BertProcessing and RobertaProcessing, each given as
// a token and its id.
func parseClsSep(o object, has func(int32) bool, keys ...string) (cls, sep []int32, err error) {
	if err := o.only(keys...); err != nil {
		return nil, nil, err
	}
	for _, side := range []struct {
		key string
		ids *[]int32
	}{{"cls", &cls}, {"sep", &sep}} {
		v := o.get(side.key)
		pair, err := v.array()
		if err != nil {
			return nil, nil, err
		}
		if len(pair) != 2 {
			return nil, nil, v.errorf("%d elements, expected a token and its id", len(pair))
		}
		if _, err := pair[0].str(); err != nil {
			return nil, nil, err
		}
		id, err := parseID(pair[1], has)
		if err != nil {
			return nil, nil, err
		}
		*side.ids = []int32{id}
	}
	return cls, sep, nil
}

// parseTemplate reads TemplateProcessing. What is wrong with the template of a pair
// stays in the frame: single texts go without.
func parseTemplate(f frame, o object, has func(int32) bool) (frame, error) {
	if err := o.only("type", "single", "pair", "special_tokens"); err != nil {
		return f, err
	}
	special, err := o.get("special_tokens").object()
	if err != nil {
		return f, err
	}
	single, err := parsePieces(o.get("single"), special, has, "A")
	if err == nil {
		err = f.whole(o.value)
	}
	if err != nil {
		return f, err
	}
	f.single, f.apart = single[0].put(f.single), single[0].special() > 0
	pair, err := parsePieces(o.get("pair"), special, has, "A", "B")
	switch {
	case f.noPair != nil:
	case err != nil:
		f.noPair = err
	default:
		f.pair = [2]part{pair[0].put(f.pair[pair[0].text]), pair[1].put(f.pair[pair[1].text])}
		f.pairApart = pair[0].special()+pair[1].special() > 0
	}
	return f, nil
}

// parsePieces reads a template that has each of the named texts once, and returns
// their parts, in its order.
func parsePieces(v value, special object, has func(int32) bool, names ...string) ([]part, error) {
	pieces, err := v.array()
	if err != nil {
		return nil, err
	}
	var head typed
	var parts []part
	to := &head
	for _, p := range pieces {
		piece, err := p.object()
		if err != nil {
			return nil, err
		}
		if len(piece.keys) != 1 {
			return nil, p.errorf("%d keys, expected Sequence or SpecialToken", len(piece.keys))
		}
		kind := piece.keys[0]
		body, err := piece.get(kind).object()
		if err != nil {
			return nil, err
		}
		if err := body.only("id", "type_id"); err != nil {
			return nil, err
		}
		name, err := body.get("id").str()
		if err != nil {
			return nil, err
		}
		typeID, err := body.get("type_id").natural()
		if err != nil {
			return nil, err
		}
		switch kind {
		case "Sequence":
			text := slices.Index(names, name)
			if text < 0 || slices.ContainsFunc(parts, func(p part) bool { return p.text == text }) {
				return nil, body.errorf("sequence %q, expected %s once", name, strings.Join(names, " and "))
			}
			parts = append(parts, part{text: text, kind: typeID})
			to = &parts[len(parts)-1].tail
		case "SpecialToken":
			ids, err := appendSpecial(nil, special, name, has)
			if err != nil {
				return nil, err
			}
			*to = to.and(ofType(typeID, ids))
		default:
			return nil, p.unsupported("unknown piece %q", kind)
		}
	}
	if len(parts) < len(names) {
		return nil, v.errorf("%d sequences, expected %s", len(parts), strings.Join(names, " and "))
	}
	parts[0].head = head
	return parts, nil
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
