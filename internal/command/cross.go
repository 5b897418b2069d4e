package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// crossFlags are the flags of a command that runs a reranker or a classifier.
type crossFlags struct {
	model  modelFlags
	in     inputFlags
	out    outputFlags
	limits limitFlags
	raw    bool

	vectors bool // a multi-vector model does too
}

// add adds the flags of a command whose model is a kind, in --as one of as, and whose arguments are of that name.
func (f *crossFlags) add(cmd *cobra.Command, kind string, as []string, argument, raw string) {
	flags := cmd.Flags()
	f.model.addAs(cmd, as...)
	flags.StringVarP(&f.model.name, "model", "m", os.Getenv("RHUMB_MODEL"), "`NAME` of a "+kind+": its folder or its id at the hub; env RHUMB_MODEL")
	complete(cmd, "model", completeCached)
	f.model.addPlace(cmd)
	f.model.addComputation(cmd)
	f.in.addAs(cmd, "input", "`FILE` to read, - for standard input (default: standard input if there is no "+argument+")")
	f.out.add(cmd, "jsonl", "table")
	f.limits.add(cmd, "where to drop tokens over the limit, of the longer text of a pair first; none: an error (default: where the model says, mostly the end)")
	flags.BoolVar(&f.raw, "raw", false, raw)
}

// A scorer scores documents.
type scorer interface {
	Score(ctx context.Context, query string, documents []string, opts rerank.Options) ([]rerank.Score, error)
	Close() error
}

// load loads the model that the flags name: one that scores, and where it is a reranker or
// a classifier that too.
func (f *crossFlags) load(ctx context.Context, c *console) (scorer, *rerank.Model, error) {
	if f.model.name == "" {
		return nil, nil, usagef("--model: none given, expected the folder of a model or its id at the hub")
	}
	dir, cfg, err := f.model.find(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if dir == "" {
		return nil, nil, fmt.Errorf("model %q: an embedding model, expected a reranker or a classifier; rhumb embed serves it", f.model.name)
	}
	if f.model.kind() == asMultiVector {
		vectors, err := multivector.Load(ctx, dir, cfg)
		return vectors, nil, err
	}
	m, err := rerank.Load(ctx, dir, cfg)
	if f.vectors && f.model.kind() == "" && isMultiVector(err) {
		vectors, err := multivector.Load(ctx, dir, cfg)
		return vectors, nil, err
	}
	if err == nil && m.Info().Overruled && f.model.kind() == "" {
		err = fmt.Errorf("model %q: an embedding model, expected a reranker or a classifier; rhumb embed serves it, and rhumb rerank --as rerank by its tokens \"yes\" and \"no\"", f.model.name)
		return nil, nil, errors.Join(err, m.Close())
	}
	return m, m, err
}

// isMultiVector reports whether err says that a model of another kind is a multi-vector model.
func isMultiVector(err error) bool {
	var other *embed.KindError
	return errors.As(err, &other) && other.Kind == "multi-vector model"
}

// A crossStream has a reranker or a classifier read the inputs of a source chunk by chunk.
type crossStream struct {
	chunks
	scorer scorer
	model  *rerank.Model // the scorer; nil where that is a multi-vector model
	opts   rerank.Options
}

// open returns a stream over the inputs that the flags or args name.
func (f *crossFlags) open(ctx context.Context, c *console, cmd *cobra.Command, args []string) (*crossStream, error) {
	if err := f.limits.check(cmd); err != nil {
		return nil, err
	}
	src, err := f.in.open(ctx, c, args)
	if err != nil {
		return nil, err
	}
	s, m, err := f.load(ctx, c)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	tellFiner(c.stderr, factsOf(s))
	opts := rerank.Options{Raw: f.raw, MaxTokens: f.limits.maxTokens, Truncate: f.limits.truncation(cmd)}
	return &crossStream{chunks: chunks{src: onlyTexts{src}}, scorer: s, model: m, opts: opts}, nil
}

// Close closes the model and the source.
func (j *crossStream) Close() error { return errors.Join(j.scorer.Close(), j.src.Close()) }

// located returns err with the place of the input that it is about, one of group.
func (j *crossStream) located(err error, group []*rows.Result) error {
	var bad *embed.InputError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", j.src.At(group[bad.Index].Line), bad.Err)
	}
	return err
}

// newObject returns the beginning of the JSON object of input n.
func newObject(n int, in *rows.Input) []byte {
	b := fmt.Appendf(nil, `{"index":%d`, n)
	if in.ID != nil {
		b = append(append(b, `,"id":`...), in.ID...)
	}
	return b
}

// endObject appends its end, behind what it says of tokens that were dropped.
func endObject(b []byte, truncated int) []byte {
	if truncated > 0 {
		b = fmt.Appendf(b, `,"truncated":%d`, truncated)
	}
	return append(b, "}\n"...)
}
