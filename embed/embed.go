// Package embed turns texts into embeddings: it loads a model folder as
// sentence-transformers writes it, or a GGUF file, and runs each text through the tokenizer,
// the transformer, pooling and the modules that follow.
//
//	model, err := embed.Load(ctx, "path/to/all-MiniLM-L6-v2", embed.Config{})
//	…
//	defer model.Close()
//	result, err := model.Embed(ctx, []string{"a text"}, embed.Options{})
//	fmt.Println(result.Embeddings[0].Float32)
//
// Package [github.com/rhumb-go/rhumb/embed/minilm] has that model inside the program, and
// [github.com/rhumb-go/rhumb/embed/hub] finds or downloads those of the Hugging Face hub. A [Model] may be
// used by any number of goroutines. A [Queue] puts calls of many goroutines together, and
// [Model.EmbedSeq] takes inputs without end. Models of other kinds have packages below this one: rerankers,
// sparse and multi-vector models.
//
// The same text gives the same bits: alone or in any company, with any number
// of workers, on every SIMD kernel set. The "generic" set, and "sse41", which has its bits,
// agree within 1e-6 in Float32, and in BFloat16 as far as rounding goes.
package embed

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Config says how a model is loaded. The zero Config is the exact default.
type Config struct {
	Name           string    // what Info calls the model; "" = the name of its folder
	Precision      Precision // of the weights in memory
	Workers        int       // goroutines of one call, the caller included; 0 = GOMAXPROCS
	BatchTokens    int       // tokens of one forward pass, and with them memory; 0 = 256
	MaxTokens      int       // limit of one input in place of the folder's, at most the position table's; 0 = the folder's
	Pooling        string    // "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken" or "last" for short: how to pool the body of a folder without modules.json, whatever its head; "" = as the folder says
	Base           string    // path of the folder of the base model, of a folder with a LoRA adapter, in place of the one that its adapter_config.json names: hub.Base returns that of an id at the hub; "" = the one that it names by a path
	TrustModelType bool      // your word that code in config.json's auto_map that is not known here computes what transformers computes for its model_type: it is loaded as that, and Info.TrustedCode names it. No code of a folder is ever run
	Transformers   int       // 4 or 5: major version of transformers as which the tokenizer's files are read, see tokenizer.LoadAs; 0 = the one that the folder names
	Kernels        string    // "generic", "sse41", "avx2", "avx512", "amx", "neon"; "" = the best this CPU has
	Cache          Cache     // of rows, which any number of models share; its key has the model's Fingerprint, which Load makes then; nil = none. Package embed alone has a use for it
}

// A Model turns texts into embeddings. It is read-only: any number of calls may
// run at the same time.
type Model struct {
	loaded *loader.Model
	info   Info
	route  *loader.Route // of requests that name none, and what Info is about
	cache  *modelCache   // nil = none
}

// An Embedder is a *Model, or a *Queue, which runs calls that come at the same time
// together: the bits are the same.
type Embedder interface {
	Embed(ctx context.Context, inputs []string, opts Options) (*Result, error)
	EmbedIDs(ctx context.Context, inputs [][]int32, opts Options) (*Result, error)
}

var _, _ Embedder = (*Model)(nil), (*Queue)(nil)

// Fingerprint returns 128 bits, in hexadecimal, of a SHA-256 over all that makes the
// vectors: those of two models compare where it is the same. That is sums of the
// weights (each tensor's name, dtype, shape and bytes, in whatever files they are), the
// tokenizer, config.json, an adapter, the pooling and the modules, the prompts,
// Config.Precision, and the version of this module's arithmetic. The limit of tokens,
// the kernels and what Options change are not part of it.
//
// The first call reads all weights once, with all workers: 100 MB in some 30 ms on two
// cores. The sums of 64 MiB and more that are in files are kept in the folder rhumb/sums
// of the user's cache ($XDG_CACHE_HOME, or that of os.UserCacheDir), and count as long as
// the files have the paths, numbers, sizes and times that they had; where there can be no
// such folder, they are made each time. Errors are ErrClosed where it comes after Close, that of ctx, which is looked at between tensors, and that
// weights have changed in their files.
func (m *Model) Fingerprint(ctx context.Context) (string, error) { return m.loaded.Fingerprint(ctx) }

// Operations returns the floating-point operations of the matrix products of one
// forward pass over inputs of the given lengths, in tokens: none for a table of
// token vectors.
func (m *Model) Operations(lengths []int) float64 { return m.route.Operations(lengths) }

// Tokenizer returns the model's tokenizer, that of the default route.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.route.Encoder.Tokenizer }

// Close waits for the calls under way and releases the model's memory. Later
// calls of Embed and EmbedIDs return ErrClosed. A second Close does nothing.
func (m *Model) Close() error { return m.loaded.Close() }

// ErrClosed is the error of calls on a closed Model or Queue.
var ErrClosed = pipeline.ErrClosed

// A Truncation says what becomes of an input of more tokens than the limit.
// Special tokens and the prompt are never dropped, but with the start of a text that passes
// through a chat template.
type Truncation uint8

const (
	TruncateDefault Truncation = iota // on the model's side, mostly the end, for texts; as TruncateNone for token ids
	TruncateEnd                       // drop tokens from the end
	TruncateStart                     // drop tokens from the start, after the prompt
	TruncateNone                      // an InputError
)

// Options are those of one request. The zero Options are the defaults.
//
// A PromptName stands for all that a model has under that name, as in
// sentence-transformers, whose prompts, routes and adapters of one purpose have one name:
//
//   - the prompt of that name in Info.Prompts comes before each text;
//   - of Info.Routes, the one of that name is the way through the model;
//   - of Info.Tasks, the adapter of that name, or of the prompt that is found, is used.
//
// Every model takes "query" and "document". What it lacks of those it does without: where
// it has no "document", its "passage" or "corpus" counts, else none does.
// Any other name must be among the three. Token ids come with their prompt, and take the
// name of a route alone.
type Options struct {
	Prompt       string            // put before each text, as it is; "" = by name
	PromptName   string            // "query", "document", or another name of the model's, see above; "" = Info.DefaultPrompt and the default route
	Truncate     Truncation        // of inputs over the limit
	MaxTokens    int               // a limit lower than the model's; 0 = the model's
	Dimensions   int               // components to keep, the first ones; 0 = Info.DefaultDimensions
	Layers       int               // transformer blocks to run, the first ones (2D Matryoshka, arXiv:2402.14776); 0 = all
	Unnormalized bool              // not of unit length: the vector before any Normalize module at the end
	Formats      []encoding.Format // of the embeddings, each once; none = Float
	Ranges       *quant.Ranges     // of Int8 and Uint8; nil = Info.Ranges, or each vector's own scale where that is nil

	// Spans are, for each text, parts of it to embed in place of the whole, in bytes: late
	// chunking, arXiv:2409.04701. The text runs through the model once, and each span's
	// tokens, those that begin in it, are pooled by themselves: the last token of a model
	// that pools so, their mean where it takes the first one. Special tokens and those of
	// the prompt belong to no span, but that a text's one span from its start to its end is
	// the text itself, as without Spans (of a table the same within rounding). Spans may
	// overlap, and are of texts alone: not of token ids, nor of EmbedSeq. A text without
	// spans, and a span that has no token, that reaches beyond its text, or that begins or
	// ends inside a character is an *InputError. nil = none.
	Spans [][]tokenizer.Span
}

// A Result is the embeddings of one request.
type Result struct {
	Embeddings []Embedding   // in the order of the inputs, and of the spans of each
	Starts     []int         // with Options.Spans: those of input i are Embeddings[Starts[i]:Starts[i+1]]; else nil, and each has one
	Dimensions int           // of each
	Cached     int           // inputs whose rows Config.Cache had
	Wait       time.Duration // in a Queue, from the end of tokenization to the batch of the call's first turn; else 0
}

// An Embedding is what one input became, in the formats of the request. The
// vectors of one Result share an array for each format: a copy lets go of the others.
type Embedding struct {
	encoding.Vector
	Tokens    int // read by the model, prompt and special tokens included; of a span, those that were pooled
	Truncated int // dropped; of a span, from its whole text
}

// An InputError is a fault of one input.
type InputError struct {
	Index int // of the input
	Err   error
}

// Error returns a message such as "input 3: 612 tokens, model reads 512".
func (e *InputError) Error() string { return fmt.Sprintf("input %d: %v", e.Index, e.Err) }

// Unwrap returns what is wrong with the input.
func (e *InputError) Unwrap() error { return e.Err }

// An Option names a field of Options, in words. Other packages have options of their own.
type Option string

const (
	OptionPrompt     Option = "prompt"
	OptionPromptName Option = "prompt name"
	OptionTruncate   Option = "truncate"
	OptionMaxTokens  Option = "max tokens"
	OptionDimensions Option = "dimensions"
	OptionLayers     Option = "layers"
	OptionFormats    Option = "formats"
	OptionRanges     Option = "ranges"
	OptionSpans      Option = "spans"
	OptionQuery      Option = "query"      // of package rerank: the query itself
	OptionMaxActive  Option = "max active" // of package sparse

	OptionMaxDocumentTokens Option = "max document tokens" // of package rerank
)

// An OptionError is a fault of one option.
type OptionError struct {
	Option Option
	Err    error
}

// Error returns a message such as "dimensions: -1, expected 1 to 384".
func (e *OptionError) Error() string { return string(e.Option) + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the option.
func (e *OptionError) Unwrap() error { return e.Err }

func optionError(option Option, format string, args ...any) error {
	return &OptionError{option, fmt.Errorf(format, args...)}
}

// Embed returns the embedding of each text. A text is read as UTF-8, each
// maximal invalid part as U+FFFD. Errors are an *OptionError, an *InputError
// (an empty text, one that is too long, or one whose vector is not finite or
// too large for a format; the first of several), ErrClosed, or that of ctx, which is looked at between
// layers and between batches. Inputs that come to the same tokens are computed once.
//
// Memory beyond the result and the token ids grows with Config.Workers and
// Config.BatchTokens, and with the longest text, but not with the number of texts.
func (m *Model) Embed(ctx context.Context, inputs []string, opts Options) (*Result, error) {
	return m.embed(ctx, m.texts(inputs, opts), m.runAlone)
}

// EmbedIDs is Embed for token ids of this model's tokenizer. They are used as
// they are: no special tokens are added, and no prompt, so that a prompt is an
// error, and so is a prompt name unless it chooses a route. An empty list and an id outside the vocabulary are
// an *InputError, and so are ids over the limit, unless opts.Truncate says
// otherwise: then the special tokens stay that frame ids as the tokenizer would.
func (m *Model) EmbedIDs(ctx context.Context, inputs [][]int32, opts Options) (*Result, error) {
	return m.embed(ctx, m.tokenLists(inputs, opts), m.runAlone)
}

// runAlone runs a call that waits for no other.
func (m *Model) runAlone(ctx context.Context, c pipeline.Call) (time.Duration, error) {
	return 0, m.loaded.Run(ctx, c)
}

// EmbedSeq returns the embeddings of inputs in their order, as Embed makes them,
// for any number of texts: memory does not grow with it. Some hundred texts are
// computed together, while the next ones are read and tokenized.
//
// A fault of one input is yielded in its place as an *InputError, with an empty
// Embedding, and the sequence goes on; its Index counts from the first input.
// Any other error is yielded last. inputs and the loop over the embeddings run
// in one goroutine; leaving the loop ends the computation too.
func (m *Model) EmbedSeq(ctx context.Context, inputs iter.Seq[string], opts Options) iter.Seq2[Embedding, error] {
	return func(yield func(Embedding, error) bool) {
		if opts.Spans != nil {
			yield(Embedding{}, optionError(OptionSpans, "given for a sequence, expected none: Embed takes them"))
			return
		}
		delivered := 0
		parts := pipeline.Stream(ctx, m.loaded.Model, inputs, func(part []string) *texts { return m.texts(part, opts) })
		for part, err := range parts {
			faults, ok := err.(pipeline.Faults)
			if err != nil && !ok {
				yield(Embedding{}, err)
				return
			}
			for i, e := range part.result.Embeddings {
				var err error
				if fault, ok := faults[i]; ok {
					e, err = Embedding{}, &InputError{delivered, fault}
				}
				delivered++
				if !yield(e, err) {
					return
				}
			}
		}
	}
}
