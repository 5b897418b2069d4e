package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/spf13/cobra"
)

func (c *console) embedCommand() *cobra.Command {
	var (
		model   modelFlags
		request requestFlags
		number  encodingFlags
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
	request.add(cmd)
	in.add(cmd)
	out.add(cmd, "json", "jsonl", "npy", "csv", "parquet", "table")
	number.add(cmd)
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
		if err := number.set(&opts); err != nil {
			return err
		}
		l := &layout{formats: opts.Formats, errors: onError.value == "skip"}
		if err := l.check(format); err != nil {
			return err
		}
		j, err := c.newJob(ctx, &model, &in, args)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		j.opts = opts
		j.skip = l.errors
		to, err := c.create(out.file, format == "npy")
		if err != nil {
			return err
		}
		defer to.discard()
		l.complete(j.model.Describe(), opts)
		w, err := newWriter(to, format, l)
		if err != nil {
			return err
		}
		bar := c.newBar(model.progress.value, format == "table" || len(args) > 0)
		defer bar.clear()
		err = j.run(ctx, bar, func(results []result) error {
			for i := range results {
				if err := w.write(&results[i]); err != nil {
					return err
				}
			}
			return w.flush()
		})
		if err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
		if err := to.commit(); err != nil {
			return err
		}
		if j.failed > 0 {
			return fmt.Errorf("%d of %d inputs are bad", j.failed, j.index)
		}
		return nil
	})
	return cmd
}

// A chunk of inputs is in memory at a time. Its inputs are as many as take about
// chunkTime, so that results and progress come steadily.
const (
	leastInputs = 64
	mostInputs  = 2048
	mostBytes   = 8 << 20
	chunkTime   = time.Second
)

// A job embeds the inputs of a source chunk by chunk.
type job struct {
	model  *embed.Model
	opts   embed.Options
	src    source
	skip   bool // a bad input is a result, not the end
	inputs int  // of the next chunk; 0 at the beginning
	index  int  // inputs so far
	failed int  // those that were bad
}

// newJob returns a job over the inputs that the flags or args name.
func (c *console) newJob(ctx context.Context, model *modelFlags, in *inputFlags, args []string) (*job, error) {
	src, err := in.open(ctx, c.stdin, args)
	if err != nil {
		return nil, err
	}
	m, err := model.load(ctx, c)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return &job{model: m, src: src}, nil
}

// Close closes the model and the source.
func (j *job) Close() error { return errors.Join(j.model.Close(), j.src.Close()) }

// run gives the results to take chunk by chunk, in the order of the inputs.
func (j *job) run(ctx context.Context, bar *bar, take func([]result) error) error {
	for {
		results, end := j.chunk(ctx)
		if end != nil && end != io.EOF {
			return end
		}
		if err := take(results); err != nil {
			return err
		}
		if end != nil {
			return nil
		}
		bar.show(j.index, j.src)
	}
}

// chunk returns the results of the next inputs, or io.EOF, perhaps with the
// last results.
func (j *job) chunk(ctx context.Context) ([]result, error) {
	j.inputs = min(max(j.inputs, leastInputs), mostInputs)
	var results []result
	var end error
	for size := 0; end == nil && len(results) < j.inputs && size < mostBytes; {
		in, err := j.src.next()
		var bad *badInput
		switch {
		case errors.As(err, &bad) && j.skip:
			results = append(results, result{in: input{line: bad.line, id: bad.id}, err: bad.err})
			continue
		case bad != nil:
			return nil, fmt.Errorf("%s: %w", j.src.at(bad.line), bad.err)
		case err == io.EOF:
			end = err
			continue
		case err != nil:
			return nil, err
		}
		results = append(results, result{in: in})
		size += len(in.text) + 4*len(in.ids)
	}
	var texts, ids []*result
	for i := range results {
		r := &results[i]
		r.index = j.index + i
		switch {
		case r.err != nil:
		case r.in.ids == nil:
			texts = append(texts, r)
		default:
			ids = append(ids, r)
		}
	}
	start := time.Now()
	if err := j.embed(ctx, texts); err != nil {
		return nil, err
	}
	if err := j.embed(ctx, ids); err != nil {
		return nil, err
	}
	switch took := time.Since(start); {
	case took < chunkTime/2:
		j.inputs *= 2
	case took > 2*chunkTime:
		j.inputs /= 2
	}
	j.index += len(results)
	for _, r := range results {
		if r.err != nil {
			j.failed++
		}
	}
	return results, end
}

// embed fills in group, which is texts or lists of token ids alone.
func (j *job) embed(ctx context.Context, group []*result) error {
	for len(group) > 0 {
		done, err := j.call(ctx, group)
		var bad *embed.InputError
		if errors.As(err, &bad) {
			r := group[bad.Index]
			if !j.skip {
				return fmt.Errorf("%s: %w", j.src.at(r.in.line), bad.Err)
			}
			r.err = bad.Err
			if err := j.embed(ctx, group[:bad.Index]); err != nil {
				return err
			}
			group = group[bad.Index+1:]
			continue
		}
		if err != nil {
			return err
		}
		for i, r := range group {
			r.Embedding = done.Embeddings[i]
		}
		return nil
	}
	return nil
}

func (j *job) call(ctx context.Context, group []*result) (*embed.Result, error) {
	if group[0].in.ids == nil {
		texts := make([]string, len(group))
		for i, r := range group {
			texts[i] = r.in.text
		}
		return j.model.Embed(ctx, texts, j.opts)
	}
	ids := make([][]int32, len(group))
	for i, r := range group {
		ids[i] = r.in.ids
	}
	return j.model.EmbedIDs(ctx, ids, j.opts)
}
