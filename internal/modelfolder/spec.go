// Package modelfolder reads what the files of a model's folder say about it, all but
// the weights: config.json, modules.json and the modules' settings, prompts, routers,
// adapters, the tokenizer and its limits. Whoever runs the model makes it of that, and
// of the weights.
package modelfolder

import (
	"errors"
	"io/fs"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Spec is what a folder says about its model.
type Spec struct {
	Root          Folder
	Kind          Kind
	Prompts       map[string]string // by name
	DefaultPrompt string            // the name of the prompt of requests without one; "" = none
	Similarity    string            // similarity_fn_name
	Dimensions    int               // truncate_dim, what requests that ask for none get; 0 = all
	Ranges        *quant.Ranges     // of quantization_ranges.json; nil = none

	Encoders  []*Encoder        // in the order of their first use
	Default   *Route            // of requests that name none, and what the model is known by
	Routes    map[string]*Route // by the names that choose them; nil where there is no Router
	NoDefault bool              // a request must name a route

	Overruled bool   // the folder says that it is an embedding model, and a sparse one was asked for
	Cross     *Cross // of a reranker or a classifier
	MaxActive int    // max_active_dims of a sparse model, how many weights are kept, the largest; 0 = all
	Multi     *Multi // of a multi-vector model
	M3        *M3    // of an embedding model of which all outputs are asked for

	Ignored *Ignored // of the files of all
}

// A Route is what a text passes to become a vector.
type Route struct {
	Encoder    *Encoder
	Tokens     []*Module // what works on hidden states, before pooling
	Pooling    *Pooling  // nil for a table, which gives vectors at once, and of a sparse model's weights
	MaxActive  int       // k of a SparseAutoEncoder, which takes its place where the Spec has none; 0 = all
	Splade     *Splade   // in place of all that follows the encoder; nil = none
	Lexical    *Lexical  // in place of all that follows the encoder; nil = none
	Modules    []*Module // what follows, without the Normalize modules at the end
	Normalized bool      // there are such
}

// An Encoder reads the tokens of a text: a Transformer, or a table of token vectors.
type Encoder struct {
	Folder   Folder
	Static   bool        // a table
	Presence bool        // of a weight for each token, which a text has or not: SparseStaticEmbedding
	Masked   bool        // a transformer that runs with its masked-language-model head
	Base     Folder      // of config.json and the weights: Folder, or that of an adapter's base model
	apart    bool        // Base is not Folder
	Config   []byte      // config.json; nil of a table
	Model    ModelConfig // what is read of it here
	Adapter  []byte      // adapter_config.json; nil = none
	base     string      // base_model_name_or_path of it, or Options.Base
	task     string      // task_type of it
	Tasks    []TaskAdapter

	Tokenizer *tokenizer.Tokenizer
	Sum       string // of the tokenizer's files, without what changes no ids
	Lowercase bool   // the tokenizer lowers the case before what its files say
	End       string // the token that the tokenizer puts after each text beyond what its files say; "" = none
	Unknown   int32  // the token that is dropped from texts, -1 for none
	Chat      *Chat  // that texts pass through, of a model of single texts; nil = none
	Types     bool   // the reference feeds the model the token types of its tokenizer
	MaxTokens int    // of an input; 0 = no limit, but that of the model's positions
	Truncate  tokenizer.Truncation

	Outliers []byte // outlier_columns.json; nil = none
}

// A TaskAdapter is one of several adapters, of which a text may ask for one by its name.
type TaskAdapter struct {
	Name   string
	Folder Folder
	Config []byte // adapter_config.json
}

// Options are what a caller says about the folder.
type Options struct {
	Dir       string // where the root lies, "" where that is not known: an adapter may name its base model from there on
	Base      string // path of the folder of the base model of the folder's adapter, in place of the one that the adapter names; "" = that one
	MaxTokens int    // limit of one input in place of the folder's; 0 = the folder's
	Pooling   string // the mode that pools the body of a folder without modules.json, whatever its head; "" = the folder's

	Transformers int // major version of transformers as which the tokenizer is read, 4 or 5; 0 = the one that the folder names
}

// Read reads the folder of a model that makes embeddings. A model of another kind is a
// *KindError.
func Read(fsys fs.FS, o Options) (*Spec, error) { return read(fsys, o, Embedding) }

// ReadCross reads the folder of a reranker or a classifier.
func ReadCross(fsys fs.FS, o Options) (*Spec, error) { return read(fsys, o, Reranker) }

// ReadSparse reads the folder of a sparse model, one without modules.json of a
// masked-language model, or that of bge-m3.
func ReadSparse(fsys fs.FS, o Options) (*Spec, error) {
	s, err := read(fsys, o, SparseModel)
	if isBeside(fsys, err, manifest.SparseLinear) {
		return sparseBeside(fsys, o)
	}
	return s, err
}

// ReadMulti reads the folder of a multi-vector model, or that of bge-m3.
func ReadMulti(fsys fs.FS, o Options) (*Spec, error) {
	s, err := read(fsys, o, MultiVector)
	if isBeside(fsys, err, manifest.ColBERTLinear) {
		return multiBeside(fsys, o)
	}
	return s, err
}

// ReadAny reads the folder of a model of any kind that is read here.
func ReadAny(fsys fs.FS, o Options) (*Spec, error) {
	s, err := Read(fsys, o)
	if other := (*KindError)(nil); errors.As(err, &other) {
		switch other.Kind {
		case SparseModel:
			return ReadSparse(fsys, o)
		case MultiVector:
			return ReadMulti(fsys, o)
		case Reranker, Classifier, kindCross:
			return ReadCross(fsys, o)
		}
	}
	return s, err
}

func read(fsys fs.FS, o Options, wanted Kind) (*Spec, error) {
	r := &reader{root: Folder{FS: fsys, ignored: new(Ignored)}, options: o, encoders: map[moduleKey]*Encoder{}, modules: map[moduleKey]*Module{}}
	r.spec = &Spec{Root: r.root, Ignored: r.root.ignored}
	list, err := r.identify(wanted)
	if err != nil {
		return nil, err
	}
	if err := r.readSentence(); err != nil {
		return nil, err
	}
	switch {
	case wanted == Reranker:
		err = r.cross(list)
	case wanted == MultiVector:
		err = r.multi(list)
	case wanted == SparseModel && list == nil:
		r.spec.Default, err = r.plainSparse()
	case list == nil:
		r.spec.Default, err = r.plain()
	default:
		err = r.routes(list)
	}
	if err != nil {
		return nil, err
	}
	if r.spec.Dimensions == 0 {
		r.spec.Dimensions, err = r.spec.Default.Encoder.Model.truncateDim()
	}
	if err == nil {
		r.spec.Ranges, err = r.root.ranges()
	}
	return r.spec, err
}

// A reader makes a Spec, whose routes share the modules that they have in common.
type reader struct {
	spec       *Spec
	root       Folder
	options    Options
	activation *string  // activation_fn of config_sentence_transformers.json; nil = none
	legacy     *legacy  // of it, of a multi-vector model
	lexical    bool     // the sparse model that is read is a Lexical
	source     *Encoder // of the root, where identify has read it already
	encoders   map[moduleKey]*Encoder
	modules    map[moduleKey]*Module
}

// A moduleKey is a module at a place that it fits in.
type moduleKey struct {
	path, class string
	input       Feature
}
