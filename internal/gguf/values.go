package gguf

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// A model is a GGUF file whose values are read. What goes wrong is remembered, the first
// error, and finish returns it.
type model struct {
	file         *tensor.File
	values       map[string]any
	name         string // of the architecture, which its keys begin with
	architecture architecture
	hidden       int
	heads, keys  int    // attention heads, and those of keys
	poolingMode  string // as sentence-transformers calls it; "" = not said
	padding      int    // rows before those of position_embd
	read         map[string]bool
	err          error
}

// newModel returns the model of a file.
func newModel(file *tensor.File) (*model, error) {
	m := &model{file: file, values: file.Values(), read: map[string]bool{}}
	if m.values == nil {
		return nil, errors.New("no GGUF file")
	}
	if kind := m.textOr("general.type", "model"); kind != "model" {
		return nil, unsupported.Errorf("general.type: %.100q, expected \"model\"", kind)
	}
	if n := m.numberOr("split.count", 1); n > 1 {
		return nil, unsupported.Errorf("split.count: one of %d files, expected the whole model in one", n)
	}
	m.name = m.text("general.architecture")
	if m.err != nil {
		return nil, m.err
	}
	var ok bool
	if m.architecture, ok = architectures[m.name]; !ok {
		return nil, unsupported.Errorf("general.architecture: %.100q, expected one of %s", m.name, strings.Join(slices.Sorted(maps.Keys(architectures)), ", "))
	}
	return m, nil
}

// fail remembers err where it is the first one.
func (m *model) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// refuse is fail for a value that is not known here.
func (m *model) refuse(key, format string, args ...any) {
	m.fail(unsupported.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

// get returns a value, nil where there is none.
func (m *model) get(key string) any {
	m.read[key] = true
	return m.values[key]
}

// own returns the full name of a key of the architecture.
func (m *model) own(key string) string { return m.name + "." + key }

// text returns a string, which has to be there.
func (m *model) text(key string) string {
	s, ok := m.get(key).(string)
	if !ok {
		m.wrong(key, "a string")
	}
	return s
}

// textOr returns a string, or otherwise where it is not there.
func (m *model) textOr(key, otherwise string) string {
	if m.get(key) == nil {
		return otherwise
	}
	return m.text(key)
}

// wrong says that a value is not what was expected.
func (m *model) wrong(key, expected string) {
	if v, ok := m.values[key]; ok {
		m.fail(fmt.Errorf("%s: %.100s, expected %s", key, fmt.Sprintf("%T %v", v, v), expected))
		return
	}
	m.fail(fmt.Errorf("%s: missing, expected %s", key, expected))
}

// number returns a whole number from 0 to 2³¹-1 that has to be there. An array stands for
// its elements where they are all the same.
func (m *model) number(key string) int {
	v := m.get(key)
	switch list := v.(type) {
	case []uint32:
		v = same(list)
	case []int32:
		v = same(list)
	}
	n := int64(-1)
	switch x := v.(type) {
	case uint8:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint32:
		n = int64(x)
	case int32:
		n = int64(x)
	case int64:
		n = x
	case uint64:
		n = int64(min(x, 1<<62))
	}
	if n < 0 || n > 1<<31-1 {
		m.wrong(key, "a whole number from 0 on, the same for all layers")
		return 0
	}
	return int(n)
}

// same returns the one number that all elements of list are, nil where there is none.
func same[T comparable](list []T) any {
	if len(list) == 0 || slices.ContainsFunc(list, func(x T) bool { return x != list[0] }) {
		return nil
	}
	return list[0]
}

// numberOr is number, or otherwise where it is not there.
func (m *model) numberOr(key string, otherwise int) int {
	if m.get(key) == nil {
		return otherwise
	}
	return m.number(key)
}

// float returns a float32, as JSON with as many digits as tell it from others; nil where it
// is not there.
func (m *model) float(key string) any {
	switch x := m.get(key).(type) {
	case nil:
		return nil
	case float32:
		if x-x == 0 { // neither infinite nor NaN
			return json.Number(strconv.FormatFloat(float64(x), 'g', -1, 32))
		}
	}
	m.wrong(key, "a finite float32")
	return nil
}

// needFloat is float that has to be there.
func (m *model) needFloat(key string) any {
	v := m.float(key)
	if v == nil {
		m.wrong(key, "a finite float32")
	}
	return v
}

// flag returns a boolean, or otherwise where it is not there.
func (m *model) flag(key string, otherwise bool) bool {
	switch x := m.get(key).(type) {
	case nil:
		return otherwise
	case bool:
		return x
	}
	m.wrong(key, "a boolean")
	return false
}

// shape returns that of a tensor, nil where there is none.
func (m *model) shape(name string) []int {
	t, ok := m.file.Tensor(name)
	if !ok {
		return nil
	}
	return t.Shape
}

// has reports whether there is a tensor.
func (m *model) has(name string) bool { return m.shape(name) != nil }

// rows returns the rows of a tensor, 0 where there is none.
func (m *model) rows(name string) int {
	if shape := m.shape(name); len(shape) > 0 {
		return shape[0]
	}
	return 0
}

// harmless begin the keys that say nothing of what the model computes.
var harmless = []string{"general.", "tokenizer.chat_template", "quantize.", "split.", "ollama.", "mradermacher."}

// finish returns what went wrong, and an error for a key that nothing was read of.
func (m *model) finish() error {
	if m.err != nil {
		return m.err
	}
	for _, key := range slices.Sorted(maps.Keys(m.values)) {
		if !m.read[key] && !slices.ContainsFunc(harmless, func(p string) bool { return strings.HasPrefix(key, p) }) {
			return unsupported.Errorf("%s: unknown key", key)
		}
	}
	return nil
}

// finishTensors returns what went wrong, whatever keys were read.
func (m *model) finishTensors() error { return m.err }

// pooling reads how the model pools. Without it the model is one of a folder without
// modules.json. A reranker's config gets its labels.
func (m *model) pooling(config map[string]any) {
	key := m.own("pooling_type")
	switch n := m.numberOr(key, 0); n {
	case 0:
	case 1, 2, 3:
		m.poolingMode = [...]string{1: "mean", 2: "cls", 3: "lasttoken"}[n]
	case 4:
		m.ranks(config)
	default:
		m.refuse(key, "%d, expected 0 to 4", n)
	}
}

// ranks makes config that of a reranker.
func (m *model) ranks(config map[string]any) {
	labels := m.rows("cls.output.weight")
	class, ok := rankers[fmt.Sprint(config["model_type"])]
	if !ok || !m.has("cls.weight") || labels == 0 {
		m.refuse(m.own("pooling_type"), "4, a reranker of another architecture than (XLM-)RoBERTa with both layers of its head")
		return
	}
	config["architectures"], config["num_labels"] = []string{class}, labels
}

// rankers are the classes of rerankers by model_type.
var rankers = map[string]string{"roberta": "RobertaForSequenceClassification", "xlm-roberta": "XLMRobertaForSequenceClassification"}
