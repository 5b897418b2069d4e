package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// An input is how a text comes to the tokens that the model reads.
type input struct {
	prompt string // that comes before it, where changed
	text   string // the name of what is done to it; "" = nothing
	bare   bool   // without special tokens
	limit  int    // of tokens; 0 = the request's
	other  bool   // another prompt than the request's
}

// A variant is a way to do what the request asks that another engine may take.
type variant struct {
	input
	pooling string // of the tokens, with nothing behind it; "" = as the folder says
	layers  int    // transformer blocks; 0 = all
}

// A change makes one difference to a variant.
type change struct {
	says  string // behind "the reference is equal"
	apply func(*variant)
}

// together returns the variant that changes make, and what they say.
func together(changes []change) (v variant, says string) {
	words := make([]string, len(changes))
	for i, ch := range changes {
		ch.apply(&v)
		words[i] = ch.says
	}
	return v, strings.Join(words, ", and ")
}

// textChanges are what engines do to texts, by name.
var textChanges = []struct {
	name, says string
	f          func(string) string
}{
	{"lower", "with texts in lower case", strings.ToLower},
	{"trim", "with texts without the space around them", strings.TrimSpace},
	{"lines", "with spaces in place of line breaks", func(s string) string { return strings.ReplaceAll(s, "\n", " ") }},
}

// usualLimits are those of tokens that engines have where a folder says something else.
var usualLimits = []int{32, 64, 128, 256, 384, 512, 1024, 2048, 4096, 8192}

// axes returns the changes that may be made, those of one axis instead of each other.
func (c *comparer) axes() [][]change {
	var prompts, texts, frame, cuts, pools, depth []change
	if c.base != "" {
		prompts = append(prompts, change{"without the prompt", func(v *variant) { v.other = true }})
	}
	info := c.m.Info()
	for _, name := range slices.Sorted(maps.Keys(info.Prompts)) {
		if p := info.Prompts[name]; p != c.base && p != "" {
			prompts = append(prompts, change{fmt.Sprintf("with the prompt %q before each text", name), func(v *variant) { v.other, v.prompt = true, p }})
		}
	}
	for _, t := range textChanges {
		if slices.ContainsFunc(c.texts, func(s string) bool { return t.f(s) != s }) {
			texts = append(texts, change{t.says, func(v *variant) { v.text = t.name }})
		}
	}
	frame = append(frame, change{"without special tokens", func(v *variant) { v.bare = true }})
	longest := 0
	for _, text := range c.texts {
		if e, _, err := c.reading.Encode(text, tokenizer.Options{}); err == nil {
			longest = max(longest, len(e.IDs))
		}
	}
	for _, n := range append(slices.Clone(usualLimits), info.MaxTokens) {
		if n != c.opts.MaxTokens && (n < longest || c.opts.MaxTokens > 0 && c.opts.MaxTokens < longest) && (info.MaxTokens == 0 || n <= info.MaxTokens) {
			cuts = append(cuts, change{fmt.Sprintf("with texts cut at %d tokens, not at %d", n, c.opts.MaxTokens), func(v *variant) { v.limit = n }})
		}
	}
	for _, p := range poolings {
		says := "with " + p.says
		if slices.Contains(info.Pooling, p.name) {
			says = "with " + p.name + " pooling of all tokens, and without the modules behind it"
		} else if !p.own {
			says += fmt.Sprintf(": the reference did not use the folder's %s pooling", strings.Join(info.Pooling, " + "))
		}
		pools = append(pools, change{says, func(v *variant) { v.pooling = p.name }})
	}
	if info.Layers > 1 {
		depth = append(depth, change{"without the last layer", func(v *variant) { v.layers = info.Layers - 1 }})
	}
	return [][]change{pools, prompts, frame, texts, cuts, depth}
}

// explain finds the fewest changes, at most two, with which the model is equal to the reference, else those with
// which it is nearest.
func (c *comparer) explain(ctx context.Context, out *Comparison) error {
	if d, err := c.withIDs(ctx); err != nil {
		return err
	} else if d <= c.tolerance {
		out.Explanation, out.Remaining = "the reference is equal with its own ids: the tokens alone differ", d
		return nil
	}
	axes := c.axes()
	best, says := out.Difference, ""
	try := func(changes ...change) (bool, error) {
		v, words := together(changes)
		d, err := c.measure(ctx, v)
		if err != nil || !(d < best) {
			return false, err
		}
		best, says = d, words
		return d <= c.tolerance, nil
	}
	found, err := c.search(axes, try)
	if err != nil {
		return err
	}
	switch {
	case found:
		out.Explanation, out.Remaining = "the reference is equal "+says, best
	case says != "" && best < out.Difference/3:
		out.Explanation, out.Remaining = "the reference is nearest "+says, best
	}
	return nil
}

// search tries each change alone, and then each two of different axes, until one is found.
func (c *comparer) search(axes [][]change, try func(...change) (bool, error)) (bool, error) {
	for _, axis := range axes {
		for _, ch := range axis {
			if ok, err := try(ch); ok || err != nil {
				return ok, err
			}
		}
	}
	for i, axis := range axes {
		for _, other := range axes[i+1:] {
			for _, a := range axis {
				for _, b := range other {
					if ok, err := try(a, b); ok || err != nil {
						return ok, err
					}
				}
			}
		}
	}
	return false, nil
}

// measure returns how far the variant is from the reference, of the few texts the one where it is largest; what
// cannot be computed is infinitely far. The error is that of ctx.
func (c *comparer) measure(ctx context.Context, v variant) (float64, error) {
	vectors, err := c.vectors(ctx, v)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return math.Inf(1), nil // a text that is too short or too long for it, or a model that cannot
	}
	for j, i := range c.few {
		if len(vectors[j]) < len(c.ref.Vectors[i]) {
			return math.Inf(1), nil
		}
	}
	return c.farthest(vectors), nil
}

// farthest returns the largest difference of vectors of the few texts from the reference's.
func (c *comparer) farthest(vectors [][]float32) float64 {
	worst := 0.0
	for j, i := range c.few {
		worst = max(worst, apart(vectors[j], c.ref.Vectors[i]))
	}
	return worst
}

// vectorsOf returns the vectors of a result.
func vectorsOf(r *embed.Result) [][]float32 {
	rows := make([][]float32, len(r.Embeddings))
	for i, e := range r.Embeddings {
		rows[i] = e.Float32
	}
	return rows
}

// vectors returns those of the few texts.
func (c *comparer) vectors(ctx context.Context, v variant) (rows [][]float32, err error) {
	opts := c.opts
	opts.Layers = v.layers
	opts.MaxTokens = cmp.Or(v.limit, c.opts.MaxTokens)
	if v.other {
		opts.Prompt, opts.PromptName = v.prompt, ""
	}
	texts := c.of(c.few, changed(v.text))
	var r *embed.Result
	switch {
	case v.pooling != "" && v.bare, v.pooling != "" && v.layers > 0:
		return nil, errors.New("no token vectors of ids")
	case v.pooling != "":
		return c.pooled(ctx, v, texts, opts)
	case v.bare || v.other && v.prompt == "":
		reading := c.reading
		if v.other {
			reading.Prompt = v.prompt
		}
		ids := make([][]int32, len(texts))
		for j, text := range texts {
			e, _, err := reading.Encode(text, tokenizer.Options{NoSpecial: v.bare})
			if err != nil {
				return nil, err
			}
			ids[j] = e.IDs
		}
		opts.Prompt, opts.PromptName, opts.Truncate = "", "", embed.TruncateEnd
		r, err = c.m.EmbedIDs(ctx, ids, opts)
	default:
		r, err = c.m.Embed(ctx, texts, opts)
	}
	if err != nil {
		return nil, err
	}
	return vectorsOf(r), nil
}

// withIDs returns how far the model is from the reference where it reads the reference's ids.
func (c *comparer) withIDs(ctx context.Context) (float64, error) {
	if c.ref.IDs == nil {
		return math.Inf(1), nil
	}
	var ids [][]int32
	for _, i := range c.few {
		e, _, err := c.reading.Encode(c.texts[i], tokenizer.Options{})
		if err != nil {
			return math.Inf(1), nil
		}
		ids = append(ids, unpadded(c.ref.IDs[i], len(e.IDs)))
	}
	opts := c.opts
	opts.Prompt, opts.PromptName, opts.MaxTokens = "", "", 0
	r, err := c.m.EmbedIDs(ctx, ids, opts)
	if err != nil {
		return math.Inf(1), ctx.Err()
	}
	return c.farthest(vectorsOf(r)), nil
}

// explainIDs says with which change the ids are the reference's, "" with none.
func (c *comparer) explainIDs() string {
	axes := c.axes()
	says := ""
	_, _ = c.search(axes[1:5], func(changes ...change) (bool, error) {
		v, words := together(changes)
		reading, f := c.reading, changed(v.text)
		if v.other {
			reading.Prompt = v.prompt
		}
		for _, i := range c.few {
			e, _, err := reading.Encode(f(c.texts[i]), tokenizer.Options{NoSpecial: v.bare})
			if err != nil {
				return false, nil
			}
			want := unpadded(c.ref.IDs[i], len(e.IDs))
			limit := cmp.Or(v.limit, c.opts.MaxTokens)
			if limit > 0 && len(e.IDs) > limit { // the end is cut, before the last special token
				if len(want) != limit || !slices.Equal(e.IDs[:limit-1], want[:limit-1]) {
					return false, nil
				}
			} else if !slices.Equal(e.IDs, want) {
				return false, nil
			}
		}
		says = words
		return true, nil
	})
	return says
}

// changed returns the change of texts of that name.
func changed(name string) func(string) string {
	for _, t := range textChanges {
		if t.name == name {
			return t.f
		}
	}
	return func(s string) string { return s }
}

// of returns some of the texts, changed.
func (c *comparer) of(some []int, f func(string) string) []string {
	texts := make([]string, len(some))
	for j, i := range some {
		texts[j] = c.texts[i]
		if f != nil {
			texts[j] = f(texts[j])
		}
	}
	return texts
}

// tokenOptions are those of o that requests for token vectors have.
func tokenOptions(o embed.Options) embed.Options {
	return embed.Options{Prompt: o.Prompt, PromptName: o.PromptName, Truncate: o.Truncate, MaxTokens: o.MaxTokens}
}
