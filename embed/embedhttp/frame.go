package embedhttp

import (
	"errors"
	"fmt"
	"slices"
)

func (c *call) setAddSpecial(_ *Handler, field string, value []byte) error {
	b, err := boolean(field, value)
	if err != nil {
		return err
	}
	return c.addSpecial.set(field, b)
}

// frame puts the special tokens of the model's tokenizer around token ids where
// the request asks for it. Else it checks that they are there: another
// tokenizer's ids look the same as its ids without them. of is what is asked for.
func (c *call) frame(of kind) error {
	if c.inputs.ids == nil && c.addSpecial.field == "" {
		return nil
	}
	if of != embedding {
		return c.inputs.failure(errors.New("token ids, expected texts"))
	}
	head, tail, err := c.model.Queue.Frame(c.promptName.value)
	if err != nil {
		return c.embedFailure(err)
	}
	special := len(head) + len(tail)
	if c.inputs.ids == nil && special > 0 && !c.addSpecial.value {
		return fail(codeInvalidRequest, c.addSpecial.field, "false with texts, which the model reads with special tokens, expected true")
	}
	for i, ids := range c.inputs.ids {
		if c.addSpecial.value {
			c.inputs.ids[i] = slices.Concat(head, ids, tail)
			continue
		}
		n := len(ids)
		if n >= special && slices.Equal(ids[:len(head)], head) && slices.Equal(ids[n-len(tail):], tail) {
			continue
		}
		return c.inputs.failure(fmt.Errorf("input %d: %stoken ids without the special tokens of this model's tokenizer, %v before a text and %v after it, as another tokenizer's would be: send texts (with LangChain's OpenAIEmbeddings check_embedding_ctx_length=False), or add_special_tokens true where only those are missing",
			i, c.unknown(ids), head, tail))
	}
	return nil
}

// unknown names the first of ids that the model's vocabulary lacks, for a message.
func (c *call) unknown(ids []int32) string {
	n := c.model.Info.Vocabulary // 0 = not told
	for _, id := range ids {
		if n > 0 && (id < 0 || int(id) >= n) {
			return fmt.Sprintf("token id %d, expected 0 to %d, in ", id, n-1)
		}
	}
	return ""
}
