package embedhttp

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/encoding"
)

// The values of outputs, by their order in an answer.
var outputNames = []string{"dense", "sparse", "multi_vector"}

// setOutputs reads which outputs of a model of several are asked for, all of one pass: a
// field of this project's own.
func (c *call) setOutputs(_ *Handler, field string, value []byte) error {
	if value[0] != '[' {
		return fail(codeInvalidRequest, field, "found %s, expected a list of dense, sparse, multi_vector", excerpt(value))
	}
	c.outputs = []string{}
	for part := range parts(value) {
		name := ""
		if part[0] == '"' {
			name = unquote(part)
		}
		if !slices.Contains(outputNames, name) || slices.Contains(c.outputs, name) {
			return fail(codeInvalidRequest, field, "found %s, expected dense, sparse, multi_vector, each once", excerpt(part))
		}
		c.outputs = append(c.outputs, name)
	}
	if len(c.outputs) == 0 {
		return fail(codeInvalidRequest, field, "an empty list, expected some of dense, sparse, multi_vector")
	}
	return nil
}

// checkOutputs checks what the whole request with outputs tells: there are none of its options
// that are of embeddings alone.
func (c *call) checkOutputs(h *Handler) error {
	if c.model.M3 == nil {
		return fail(codeInvalidRequest, "outputs", "given, and %.100q has one output, expected none", c.name)
	}
	formats := c.forms.formats()
	for _, given := range []struct {
		field string
		is    bool
	}{
		{"input", c.inputs.ids != nil},
		{c.dimensions.field, c.dimensions.field != ""},
		{c.normalize.field, c.options().Unnormalized},
		{"late_chunking", c.late},
		{c.addSpecial.field, c.addSpecial.field != ""},
		{c.forms.given, len(formats) != 1 || formats[0] != encoding.Float || c.forms.allBase64()},
	} {
		if given.is {
			return fail(codeInvalidRequest, given.field, "given with outputs, which are of texts, whole and in float alone")
		}
	}
	if slices.Contains(c.outputs, "multi_vector") {
		return c.holdTokens(h, c.model.MultiVectorInfo.Dimensions)
	}
	return nil
}

// holdTokens makes the vectors of all tokens, of so many components, the size of c. Before
// texts are tokenized, a byte counts as a token.
func (c *call) holdTokens(h *Handler, dimensions int) error {
	c.size = 0
	for _, text := range c.inputs.texts {
		tokens := len(c.prompt) + len(text)
		if most := c.model.facts().MaxTokens; most > 0 {
			tokens = min(tokens, most)
		}
		c.size += int64(tokens) * int64(dimensions) * 4
	}
	if most := h.cfg.MaxBody; c.size > most {
		return fail(codeTooLarge, c.inputs.field, "%d bytes of vectors, expected at most %d: ask with fewer or shorter texts", c.size, most)
	}
	return nil
}

// answerOutputs answers a request for several outputs.
func (x *exchange) answerOutputs(c *call) error {
	var made []m3.Outputs
	err := x.compute(&c.basics, c.inputs.count(), func(ctx context.Context) (wait time.Duration, err error) {
		o := c.options()
		made, wait, err = c.model.M3.EmbedWait(ctx, c.inputs.texts, m3.Options{
			Prompt: o.Prompt, PromptName: o.PromptName, Truncate: o.Truncate, MaxTokens: o.MaxTokens,
		})
		if err != nil {
			return 0, c.embedFailure(err)
		}
		return wait, nil
	})
	if err != nil {
		return err
	}
	result := &embed.Result{Dimensions: c.model.Info.Dimensions}
	for _, o := range made {
		result.Embeddings = append(result.Embeddings, embed.Embedding{Tokens: o.Tokens, Truncated: o.Truncated})
	}
	err = x.answerWith(c, result, "embedding_dict", func(b []byte, i int) []byte {
		for k, name := range c.outputs {
			b = append(b, "{,"[min(k, 1)], '"')
			b = append(append(b, name...), `":`...)
			b = appendOutput(b, name, &made[i])
		}
		return append(b, '}')
	})
	x.event.Encode = x.sinceEmbedded()
	return err
}

// appendOutput appends one of the outputs as JSON.
func appendOutput(b []byte, name string, o *m3.Outputs) []byte {
	switch name {
	case "dense":
		return encoding.AppendJSON(b, o.Dense)
	case "sparse":
		b = append(b, `{"indices":[`...)
		for k, index := range o.Sparse.Indices {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(index), 10)
		}
		b = append(b, `],"values":`...)
		return append(encoding.AppendJSON(b, o.Sparse.Values), '}')
	}
	b = append(b, '[')
	for r := range o.Vectors.Rows {
		if r > 0 {
			b = append(b, ',')
		}
		b = encoding.AppendJSON(b, o.Vectors.Row(r))
	}
	return append(b, ']')
}
