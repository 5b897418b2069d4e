package transformer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/tensor"
)

// A classifier says under which names a file keeps a classification head. They lie
// beside the model, where its own names have "bert." or the like before them.
type classifier struct {
	dense string // hidden→hidden; "" = none
	own   bool   // dense lies among the model's own names
	bias  bias   // of dense
	act   kernel.Activation
	out   string
}

// The heads of several families, as transformers 5.23 computes them: BERT's in
// modeling_bert.py, with the pooler of the model, and RoBERTa's in modeling_roberta.py.
var (
	bertClassifier    = classifier{dense: "pooler.dense", own: true, bias: withBias, act: kernel.Tanh, out: "classifier"}
	robertaClassifier = classifier{dense: "classifier.dense", bias: withBias, act: kernel.Tanh, out: "classifier.out_proj"}
)

// classifier returns that head on the first token of hidden components, nil where
// the model is opened without it.
func (w *weights) classifier(hidden int, c classifier) *Head {
	if w.head != ClassificationHead {
		return nil
	}
	beside := w.beside()
	h := &Head{Act: c.act, Out: beside.labels(hidden, c.out, withBias)}
	if c.dense != "" {
		at := beside
		if c.own {
			at = w
		}
		h.Dense = at.exact().unlisted(hidden, c.bias, whole(c.dense, hidden))
	}
	return h
}

// headInput expects name, under classifier_pooling, to be one of known, and returns that.
func (w *weights) headInput(name string, known map[string]HeadInput) HeadInput {
	of, ok := known[name]
	if !ok {
		names := slices.Sorted(maps.Keys(known))
		last := len(names) - 1
		w.refusef("classifier_pooling: found %q, expected %s or %s", name, strings.Join(names[:last], ", "), names[last])
	}
	return of
}

// labels returns the linear layer under name that makes the logits of labels. The
// rows of its weight say how many there are, and the config has to agree, but with
// an adapter that keeps the layer whole where it says nothing: it has no config.
func (w *weights) labels(hidden int, name string, b bias) *Linear {
	weight := name + ".weight"
	t, ok := w.file.Tensor(w.full(weight))
	replacement, replaced := w.adapter.replacement(w.own(weight))
	if replaced {
		t, ok = replacement, true
	}
	want, key, err := labels(w.config)
	if err != nil {
		w.refuse(err)
		return new(Linear)
	}
	if !ok || len(t.Shape) != 2 {
		w.tensor(weight, want, hidden) // says what is wrong
		return new(Linear)
	}
	found := t.Shape[0]
	if key == "" && !replaced {
		key = "no num_labels, which is 2"
	}
	if key != "" && found != want || found < 1 {
		w.errorf("tensor %s: shape %v, expected %d rows, as config.json has %s", t.Name, t.Shape, want, key)
		return new(Linear)
	}
	l := w.exact().unlisted(hidden, b, whole(name, found))
	l.N = found // of one that is counted and not packed too
	return l
}

// labels returns how many labels a config.json says there are, as transformers 5.23
// counts them, and the key that says it, "" where none does.
func labels(config []byte) (n int, key string, err error) {
	c := struct {
		NumLabels *int                       `json:"num_labels"`
		ID2Label  map[string]json.RawMessage `json:"id2label"`
	}{}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return 0, "", err
	}
	switch {
	case c.NumLabels != nil:
		return *c.NumLabels, fmt.Sprintf("num_labels %d", *c.NumLabels), nil
	case c.ID2Label != nil:
		return len(c.ID2Label), fmt.Sprintf("id2label of %d", len(c.ID2Label)), nil
	}
	return 2, "", nil
}

// A headConfig is what config.json says of the heads of decoders, under the names
// of transformers 5.23.
type headConfig struct {
	PadTokenID            *int32   `json:"pad_token_id"`
	TieWordEmbeddings     bool     `json:"tie_word_embeddings"`
	FinalLogitSoftcapping *float64 `json:"final_logit_softcapping"`
}

// decoderHead returns the head of m, a decoder, that is asked for: its score, as
// modeling_layers.py computes it in GenericForSequenceClassification, or rows of the
// language head. c holds the family's defaults.
func (w *weights) decoderHead(m *Model, c headConfig) *Head {
	if w.head == NoHead || w.head == MaskedHead {
		return nil
	}
	w.decode(&c)
	if w.head == LanguageHead {
		return w.languageHead(m, &c)
	}
	h := &Head{Of: LastToken, Padding: -1, Out: w.beside().labels(m.Hidden, "score", withoutBias)}
	if c.PadTokenID != nil {
		h.Padding = *c.PadTokenID
	}
	return h
}

// languageHead returns the one for w.ids. A file with a weight of its own for it is
// not tied, whatever the config says (transformers 5.23, tie_weights).
func (w *weights) languageHead(m *Model, c *headConfig) *Head {
	h := &Head{Of: LastToken, Padding: -1}
	if limit := c.FinalLogitSoftcapping; limit != nil {
		if h.Cap = float32(*limit); !(h.Cap > 0 && *limit < 1e30) {
			w.refusef("final_logit_softcapping: found %v, expected a positive number", *limit)
		}
	}
	tokens := m.Embeddings.Tokens
	if len(w.ids) == 0 {
		w.refusef("tokens of a language head: found none")
	}
	for _, id := range w.ids {
		if id < 0 || int(id) >= tokens.Rows {
			w.refusef("token %d of a language head: expected one below vocab_size %d", id, tokens.Rows)
		}
	}
	if w.refused != nil {
		return nil
	}
	const name = "lm_head.weight"
	beside := w.beside().exact()
	if c.TieWordEmbeddings && !beside.holds(name) {
		h.Out = beside.tied(tokens, "lm_head", w.ids)
		return h
	}
	var rows []part
	for _, id := range w.ids {
		rows = append(rows, part{name, tokens.Rows, int(id), int(id) + 1})
	}
	h.Out = beside.unlisted(m.Hidden, withoutBias, rows...)
	return h
}

// holds reports whether the file has the tensor of that name, or the adapter has it whole.
func (w *weights) holds(name string) bool {
	_, replaced := w.adapter.replacement(w.own(name))
	return replaced || w.has(w.full(name))
}

// tied returns the linear layer whose weight is the rows of ids of a token table, in
// the place of the layer of that name, which an adapter must not update.
func (w *weights) tied(tokens *Table, name string, ids []int32) *Linear {
	if update, _, _ := w.adapter.module(w.own(name + ".weight")); update != nil {
		w.adapter.errorf("tensors of %s: found an update, expected none, as the token table stands in for its weight", name)
	}
	l := new(Linear)
	if !w.resize(l, tokens.Cols, len(ids), part{}) || w.set == nil || len(tokens.tensor.Data) == 0 {
		return l
	}
	rows := tensor.NewMatrix(kernel.Panel, tokens.Cols)
	for i := range l.Count() {
		some := ids[i*kernel.Panel : min((i+1)*kernel.Panel, len(ids))]
		for j, id := range some {
			tokens.Row(w.set, rows.Row(j), int(id))
		}
		w.set.PackTransposed(l, i, rows.Slice(0, len(some)))
	}
	return l
}
