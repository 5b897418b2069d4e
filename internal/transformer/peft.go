package transformer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"

	"github.com/rhumb-go/rhumb/tensor"
)

// An Adapter is a LoRA adapter (arXiv:2106.09685) as PEFT 0.21 saves it, to be
// merged into the weights of its base model: W + scale·B·A of each linear layer
// and embedding table that it was trained for, and the tensors that it keeps
// whole (modules_to_save) in place of the base model's.
type Adapter struct {
	Base string // base_model_name_or_path: the folder or the hub id of the base model
	Task string // task_type: what it was trained for; "" = not said

	file    *tensor.File
	config  peftConfig
	modules map[string]*adapted // by the module's name in the model that was trained
	whole   map[string]string   // tensors in place of the base model's: its name → that in the file
	used    map[string]bool     // tensors of the file
	path    string              // of the base model's own names in the model that was trained, with the dot that ends it
	code    codeNames           // other names of the model's modules in it
	errs    []error
}

// baseModel is what PEFT puts before the names of the model that was trained.
const baseModel = "base_model.model."

// An adapted is what an adapter has for one module: the names of its tensors.
type adapted struct {
	a, b   string // of a linear layer: rank×inputs and outputs×rank
	ea, eb string // of an embedding table: rank×rows and columns×rank
}

// peftConfig is what changes the numbers in adapter_config.json. The names are
// those of PEFT 0.21, LoraConfig.
type peftConfig struct {
	PEFTType        string          `json:"peft_type"`
	Base            string          `json:"base_model_name_or_path"`
	TaskType        string          `json:"task_type"`
	R               int             `json:"r"`
	LoraAlpha       float64         `json:"lora_alpha"`
	UseRSLoRA       bool            `json:"use_rslora"`
	RankPattern     patterns        `json:"rank_pattern"`
	AlphaPattern    patterns        `json:"alpha_pattern"`
	TargetModules   json.RawMessage `json:"target_modules"`
	Bias            string          `json:"bias"`
	InitLoraWeights any             `json:"init_lora_weights"`
}

// patterns are the values for modules whose names end as an expression says, in
// the order of the file: the first that matches counts.
type patterns []pattern

type pattern struct {
	key   string
	names *regexp.Regexp
	value float64
}

// UnmarshalJSON reads an object of numbers above 0. The keys are expressions for
// the end of a name (PEFT 0.21, get_pattern_key).
func (p *patterns) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	members, err := strictjson.Members(data)
	if err != nil {
		return err
	}
	for _, m := range members {
		next := pattern{key: m.Key}
		if err := json.Unmarshal(m.Value, &next.value); err != nil || !(next.value > 0 && next.value < 1<<31) {
			return fmt.Errorf("%s: expected a number above 0", next.key)
		}
		if next.names, err = regexp.Compile(`^(?:.*\.)?(?:` + next.key + `)$`); err != nil {
			return err
		}
		*p = append(*p, next)
	}
	return nil
}

// of returns the value for the named module.
func (p patterns) of(module string, otherwise float64) float64 {
	for _, next := range p {
		if next.names.MatchString(module) {
			return next.value
		}
	}
	return otherwise
}

// Keys of adapter_config.json that do not change what its tensors mean: they
// are about training, or choose the modules that have tensors. fan_in_fan_out is
// for layers that no family here has; PEFT sets it to false for others.
var harmlessKeys = []string{
	"auto_mapping", "ensure_weight_tying", "exclude_modules", "fan_in_fan_out", "inference_mode", "layers_pattern", "layers_to_transform",
	"lora_dropout", "megatron_core", "modules_to_save", "peft_version", "qalora_group_size", "revision", "task_type",
}

// OpenAdapter reads an adapter_config.json and the tensors of an adapter. Kinds
// of adapters other than LoRA, its variants, unknown keys and tensors that do not
// belong to a low-rank update are errors.
func OpenAdapter(config []byte, file *tensor.File) (*Adapter, error) {
	a := &Adapter{
		file: file, config: peftConfig{R: 8, LoraAlpha: 8, Bias: "none", InitLoraWeights: true},
		modules: map[string]*adapted{}, whole: map[string]string{}, used: map[string]bool{},
	}
	if err := a.config.read(config); err != nil {
		return nil, fmt.Errorf("adapter_config.json: %w", refused(err))
	}
	a.Base, a.Task = a.config.Base, a.config.TaskType
	for _, name := range file.Names() {
		a.sort(name)
	}
	for _, name := range slices.Sorted(maps.Keys(a.modules)) {
		m := a.modules[name]
		if (m.a == "") != (m.b == "") || (m.ea == "") != (m.eb == "") {
			a.errorf("tensors of %s: found one half of an update, expected A and B", name)
		} else if m.a != "" && m.ea != "" {
			a.errorf("tensors of %s: found the updates of a linear layer and of a table, expected one", name)
		}
		if err := a.config.target(name); err != nil {
			return nil, fmt.Errorf("adapter_config.json: %w", err)
		}
	}
	return a, a.err()
}

// read reads data into c, which holds the defaults.
func (c *peftConfig) read(data []byte) error {
	if err := strictjson.Unmarshal(data, c); err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	if c.PEFTType != "LORA" {
		return fmt.Errorf("peft_type: found %q, expected \"LORA\"", c.PEFTType)
	}
	known := []string{"peft_type", "base_model_name_or_path", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern",
		"target_modules", "bias", "init_lora_weights"}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		switch v := all[key].(type) {
		case nil:
			continue
		case bool:
			if !v {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		}
		if !slices.Contains(known, key) && !slices.Contains(harmlessKeys, key) {
			return fmt.Errorf("%s: found %v, expected none", key, all[key])
		}
	}
	if c.Bias != "none" {
		return fmt.Errorf("bias: found %q, expected \"none\"", c.Bias)
	}
	switch init := c.InitLoraWeights.(type) {
	case nil, bool:
	default:
		if init != "gaussian" { // others, such as "pissa", change the base model's weights
			return fmt.Errorf("init_lora_weights: found %v, expected true, false or \"gaussian\"", init)
		}
	}
	if err := positive(keyValue{"r", c.R}); err != nil {
		return err
	}
	for _, p := range c.RankPattern {
		if p.value != math.Trunc(p.value) {
			return fmt.Errorf("rank_pattern: %s: found %v, expected a whole number", p.key, p.value)
		}
	}
	if !(c.LoraAlpha > 0 && c.LoraAlpha < 1<<31) {
		return fmt.Errorf("lora_alpha: found %v, expected a number above 0", c.LoraAlpha)
	}
	return c.target("")
}

// scale returns the rank of the named module and what its update is multiplied with.
func (c *peftConfig) scale(module string) (rank int, scale float32) {
	rank = int(c.RankPattern.of(module, float64(c.R)))
	alpha := c.AlphaPattern.of(module, c.LoraAlpha)
	if c.UseRSLoRA { // arXiv:2312.03732
		return rank, float32(alpha / math.Sqrt(float64(rank)))
	}
	return rank, float32(alpha / float64(rank))
}

// target returns an error if the named module is none of target_modules: PEFT
// would not read its tensors. It also checks target_modules itself.
func (c *peftConfig) target(module string) error {
	var list []string
	var pattern string
	switch {
	case c.TargetModules == nil || string(c.TargetModules) == "null": // those that PEFT knows for the family
		return nil
	case json.Unmarshal(c.TargetModules, &list) == nil:
		for _, t := range list {
			if module == t || strings.HasSuffix(module, "."+t) {
				return nil
			}
		}
	case json.Unmarshal(c.TargetModules, &pattern) == nil:
		if pattern == "all-linear" {
			return nil
		}
		p, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil {
			return fmt.Errorf("target_modules: %w", err)
		}
		if p.MatchString(module) {
			return nil
		}
	default:
		return fmt.Errorf("target_modules: found %s, expected a list of names or an expression", c.TargetModules)
	}
	if module == "" {
		return nil
	}
	return fmt.Errorf("target_modules: found %s, and tensors of %s in the file", c.TargetModules, module)
}

// sort files a tensor under its module.
func (a *Adapter) sort(name string) {
	stripped := strings.TrimPrefix(name, baseModel)
	for _, kind := range []struct {
		suffix string
		part   func(*adapted) *string
	}{
		{".lora_A.weight", func(m *adapted) *string { return &m.a }},
		{".lora_B.weight", func(m *adapted) *string { return &m.b }},
		{".lora_embedding_A", func(m *adapted) *string { return &m.ea }},
		{".lora_embedding_B", func(m *adapted) *string { return &m.eb }},
	} {
		if module, ok := strings.CutSuffix(stripped, kind.suffix); ok {
			if a.modules[module] == nil {
				a.modules[module] = new(adapted)
			}
			*kind.part(a.modules[module]) = name
			return
		}
	}
	if strings.Contains(stripped, ".lora_") {
		a.errorf("tensor %s: unknown, expected lora_A.weight, lora_B.weight, lora_embedding_A or lora_embedding_B", name)
		return
	}
	// A table that has an update is saved beside it, under the name of what it wraps.
	a.whole[strings.Replace(stripped, ".base_layer.", ".", 1)] = name
}

func (a *Adapter) errorf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if name := a.file.Name(); name != "" {
		err = fmt.Errorf("%s: %w", name, err)
	}
	a.errs = append(a.errs, err)
}

func (a *Adapter) err() error {
	if a == nil {
		return nil
	}
	const most = 8
	if n := len(a.errs); n > most {
		return errors.Join(append(a.errs[:most:most], fmt.Errorf("and %d more errors", n-most))...)
	}
	return errors.Join(a.errs...)
}

// lookup returns the key of names that stands for name, a name in the base
// model: a model with a head has its own name before it.
func lookup[T any](a *Adapter, names map[string]T, name string) (key string, found bool) {
	if _, ok := names[name]; ok {
		return name, true
	}
	for _, k := range slices.Sorted(maps.Keys(names)) {
		if strings.HasSuffix(k, "."+name) {
			if found {
				a.errorf("tensors of %s and of %s: found both for %s, expected one", key, k, name)
				return key, true
			}
			key, found = k, true
		}
	}
	if found {
		a.path = strings.TrimSuffix(key, name)
	}
	return key, found
}

// replacement returns the tensor that the adapter keeps in place of the base
// model's of that name, false where there is none.
func (a *Adapter) replacement(name string) (tensor.Tensor, bool) {
	if a == nil {
		return tensor.Tensor{}, false
	}
	key, ok := lookup(a, a.whole, name)
	if code := a.code.of(name); !ok && len(code) == 1 {
		key, ok = lookup(a, a.whole, code[0])
	}
	if !ok {
		return tensor.Tensor{}, false
	}
	a.used[a.whole[key]] = true
	return a.file.Tensor(a.whole[key])
}

// linear returns the update of the linear layer (outputs×inputs) with the named
// weight, nil where there is none.
func (a *Adapter) linear(weight string, outputs, inputs int) *lowRank {
	if a == nil {
		return nil
	}
	code := a.code.of(weight)
	if len(code) < 2 || outputs%len(code) != 0 {
		return a.update(weight, outputs, inputs)
	}
	parts := make([]*lowRank, len(code))
	for i, name := range code {
		parts[i] = a.update(name, outputs/len(code), inputs)
	}
	if u := sideBySide(parts, outputs, inputs); u != nil {
		return u
	}
	return a.update(weight, outputs, inputs)
}

// update is linear of a layer that is one in the code too.
func (a *Adapter) update(weight string, outputs, inputs int) *lowRank {
	m, rank, scale := a.module(weight)
	if m == nil || m.a == "" {
		return nil
	}
	down, ok := a.tensor(m.a, rank, inputs)
	up, fits := a.tensor(m.b, outputs, rank)
	if !ok || !fits {
		return nil
	}
	return &lowRank{a: down, b: up, scale: scale}
}

// table returns the update of the embedding table (rows×cols) with the named
// weight, nil where there is none.
func (a *Adapter) table(weight string, rows, cols int) *lowRank {
	m, rank, scale := a.module(weight)
	if m == nil || m.ea == "" {
		return nil
	}
	byRow, ok := a.tensor(m.ea, rank, rows)
	byCol, fits := a.tensor(m.eb, cols, rank)
	if !ok || !fits {
		return nil
	}
	return &lowRank{a: byCol.Transposed(), b: byRow.Transposed(), scale: scale}
}

// module returns what there is for the module with the named weight.
func (a *Adapter) module(weight string) (m *adapted, rank int, scale float32) {
	name, ok := strings.CutSuffix(weight, ".weight")
	if a == nil || !ok {
		return nil, 0, 0
	}
	key, ok := lookup(a, a.modules, name)
	if code := a.code.of(name); !ok && len(code) == 1 {
		key, ok = lookup(a, a.modules, code[0])
	}
	if !ok {
		return nil, 0, 0
	}
	rank, scale = a.config.scale(key)
	return a.modules[key], rank, scale
}

// tensor returns the named tensor of rows×cols, false where it is another.
func (a *Adapter) tensor(name string, rows, cols int) (tensor.Matrix, bool) {
	a.used[name] = true
	t, _ := a.file.Tensor(name)
	if !slices.Equal(t.Shape, []int{rows, cols}) {
		a.errorf("tensor %s: shape %v, expected %v", name, t.Shape, []int{rows, cols})
		return tensor.Matrix{}, false
	}
	m, err := matrix(t, 0, rows, cols)
	if err != nil {
		a.errorf("%w", err)
	}
	return m, err == nil
}

// finish returns what went wrong, and an error for each tensor that was not used,
// is not a head's and not under one of the ignored prefixes of names in the base model.
func (a *Adapter) finish(ignored []string) error {
	if a == nil {
		return nil
	}
	all := a.file.Names()
	for _, name := range all {
		in := "." + strings.TrimPrefix(name, baseModel)
		if !a.used[name] && !isHead(name, baseModel+a.path, all) &&
			!slices.ContainsFunc(ignored, func(prefix string) bool { return strings.Contains(in, "."+prefix) }) {
			a.errorf("tensor %s: fits no weight of the base model", name)
		}
	}
	return a.err()
}
