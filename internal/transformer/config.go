package transformer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// sizes are those that most families have, under the names of transformers 5.23.
type sizes struct {
	HiddenSize            int `json:"hidden_size"`
	NumHiddenLayers       int `json:"num_hidden_layers"`
	NumAttentionHeads     int `json:"num_attention_heads"`
	IntermediateSize      int `json:"intermediate_size"`
	MaxPositionEmbeddings int `json:"max_position_embeddings"`
	VocabSize             int `json:"vocab_size"`
}

// A keyValue is a number of config.json and its key.
type keyValue struct {
	key   string
	value int
}

// decode reads config.json into c, which holds the defaults of a family. This and the
// checks below refuse what is wrong; the first error stays, and enter asks for it.
func (w *weights) decode(c any) { w.refuse(strictjson.Unmarshal(w.config, c)) }

// under moves to the object under key, of which what follows is decoded.
func (w *weights) under(key string) {
	var all map[string]json.RawMessage
	w.refuse(strictjson.Unmarshal(w.config, &all))
	if w.config = all[key]; len(w.config) == 0 || string(w.config) == "null" {
		w.config = []byte("{}")
	}
	w.key = key
}

// refuse remembers err, of a value in config.json, where it is the first one.
func (w *weights) refuse(err error) {
	if w.refused != nil || err == nil {
		return
	}
	if w.refused = err; w.key != "" {
		w.refused = fmt.Errorf("%s: %w", w.key, err)
	}
}

// refusef is refuse for an error in words: the key, what was found, what was expected.
func (w *weights) refusef(format string, args ...any) { w.refuse(fmt.Errorf(format, args...)) }

// sizes expects all of s to be positive.
func (w *weights) sizes(s *sizes) {
	w.positive(keyValue{"hidden_size", s.HiddenSize}, keyValue{"num_hidden_layers", s.NumHiddenLayers},
		keyValue{"num_attention_heads", s.NumAttentionHeads}, keyValue{"intermediate_size", s.IntermediateSize},
		keyValue{"max_position_embeddings", s.MaxPositionEmbeddings}, keyValue{"vocab_size", s.VocabSize})
}

// headDim expects the heads of s to make up its hidden size, and returns their width, 0
// where they do not.
func (w *weights) headDim(s *sizes) int {
	return w.multiple(keyValue{"hidden_size", s.HiddenSize}, keyValue{"num_attention_heads", s.NumAttentionHeads})
}

// multiple expects n to be a multiple of d, both positive, and returns which one, 0
// where it is none.
func (w *weights) multiple(n, d keyValue) int {
	w.positive(n, d)
	if d.value < 1 {
		return 0
	}
	if n.value%d.value != 0 {
		w.refusef("%s: found %d, expected a multiple of %s %d", n.key, n.value, d.key, d.value)
		return 0
	}
	return n.value / d.value
}

// positive expects each of the values to be positive.
func (w *weights) positive(values ...keyValue) { w.refuse(positive(values...)) }

// positive returns an error that names the first of the values that is below 1.
// Values beyond 2³¹ would overflow sizes.
func positive(values ...keyValue) error {
	for _, v := range values {
		if v.value < 1 || v.value > 1<<31-1 {
			return fmt.Errorf("%s: found %d, expected a positive 32-bit number", v.key, v.value)
		}
	}
	return nil
}

// fromZero expects n to be positive or 0.
func (w *weights) fromZero(key string, n int) {
	if n < 0 || n > 1<<31-1 {
		w.refusef("%s: found %d, expected a 32-bit number from 0 on", key, n)
	}
}

// fromTwo expects n to be 2 or more.
func (w *weights) fromTwo(key string, n int) {
	if n < 2 || n > 1<<31-1 {
		w.refusef("%s: found %d, expected 2 or more in 32 bits", key, n)
	}
}

// A damage is an error of weights that lack what config.json says, not of a value in it.
type damage struct{ error }

// enough expects the file to have as many tensors as count, of things with a tensor each.
func (w *weights) enough(key string, count int) {
	if n := len(w.file.Names()); count > n {
		w.refuse(damage{fmt.Errorf("%s: found %d, and only %d tensors in the file", key, count, n)})
	}
}

// same expects n to be what another key says.
func (w *weights) same(key string, n int, other keyValue) {
	if n != other.value {
		w.refusef("%s: found %d, expected %s %d", key, n, other.key, other.value)
	}
}

// only expects found, a string, a bool or a number, to be the one value that is implemented.
func (w *weights) only(key string, found, expected any) {
	if found != expected {
		w.refusef("%s: found %#v, expected %#v", key, found, expected)
	}
}

// none expects value to be null or missing.
func (w *weights) none(key string, value json.RawMessage) {
	if value != nil && string(value) != "null" {
		w.refusef("%s: found %s, expected none", key, value)
	}
}

// epsilon expects value to be one that a norm can add, and returns it.
func (w *weights) epsilon(key string, value float64) float32 {
	if !(float32(value) > 0 && value < 1) {
		w.refusef("%s: found %v, expected a number between 0 and 1, in float32", key, value)
	}
	return float32(value)
}

// activations maps the names of config.json (transformers' ACT2FN) to kernels.
var activations = map[string]kernel.Activation{
	"gelu":              kernel.GELU,
	"gelu_python":       kernel.GELU,
	"gelu_new":          kernel.GELUTanh,
	"gelu_pytorch_tanh": kernel.GELUTanh,
	"quick_gelu":        kernel.QuickGELU,
	"relu":              kernel.ReLU,
	"silu":              kernel.SiLU,
	"swish":             kernel.SiLU,
	"tanh":              kernel.Tanh,
	"linear":            kernel.Identity,
}

// activation expects name to be that of an activation, and returns it.
func (w *weights) activation(key, name string) kernel.Activation {
	a, ok := activations[name]
	if !ok {
		w.refusef("%s: found %q, expected one of %s", key, name, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	return a
}
