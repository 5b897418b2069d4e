package embedhttp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// inputs are those of a request, texts or token ids.
type inputs struct {
	field string // for messages
	texts []string
	ids   [][]int32
}

func (in *inputs) count() int { return len(in.texts) + len(in.ids) }

func (c *call) setInputs(h *Handler, field string, value []byte) error {
	in := inputs{field: field}
	if err := in.read(h, value); err != nil {
		return in.failure(err)
	}
	old := &c.inputs
	if old.field != "" && !(slices.Equal(old.texts, in.texts) && slices.EqualFunc(old.ids, in.ids, slices.Equal)) {
		return fail(codeInvalidRequest, field, "contradicts %s", old.field)
	}
	if old.field == "" {
		*old = in
	}
	return nil
}

// failure is that of an error of read.
func (in *inputs) failure(err error) *failure {
	f := fail(codeInvalidInput, "", "%v", err)
	f.param = in.field
	return f
}

// read reads a text, a list of texts, token ids, or a list of them. An error names the input, or
// the field where it is of all.
func (in *inputs) read(h *Handler, value []byte) error {
	if value[0] == '"' {
		return in.text(h, unquote(value), 0)
	}
	if value[0] != '[' {
		return fmt.Errorf("%s: found %s, expected a text, token ids, or a list of them", in.field, excerpt(value))
	}
	var first byte
	i := 0
	for part := range parts(value) {
		if i == 0 {
			first = part[0]
		}
		var err error
		switch {
		case i == 0 && (first == '-' || first-'0' <= 9): // one list of ids
			ids, err := tokenIDs(value)
			if err != nil {
				return fmt.Errorf("%s: %w", in.field, err)
			}
			in.ids = [][]int32{ids}
			return nil
		case i == h.cfg.MaxItems:
			return fmt.Errorf("%s: more than %d items", in.field, h.cfg.MaxItems)
		case part[0] == '"' && first != '[':
			err = in.text(h, unquote(part), i)
		case part[0] == '{' && first != '[': // as Jina has it
			var s string
			if s, err = h.document(part); err != nil {
				err = fmt.Errorf("input %d: %w", i, err)
			} else {
				err = in.text(h, s, i)
			}
		case part[0] == '[' && first == '[':
			err = in.list(part, i)
		default:
			err = fmt.Errorf("input %d: found %s, expected all items to be texts, all to be token ids, or all to be lists of token ids", i, excerpt(part))
		}
		if err != nil {
			return err
		}
		i++
	}
	if i == 0 {
		return fmt.Errorf("%s: an empty list, expected at least one item", in.field)
	}
	return nil
}

func (in *inputs) text(h *Handler, s string, i int) error {
	if s == "" {
		return fmt.Errorf("input %d: empty text", i)
	}
	if err := h.checkChars(s); err != nil {
		return fmt.Errorf("input %d: %w", i, err)
	}
	in.texts = append(in.texts, s)
	return nil
}

func (in *inputs) list(value []byte, i int) error {
	ids, err := tokenIDs(value)
	if err == nil && len(ids) == 0 {
		err = errors.New("empty token list")
	}
	if err != nil {
		return fmt.Errorf("input %d: %w", i, err)
	}
	in.ids = append(in.ids, ids)
	return nil
}

// tokenIDs reads a list of token ids.
func tokenIDs(value []byte) ([]int32, error) {
	ids := make([]int32, 0, bytes.Count(value, []byte{','})+1)
	for part := range parts(value) {
		id, err := strconv.ParseInt(string(part), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("token %d: found %s, expected a token id, an integer of 32 bits", len(ids), excerpt(part))
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}
