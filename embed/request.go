package embed

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A request is Options checked against the model.
type request struct {
	route        *route
	prompt       string            // put before each text
	encode       tokenizer.Options // of texts; MaxTokens and Truncate of token ids too
	skip         int               // leading tokens that pooling leaves out
	task         int               // as transformer.Batch.Task
	dimensions   int
	layers       int // to run; 0 = all
	unnormalized bool
	formats      []encoding.Format
	ranges       *quant.Ranges // of int8 and uint8; nil = by a vector's own scale
}

// sameWay reports whether inputs of r and of o may share a forward pass.
func (r *request) sameWay(o *request) bool {
	return r.route == o.route && r.layers == o.layers && r.task == o.task
}

// request checks what means the same for texts and token ids.
func (m *Model) request(opts Options) (*request, error) {
	route, err := m.routeOf(opts.PromptName)
	if err != nil {
		return nil, err
	}
	r := &request{route: route, encode: route.encode, dimensions: m.info.DefaultDimensions, unnormalized: opts.Unnormalized, formats: opts.Formats}
	limit, special := r.encode.MaxTokens, route.tokenizer.SpecialTokens()
	if n := opts.MaxTokens; n != 0 {
		if n < max(1, special) {
			return nil, optionError("max tokens", "%d, expected at least %d, or 0 for the model's", n, max(1, special))
		}
		if limit == 0 || n < limit {
			limit = n
		}
	}
	r.encode.MaxTokens = limit
	switch opts.Truncate {
	case TruncateDefault: // the model's
	case TruncateEnd:
		r.encode.Truncate = tokenizer.TruncateEnd
	case TruncateStart:
		r.encode.Truncate = tokenizer.TruncateStart
	case TruncateNone:
		r.encode.Truncate = tokenizer.TruncateNone
	default:
		return nil, optionError("truncate", "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", opts.Truncate)
	}
	if d := opts.Dimensions; d != 0 {
		if d < 0 || d > m.info.Dimensions {
			return nil, optionError("dimensions", "%d, expected 1 to %d", d, m.info.Dimensions)
		}
		if list := m.info.MatryoshkaDimensions; list != nil && d != m.info.Dimensions && !slices.Contains(list, d) {
			return nil, optionError("dimensions", "%d, expected %d or one that the model declares, %v", d, m.info.Dimensions, list)
		}
		r.dimensions = d
	}
	if n, all := opts.Layers, route.layers(); n != 0 {
		if all == 0 {
			return nil, optionError("layers", "%d, expected 0, as the model has no layers", n)
		}
		if n < 0 || n > all {
			return nil, optionError("layers", "%d, expected 1 to %d, or 0 for all", n, all)
		}
		r.layers = n
	}
	for i, f := range opts.Formats {
		if !f.Known() {
			return nil, optionError("formats", "unknown %v", f)
		}
		if slices.Contains(opts.Formats[:i], f) {
			return nil, optionError("formats", "%v twice", f)
		}
	}
	r.ranges, err = m.ranges(r, opts.Ranges)
	return r, err
}

// inputs are those of one call.
type inputs interface {
	count() int
	// request checks opts for inputs of this kind.
	request(m *Model, opts Options) (*request, error)
	// size returns about how much they are for r, without tokenizing.
	size(r *request) size
	// append appends the ids of input i to dst, and says how many were dropped.
	append(dst []int32, i int, r *request) ([]int32, int, error)
}

// texts are inputs that the tokenizer reads.
type texts []string

func (t texts) count() int { return len(t) }

func (t texts) request(m *Model, opts Options) (*request, error) {
	r, err := m.request(opts)
	if err != nil {
		return nil, err
	}
	var name string
	if r.prompt, name, err = m.prompt(opts); err != nil {
		return nil, err
	}
	if r.task = slices.Index(r.route.tasks(), name) + 1; r.prompt == "" {
		return r, nil
	}
	tok := r.route.tokenizer
	e, err := tok.Encode(r.prompt, tokenizer.Options{})
	if err != nil {
		return nil, &OptionError{"prompt", err}
	}
	n, limit := len(e.IDs), r.encode.MaxTokens
	if limit > 0 && n > limit {
		return nil, optionError("prompt", "%d tokens, model reads %d", n, limit)
	}
	r.encode.Prefix = n - tok.SpecialTokens()
	if p := r.route.pooling; p != nil && !p.includePrompt && n > 0 {
		// As in sentence-transformers 6.2, Transformer._get_prompt_length.
		if r.skip = n; tok.Special(e.IDs[n-1]) {
			r.skip--
		}
	}
	return r, nil
}

// bytesPerToken is about how many bytes of a text a token stands for.
const bytesPerToken = 4

func (t texts) size(r *request) size {
	s := size{texts: len(t)}
	for _, text := range t {
		n := len(r.prompt) + len(text)
		s.bytes += n
		s.tokens += lowest(r.encode.MaxTokens, 1+n/bytesPerToken)
	}
	return s
}

func (t texts) append(dst []int32, i int, r *request) ([]int32, int, error) {
	text := t[i]
	if text == "" {
		return dst, 0, errors.New("empty text")
	}
	if r.prompt != "" {
		text = r.prompt + text
	}
	from := len(dst)
	dst, truncated, err := r.route.tokenizer.Append(dst, text, r.encode)
	if unknown := r.route.unknown; unknown >= 0 {
		kept := slices.DeleteFunc(dst[from:], func(id int32) bool { return id == unknown })
		dst = dst[:from+len(kept)]
	}
	return dst, truncated, err
}

// tokenLists are inputs that are token ids already.
type tokenLists [][]int32

func (t tokenLists) count() int { return len(t) }

func (t tokenLists) request(m *Model, opts Options) (*request, error) {
	if opts.Prompt != "" {
		return nil, optionError("prompt", "given with token ids, which have none")
	}
	if _, ok := m.named(opts.PromptName); !ok && opts.PromptName != "" {
		return nil, optionError("prompt name", "%.100q given with token ids, which have no prompt", opts.PromptName)
	}
	r, err := m.request(opts)
	if err == nil && opts.Truncate == TruncateDefault {
		r.encode.Truncate = tokenizer.TruncateNone
	}
	return r, err
}

func (t tokenLists) size(r *request) size {
	s := size{texts: len(t)}
	for _, ids := range t {
		s.tokens += lowest(r.encode.MaxTokens, len(ids))
	}
	return s
}

func (t tokenLists) append(dst []int32, i int, r *request) ([]int32, int, error) {
	ids, limit := t[i], r.encode.MaxTokens
	if len(ids) == 0 {
		return dst, 0, errors.New("empty token list")
	}
	if limit == 0 || len(ids) <= limit {
		return append(dst, ids...), 0, nil
	}
	if err := r.route.checkIDs(ids); err != nil {
		return dst, 0, err // in what will be dropped, too: another tokenizer's ids
	}
	// What lies before the tokens to drop, and after them.
	before, after := 0, 0
	head, tail := r.route.tokenizer.Frame()
	if len(ids) >= len(head) && slices.Equal(ids[:len(head)], head) {
		before = len(head)
	}
	if len(ids) >= len(tail) && slices.Equal(ids[len(ids)-len(tail):], tail) {
		after = len(tail)
	}
	switch r.encode.Truncate {
	case tokenizer.TruncateEnd:
		before = limit - after
	case tokenizer.TruncateStart:
		after = limit - before
	case tokenizer.TruncateNone:
		return dst, 0, &tokenizer.TooLongError{Tokens: len(ids), Limit: limit}
	}
	dst = append(append(dst, ids[:before]...), ids[len(ids)-after:]...)
	return dst, len(ids) - limit, nil
}

// checkIDs checks that the encoder has an embedding for each of ids. No tokens
// at all are a zero vector for a table.
func (e *encoder) checkIDs(ids []int32) error {
	if len(ids) == 0 && e.table == nil {
		return errors.New("no tokens, expected at least one")
	}
	for _, id := range ids {
		if n := e.vocabulary(); id < 0 || int(id) >= n {
			return fmt.Errorf("token id %d, expected 0 to %d: ids must come from this model's tokenizer", id, n-1)
		}
	}
	return nil
}
