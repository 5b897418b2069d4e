package embed

import (
	"context"
	"errors"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A request is Options, checked against the model once the call is run, and the
// Result, which it makes of the rows of its inputs.
type request struct {
	model   *Model
	options Options
	result  *Result

	pipeline.Request
	route        *loader.Route
	reader       loader.Reader     // of texts, with the prompt
	encode       tokenizer.Options // of texts; MaxTokens and Truncate of token ids too
	dimensions   int
	unnormalized bool
	formats      []encoding.Format
	ranges       *quant.Ranges // of int8 and uint8; nil = by a vector's own scale
	recall       *recall       // of the model's cache; nil = none
	joins        bool          // of the recall
}

// check checks what means the same for texts and token ids.
func (r *request) check() error {
	m, opts := r.model, &r.options
	route, err := m.routeOf(opts.PromptName)
	if err != nil {
		return err
	}
	r.route, r.Way = route, &route.Way
	r.encode, r.dimensions, r.unnormalized, r.formats = route.Encoder.Options(), m.info.DefaultDimensions, opts.Unnormalized, opts.Formats
	limit, special := r.encode.MaxTokens, route.Encoder.Tokenizer.SpecialTokens()
	if n := opts.MaxTokens; n != 0 {
		if n < max(1, special) {
			return optionError(OptionMaxTokens, "%d, expected at least %d, or 0 for the model's", n, max(1, special))
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
		return optionError(OptionTruncate, "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", opts.Truncate)
	}
	if d := opts.Dimensions; d != 0 {
		if d < 0 || d > m.info.Dimensions {
			return optionError(OptionDimensions, "%d, expected 1 to %d", d, m.info.Dimensions)
		}
		if list := m.info.MatryoshkaDimensions; list != nil && d != m.info.Dimensions && !slices.Contains(list, d) {
			return optionError(OptionDimensions, "%d, expected %d or one that the model declares, %v", d, m.info.Dimensions, list)
		}
		r.dimensions = d
	}
	if n, all := opts.Layers, route.Encoder.Runs.Layers(); n != 0 {
		if all == 0 {
			return optionError(OptionLayers, "%d, expected 0, as the model has no layers", n)
		}
		if n < 0 || n > all {
			return optionError(OptionLayers, "%d, expected 1 to %d, or 0 for all", n, all)
		}
		r.Layers = n
	}
	for i, f := range opts.Formats {
		if !f.Known() {
			return optionError(OptionFormats, "unknown %v", f)
		}
		if slices.Contains(opts.Formats[:i], f) {
			return optionError(OptionFormats, "%v twice", f)
		}
	}
	r.ranges, err = m.ranges(r, opts.Ranges)
	return err
}

// texts are a call of inputs that the tokenizer reads.
type texts struct {
	request
	inputs []string
}

func (m *Model) texts(inputs []string, opts Options) *texts {
	return &texts{request{model: m, options: opts}, inputs}
}

// Count is that of pipeline.Inputs.
func (t *texts) Count() int { return len(t.inputs) }

// Check is that of pipeline.Inputs.
func (t *texts) Check() (pipeline.Request, error) {
	err := t.check()
	if err == nil {
		err = t.checkPrompt()
	}
	if err == nil && t.options.Spans != nil {
		err = t.checkSpans()
	}
	return t.Request, err
}

// checkPrompt finds the prompt, and how far it reaches.
func (r *request) checkPrompt() (err error) {
	prompt, name, err := r.model.prompt(r.options)
	if err != nil {
		return err
	}
	r.Task = slices.Index(r.route.Encoder.Runs.Tasks(), name) + 1
	if r.reader, err = r.route.Encoder.Reader(prompt, r.options.PromptName, r.encode.MaxTokens); err != nil {
		return &OptionError{OptionPrompt, err}
	}
	r.encode.Prefix = r.reader.Prefix
	if p := r.route.Spec.Pooling; p != nil && !p.IncludePrompt {
		r.Skip = r.reader.Skip
	}
	return nil
}

// Size is that of pipeline.Inputs.
func (t *texts) Size() (tokens, bytes int) {
	for _, text := range t.inputs {
		n := len(t.reader.Prompt) + len(text)
		bytes += n
		tokens += t.reader.Frame.Size(n, t.encode.MaxTokens)
	}
	return tokens, bytes
}

// Begin is that of pipeline.Inputs.
func (t *texts) Begin(ctx context.Context) {
	t.encode.Done = ctx.Done()
	if t.options.Spans == nil {
		t.result = newResult(len(t.inputs), &t.request)
		t.recall = t.newRecall(len(t.inputs))
		return
	}
	starts := []int{0}
	for i, spans := range t.options.Spans {
		starts = append(starts, starts[i]+len(spans))
	}
	t.result = newResult(starts[len(t.inputs)], &t.request)
	t.result.Starts = starts
}

// Append is that of pipeline.Inputs.
func (t *texts) Append(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	text := t.inputs[i]
	if text == "" {
		return dst, loader.ErrEmptyText
	}
	if t.options.Spans != nil {
		return t.appendSpans(dst, i)
	}
	from := len(dst.IDs)
	ids, truncated, err := t.reader.Append(dst.IDs, text, t.encode)
	if unknown := t.route.Encoder.Unknown; unknown >= 0 {
		kept := slices.DeleteFunc(ids[from:], func(id int32) bool { return id == unknown })
		ids = ids[:from+len(kept)]
	}
	if err != nil {
		return dst, err
	}
	return t.counted(i, dst, ids, truncated)
}

// counted returns dst with ids in place of its own, and keeps how many input i has
// more and how many it lost. The error is that of recall.take.
func (r *request) counted(i int, dst pipeline.Tokens, ids []int32, truncated int) (pipeline.Tokens, error) {
	e := &r.result.Embeddings[i]
	own := ids[len(dst.IDs):]
	e.Tokens, e.Truncated = len(own), truncated
	dst.IDs = ids
	return dst, r.recall.take(r, i, own)
}

// tokenLists are a call of inputs that are token ids already.
type tokenLists struct {
	request
	inputs [][]int32
}

func (m *Model) tokenLists(inputs [][]int32, opts Options) *tokenLists {
	return &tokenLists{request{model: m, options: opts}, inputs}
}

// Count is that of pipeline.Inputs.
func (t *tokenLists) Count() int { return len(t.inputs) }

// Check is that of pipeline.Inputs.
func (t *tokenLists) Check() (pipeline.Request, error) {
	opts := &t.options
	if opts.Prompt != "" {
		return t.Request, optionError(OptionPrompt, "given with token ids, which have none")
	}
	if _, ok := t.model.loaded.NamedRoute(opts.PromptName); !ok && opts.PromptName != "" {
		return t.Request, optionError(OptionPromptName, "%.100q given with token ids, which have no prompt", opts.PromptName)
	}
	if opts.Spans != nil {
		return t.Request, optionError(OptionSpans, "given with token ids, expected none: they are parts of texts")
	}
	err := t.check()
	if err == nil && opts.Truncate == TruncateDefault {
		t.encode.Truncate = tokenizer.TruncateNone
	}
	return t.Request, err
}

// Size is that of pipeline.Inputs.
func (t *tokenLists) Size() (tokens, bytes int) {
	for _, ids := range t.inputs {
		tokens += modelfolder.Lowest(t.encode.MaxTokens, len(ids))
	}
	return tokens, 0
}

// Begin is that of pipeline.Inputs.
func (t *tokenLists) Begin(context.Context) {
	t.result = newResult(len(t.inputs), &t.request)
	t.recall = t.newRecall(len(t.inputs))
}

// Append is that of pipeline.Inputs.
func (t *tokenLists) Append(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	ids, limit := t.inputs[i], t.encode.MaxTokens
	if len(ids) == 0 {
		return dst, errors.New("empty token list")
	}
	if limit == 0 || len(ids) <= limit {
		return t.counted(i, dst, append(dst.IDs, ids...), 0)
	}
	if err := t.route.Encoder.Runs.Check(pipeline.Tokens{IDs: ids}); err != nil {
		return dst, err // in what will be dropped, too: another tokenizer's ids
	}
	// What lies before the tokens to drop, and after them.
	before, after := 0, 0
	head, tail := t.route.Encoder.Tokenizer.Frame()
	if len(ids) >= len(head) && slices.Equal(ids[:len(head)], head) {
		before = len(head)
	}
	if len(ids) >= len(tail) && slices.Equal(ids[len(ids)-len(tail):], tail) {
		after = len(tail)
	}
	switch t.encode.Truncate {
	case tokenizer.TruncateEnd:
		before = limit - after
	case tokenizer.TruncateStart:
		after = limit - before
	case tokenizer.TruncateNone:
		return dst, &tokenizer.TooLongError{Tokens: len(ids), Limit: limit}
	}
	kept := append(append(dst.IDs, ids[:before]...), ids[len(ids)-after:]...)
	return t.counted(i, dst, kept, len(ids)-limit)
}
