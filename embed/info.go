package embed

import (
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/quant"
)

// Facts are what models of every kind say about themselves, those of the packages below
// this one too.
type Facts struct {
	Name             string            // Config.Name, or that of the folder
	Family           string            // config.json's model_type; "static" for a table of token vectors
	Layers           int               // transformer blocks, 0 for a table
	Vocabulary       int               // token ids, or in package sparse the indices of a vector, are 0 to Vocabulary-1
	MaxTokens        int               // of one input, a pair of texts or in package multivector a document, special tokens and prompt included; 0 = no limit
	Prompts          map[string]string // by name
	DefaultPrompt    string            // the name of the prompt of requests without one; "" = none
	Precision        Precision
	Arithmetic       string   // how Kernels multiply in Precision, such as "bfloat16 by VDPBF16PS"
	Finer            []string // in Int8: the linear layers that it does not hold well enough, which are in BFloat16, by their first weight; what Inspect says is what the folder's outlier_columns.json does
	Loss             Loss     // in Int8, where Load found the outliers: of the texts that it chose Finer for, and some of other kinds where there are such layers or a large model read few. The zero Loss where the folder has outlier_columns.json, of models that are not measured, and from Inspect
	Kernels          string
	Workers          int
	Transformers     int      // major version of transformers as which the tokenizer's files are read, 4 or 5; 0 = there is tokenizer.json alone
	TokenizerReading []string // what that reads otherwise than tokenizer.json says, a line for each
	TrustedCode      []string // code in config.json's auto_map that Config.TrustModelType speaks for: what it computes may be another model
	Ignored          []string // places in the folder's files that nothing is computed of, such as "1_Pooling/config.json: comment": keys that the reference does not read either, and how it is to compute. At most 64, and how many more
	FileFormat       string   // of the weights: "safetensors", "pytorch" or "gguf"
	Stored           string   // how the folder has the weights of linear layers, such as "int8" or "GPTQ, 4 bits"; "" = as floats
	MemoryBytes      int64    // of the weights, those that stay in their file included
}

// Info is what a model says about itself.
type Info struct {
	Facts
	Dimensions           int           // the most components that an embedding has
	DefaultDimensions    int           // components where a request asks for none: truncate_dim, or all
	Matryoshka           bool          // the model declares that it is trained to be cut
	MatryoshkaDimensions []int         // the dimensions that it declares, ascending; nil = it declares none
	Routes               []string      // prompt names that choose among several ways through the model, ascending; nil = there is one
	Tasks                []string      // prompt names that choose an adapter of the model's own
	Pooling              []string      // "cls", "max", "mean", …; several are put end to end
	Normalized           bool          // the model's own modules end with unit length
	Similarity           string        // "cosine", "dot", …; "" = the model does not say
	Ranges               *quant.Ranges // of int8 and uint8, from the folder's quantization_ranges.json; nil = it has none
}

// Info returns what the model says about itself.
func (m *Model) Info() Info {
	i := m.info
	i.Facts = facts(m.loaded, i.Name)
	i.MatryoshkaDimensions, i.Routes, i.Tasks, i.Pooling = slices.Clone(i.MatryoshkaDimensions), slices.Clone(i.Routes), slices.Clone(i.Tasks), slices.Clone(i.Pooling)
	if r := i.Ranges; r != nil {
		clone := *r
		clone.Min, clone.Max = slices.Clone(r.Min), slices.Clone(r.Max)
		i.Ranges = &clone
	}
	return i
}

// facts returns those of a model of that name.
func facts(m *loader.Model, name string) Facts {
	return Facts(loader.Describe[Precision, Loss](m, name))
}

// describe returns what is known of a model of that name.
func describe(m *loader.Model, name string) (Info, error) {
	s, r, e := m.Spec, m.Default, m.Default.Encoder
	i := Info{
		Facts: facts(m, name), Dimensions: r.Dimensions, DefaultDimensions: s.Dimensions, Routes: m.RouteNames(), Tasks: m.Tasks,
		Pooling: r.PoolingNames(), Normalized: r.Spec.Normalized, Similarity: s.Similarity, Ranges: s.Ranges,
	}
	all := r.Dimensions
	if err := m.SameDimensions(); err != nil {
		return i, err
	}
	for _, o := range m.Routes {
		i.Normalized = i.Normalized && o.Spec.Normalized
	}
	if d := i.DefaultDimensions; d == 0 || d > all {
		i.DefaultDimensions = all
	}
	i.MatryoshkaDimensions = slices.Sorted(slices.Values(e.Model.MatryoshkaDimensions))
	i.Matryoshka = e.Model.IsMatryoshka || len(i.MatryoshkaDimensions) > 0
	for _, d := range i.MatryoshkaDimensions {
		if d < 1 || d > all {
			return i, fmt.Errorf("config.json: matryoshka_dimensions: %d, expected 1 to %d", d, all)
		}
	}
	if r := i.Ranges; r != nil && len(r.Min) > all {
		return i, fmt.Errorf("%s: %d dimensions, expected at most %d, as the model has", quant.RangesFile, len(r.Min), all)
	}
	return i, nil
}
