package fill

import (
	"context"
	"errors"
	"fmt"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// prepareChunks finds how texts are cut for a model that reads them so, and checks it.
func (f *Filler) prepareChunks(r embed.Reading) error {
	how := &f.how
	f.tok, f.limit = r.Tokenizer, r.MaxTokens
	switch most := how.ChunkTokens; {
	case most == 0 && (how.ChunkOverlap != 0 || how.Late):
		return errors.New("chunks of no length have an overlap or are embedded late, expected tokens of a chunk")
	case most != 0 && how.Mean:
		return errors.New("chunks, and the mean of long texts: expected one of the two")
	case most < 0 || f.limit > 0 && most > f.limit:
		return fmt.Errorf("chunks of %d tokens, expected 1 to %d, which the model reads", most, f.limit)
	case how.Mean:
		f.chunks.MaxTokens = f.limit // of a model without one, no text is long
	default:
		f.chunks.MaxTokens, f.chunks.Overlap = most, how.ChunkOverlap
	}
	if f.chunks.MaxTokens == 0 {
		return nil
	}
	f.chunks.Prompt = r.Prompt
	_, err := chunk.Split(f.tok, "", f.chunks)
	return err
}

// cutAll returns the parts of the inputs of results that have no error.
func (f *Filler) cutAll(ctx context.Context, results []*rows.Result, fault func(*rows.Result, error) error) (all parts, err error) {
	c := &cutting{f, ctx, results, make([]parts, len(results)), make([]error, len(results))}
	workers := 1
	if f.chunks.MaxTokens > 0 {
		workers = f.workers
	}
	team := parallel.NewTeam(workers)
	defer team.Close()
	team.ForLong(len(results), c)
	if err := ctx.Err(); err != nil {
		return all, err
	}
	for i, r := range results {
		if err := c.faults[i]; err != nil {
			if err := fault(r, err); err != nil {
				return all, err
			}
			r.Err, r.Chunks = err, nil
			continue
		}
		p := &c.parts[i]
		all.texts, all.ids, all.tokens = append(all.texts, p.texts...), append(all.ids, p.ids...), append(all.tokens, p.tokens...)
		all.late, all.mean = append(all.late, p.late...), append(all.mean, p.mean...)
	}
	return all, nil
}

// cutting cuts the texts of each result.
type cutting struct {
	*Filler
	ctx     context.Context
	results []*rows.Result
	parts   []parts // of each
	faults  []error
}

// Run does result i.
func (c *cutting) Run(_, i int) {
	if r := c.results[i]; r.Err == nil && c.ctx.Err() == nil {
		c.faults[i] = c.cut(c.ctx, &c.parts[i], r)
	}
}

// cut adds the parts of an input.
func (f *Filler) cut(ctx context.Context, all *parts, r *rows.Result) error {
	switch {
	case r.IDs != nil && (f.how.Tokens || f.sparse != nil || f.multi != nil):
		return errors.New("token ids, expected a text")
	case r.IDs != nil && f.how.ChunkTokens > 0:
		return errors.New("token ids, expected a text to cut into chunks")
	case r.IDs != nil:
		all.ids = append(all.ids, &part{of: r, to: []*rows.Embedding{&r.Embedding}})
		return nil
	case f.how.Tokens:
		all.tokens = append(all.tokens, &part{of: r, text: r.Text})
		return nil
	case f.chunks.MaxTokens == 0 || r.Text == "":
		all.texts = append(all.texts, &part{of: r, text: r.Text, to: []*rows.Embedding{&r.Embedding}})
		return nil
	}
	c := f.chunks
	c.Done = ctx.Done()
	chunks, err := chunk.Split(f.tok, r.Text, c)
	switch {
	case err != nil:
		return err
	case f.how.Mean && len(chunks) == 1:
		all.texts = append(all.texts, &part{of: r, text: r.Text, to: []*rows.Embedding{&r.Embedding}})
	case f.how.Mean:
		for _, k := range chunks {
			all.mean = append(all.mean, &part{of: r, text: r.Text[k.Start:k.End], to: []*rows.Embedding{new(rows.Embedding)}})
		}
	case f.how.Late && f.model.Info().Layers > 0: // else a token's vector is the same in whatever text
		return f.cutLate(ctx, all, r, chunks)
	default:
		r.Chunks = make([]rows.Chunk, len(chunks))
		for i, k := range chunks {
			to := &r.Chunks[i]
			to.Start, to.End = k.Start, k.End
			all.texts = append(all.texts, &part{of: r, text: r.Text[k.Start:k.End], to: []*rows.Embedding{&to.Embedding}})
		}
	}
	return nil
}

// unfinished returns the options of vectors that a mean is made of.
func (f *Filler) unfinished() embed.Options {
	o := f.how.Options
	o.Truncate, o.Unnormalized, o.Formats, o.Ranges = embed.TruncateNone, true, nil, nil
	return o
}

// finishMeans makes of the parts of each input, which are together, its embedding: the
// mean of theirs, each as often as it has tokens, and of it what becomes of an embedding.
func (f *Filler) finishMeans(group []*part, fault func(*rows.Result, error) error) error {
	if len(group) == 0 {
		return nil
	}
	opts := &f.how.Options
	ranges := opts.Ranges
	if ranges == nil {
		ranges = f.model.Info().Ranges
	}
	for len(group) > 0 {
		r, n := group[0].of, 1
		for n < len(group) && group[n].of == r {
			n++
		}
		own := group[:n]
		if group = group[n:]; r.Err != nil {
			continue
		}
		sums, tokens := make([]float64, len(own[0].to[0].Float32)), 0
		for _, p := range own {
			e := p.to[0]
			for i, x := range e.Float32 {
				sums[i] += float64(e.Tokens) * float64(x)
			}
			tokens += e.Tokens
		}
		mean := make([]float32, len(sums))
		for i, sum := range sums {
			mean[i] = float32(sum / float64(tokens))
		}
		if !opts.Unnormalized {
			pipeline.ScaleToUnit(mean)
		}
		if r.Err = encoding.Encode(&r.Vector, mean, opts.Formats, ranges); r.Err != nil {
			if err := fault(r, r.Err); err != nil {
				return err
			}
		}
		r.Tokens = tokens
	}
	return nil
}
