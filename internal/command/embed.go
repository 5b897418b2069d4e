package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
)

func (c *console) embedCommand() *cobra.Command {
	var (
		model   modelFlags
		request requestFlags
		number  encodingFlags
		parts   partFlags
		weights sparseFlags
		in      inputFlags
		out     outputFlags
	)
	cmd := &cobra.Command{
		Use:   "embed [TEXT…]",
		Short: "Embed texts: arguments, lines of standard input, or a file",
		Example: `  rhumb embed "The food was delicious" "Das Essen war köstlich"
  rhumb embed --input texts.jsonl --output embeddings.npy
  rhumb embed --query --dimensions 256 < questions.txt > embeddings.jsonl`,
	}
	model.add(cmd)
	model.addAs(cmd, asEmbedding, asSparse, asMultiVector)
	request.add(cmd)
	in.add(cmd)
	in.addBlank(cmd)
	out.add(cmd, "json", "jsonl", "npy", "csv", "parquet", "table")
	number.add(cmd)
	parts.add(cmd)
	parts.addLong(cmd)
	parts.addTokens(cmd)
	weights.add(cmd)
	weights.addPieces(cmd)
	onError := addChoice(cmd, "on-error", "what a bad input does: stop the run, or stand as an error among the results", "stop", "skip")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		opts, err := request.options(cmd)
		if err != nil {
			return err
		}
		format, err := out.resolve(c.stdout)
		if err != nil {
			return err
		}
		if err := cmp.Or(number.set(c, &opts), parts.check(cmd), weights.check(cmd)); err != nil {
			return err
		}
		l := &rows.Layout{Formats: opts.Formats, Errors: onError.value == "skip"}
		if format == "npy" {
			if err := l.CheckNPY(); err != nil {
				return &usageError{err}
			}
		}
		columns := format != "json" && format != "jsonl" && format != "table"
		if parts.vectors && columns {
			return usagef("--tokens: %s has no place for them, expected json, jsonl or table", format)
		}
		j, err := c.newStream(ctx, &model, &in, args, asSparse, asMultiVector)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		if err := j.fill(ctx, weights.how(parts.how(opts))); err != nil {
			return err
		}
		if parts.vectors || j.multi != nil {
			j.bytes = tokenBytes
		}
		j.skip = l.Errors
		j.filler.Complete(l)
		if l.Multi && columns && format != "parquet" {
			return usagef("%s has no place for the vectors of a multi-vector model, expected json, jsonl, parquet or table", format)
		}
		if format == "npy" {
			if err := l.CheckNPY(); err != nil {
				return &usageError{err}
			}
			if l.Scale {
				return usagef("embeddings as %v, each at a scale of its own: npy has no place for that; give ranges, choose another format of output, or have rhumb batch write the scales beside", l.Formats[0])
			}
		}
		if format == "parquet" {
			if l.About, err = j.filler.About(ctx, l); err != nil {
				return err
			}
		}
		to, err := c.create(out.file, format == "npy")
		if err != nil {
			return err
		}
		defer to.discard()
		w, err := newWriter(to, format, l)
		if err != nil {
			return err
		}
		bar := c.newBar(model.progress.value, format == "table" || len(args) > 0)
		defer bar.clear()
		if err := j.writeAll(ctx, bar, w); err != nil {
			return err
		}
		if err := to.commit(); err != nil {
			return err
		}
		if bar.clear(); format == "table" || format == "npy" { // which have no place for it
			j.tellCut(c.stderr)
		}
		if j.failed > 0 {
			return fmt.Errorf("%d of %d inputs are bad", j.failed, j.count)
		}
		return nil
	})
	return cmd
}

// tokenBytes is how many bytes of texts are embedded together where each token has a
// vector: some ten thousand of them.
const tokenBytes = 64 << 10

// A stream embeds the inputs of a source chunk by chunk.
type stream struct {
	chunks
	loadedModel
	filler *fill.Filler
}

// newStream returns a stream over the inputs that the flags or args name.
func (c *console) newStream(ctx context.Context, model *modelFlags, in *inputFlags, args []string, kinds ...string) (*stream, error) {
	src, err := in.open(ctx, c, args)
	if err != nil {
		return nil, err
	}
	m, err := model.loadEither(ctx, c, kinds...)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return &stream{chunks: chunks{src: src}, loadedModel: m}, nil
}

// fill says what becomes of the inputs.
func (j *stream) fill(ctx context.Context, how fill.How) (err error) {
	switch {
	case j.multi != nil:
		j.filler, err = fill.NewMulti(ctx, j.multi, how)
	case j.sparse != nil:
		j.filler, err = fill.NewSparse(j.sparse, how)
	default:
		j.filler, err = fill.New(ctx, j.model, how)
	}
	return err
}

// Close closes the model and the source.
func (j *stream) Close() error { return errors.Join(j.loadedModel.Close(), j.src.Close()) }

// run gives the results to take chunk by chunk, in the order of the inputs.
func (j *stream) run(ctx context.Context, bar *bar, take func([]rows.Result) error) error {
	return j.each(bar, func(results []rows.Result) error {
		group := make([]*rows.Result, len(results))
		for i := range results {
			group[i] = &results[i]
		}
		if err := j.embed(ctx, group); err != nil {
			return err
		}
		for _, r := range group {
			j.lose(r.Truncated)
		}
		return take(results)
	})
}

// writeAll writes the results to w, to their end.
func (j *stream) writeAll(ctx context.Context, bar *bar, w writer) error {
	err := j.run(ctx, bar, func(results []rows.Result) error {
		for i := range results {
			for r := range results[i].Rows() {
				if err := w.write(r); err != nil {
					return err
				}
			}
		}
		return w.flush()
	})
	if err != nil {
		return err
	}
	return w.close()
}

// embed fills in group.
func (j *stream) embed(ctx context.Context, group []*rows.Result) error {
	return j.filler.Fill(ctx, group, func(r *rows.Result, err error) error {
		if j.skip {
			return nil
		}
		return fmt.Errorf("%s: %w", j.src.At(r.Line), err)
	})
}
