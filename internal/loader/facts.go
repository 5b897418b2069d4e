package loader

import (
	"maps"
	"slices"
)

// loss is Loss under another name.
type loss interface {
	~struct {
		Texts       int
		Mean, Worst float64
	}
}

// Facts are embed.Facts, which says what each is, and is converted from these: P is
// embed.Precision, and L embed.Loss.
type Facts[P ~uint8, L loss] struct {
	Name             string
	Family           string
	Layers           int
	Vocabulary       int
	MaxTokens        int
	Prompts          map[string]string
	DefaultPrompt    string
	Precision        P
	Arithmetic       string
	Finer            []string
	Loss             L
	Kernels          string
	Workers          int
	Transformers     int
	TokenizerReading []string
	TrustedCode      []string
	Ignored          []string
	FileFormat       string
	Stored           string
	MemoryBytes      int64
}

// Describe returns the facts of a model of that name, which share no memory with it: of its
// default route, where it has several.
func Describe[P ~uint8, L loss](m *Model, name string) Facts[P, L] {
	e := m.Default.Encoder
	f := Facts[P, L]{
		Name: name, Family: e.Runs.Family(), Layers: e.Runs.Layers(), Vocabulary: e.Runs.Vocabulary(), MaxTokens: e.limit,
		Prompts: maps.Clone(m.Prompts), DefaultPrompt: m.Spec.DefaultPrompt,
		Precision: P(m.config.Format), Arithmetic: m.Set.How(m.config.Format), Finer: e.Outliers.Finer(), Loss: L(e.Loss), Kernels: m.Set.Name(), Workers: m.Workers,
		Transformers: e.Tokenizer.Version(), TokenizerReading: e.Tokenizer.Reading(), TrustedCode: slices.Clone(m.Trusted),
		Ignored: m.Spec.Ignored.List(), FileFormat: m.Files[e.Weights].Format(), MemoryBytes: m.Bytes,
	}
	if t := e.Transformer; t != nil {
		f.Stored = t.Stored
	}
	return f
}
