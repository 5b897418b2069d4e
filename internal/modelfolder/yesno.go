package modelfolder

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// The tokens whose logits make the score of a causal model that says nothing of scores.
const trueToken, falseToken = "yes", "no"

// predictsTokens reports whether a transformer has the head of a causal language model,
// as sentence-transformers 6.2 looks for it.
func (c *ModelConfig) predictsTokens() bool {
	return len(c.Architectures) > 0 && strings.HasSuffix(c.Architectures[0], "ForCausalLM")
}

// yesNo makes a reranker of e, the causal model of a folder without modules.json, as
// sentence-transformers 6.2 does: the logit of "yes" less that of "no", of the chat
// template's text where the tokenizer has one.
func (r *reader) yesNo(e *Encoder) error {
	yes, known := e.Tokenizer.ID(trueToken)
	no, also := e.Tokenizer.ID(falseToken)
	if !known || !also {
		return e.ErrorIn(e.Base.ErrorIn(configName, kindError(Embedding, Reranker,
			"architectures: %q, and %q or %q is no token of its vocabulary", e.Model.Architectures[0], trueToken, falseToken)))
	}
	score := &LogitScore{True: yes, False: no}
	r.spec.Cross.Logit, r.spec.Cross.Overruled = score, true
	chats, err := e.words().chats()
	if err != nil || !chats {
		return err
	}
	score.Detect = true
	return e.words().chatTemplate(&score.Chat)
}

// chats reports whether the tokenizer in f has a chat template.
func (f Folder) chats() (bool, error) {
	if f.Exists(manifest.Template) {
		return true, nil
	}
	data, err := f.Read(tokenizerConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var c struct {
		Template any `json:"chat_template"`
	}
	if err == nil {
		err = f.ErrorIn(tokenizerConfigName, strictjson.Unmarshal(data, &c))
	}
	return c.Template != nil, err
}
