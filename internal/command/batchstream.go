package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

// ofJobs are the flags of batch that say how a job goes on, or what a stream has no place for.
var ofJobs = []string{"shard", "chunk", "keep-job", "restart", "collection", "json"}

// checkStream reports whether the names of a job ask for a stream in its place, from a file or
// standard input to standard output, and checks it. format is that of the output.
func checkStream(cmd *cobra.Command, cfg *job.Config, format string) (bool, error) {
	switch {
	case cfg.Output != "-" && !slices.Contains(cfg.Inputs, "-"):
		return false, nil
	case cfg.Output != "-":
		return true, usagef("IN is -, which cannot be read again when a job goes on: expected - for OUT, too; rhumb embed --output %s writes a file of it", cfg.Output)
	case len(cfg.Inputs) > 1:
		return true, usagef("OUT is -: expected one IN, there are %d", len(cfg.Inputs))
	case format != "jsonl" && format != "csv":
		return true, usagef("OUT is -: output format %q, expected jsonl or csv", format)
	}
	for _, name := range ofJobs {
		if cmd.Flags().Changed(name) {
			return true, usagef("--%s: OUT is -, expected a file: standard output is no job that goes on", name)
		}
	}
	return true, nil
}

// batchStream embeds the rows of one input and writes them to standard output as they come.
// There is nothing that a next run could go on with.
func (c *console) batchStream(ctx context.Context, m loadedModel, how fill.How, in *inputFlags, cfg *job.Config, format, progress string) (err error) {
	j := &stream{chunks: chunks{skip: cfg.OnError == job.Skip}, loadedModel: m}
	if err := j.fill(ctx, how); err != nil {
		return err
	}
	if j.multi != nil {
		j.bytes = tokenBytes
	}
	l := &rows.Layout{Formats: cfg.Options.Formats, Errors: j.skip || format == "csv"} // as a job's
	j.filler.Complete(l)
	in.file = cfg.Inputs[0]
	in.carry = rows.Carry{Keep: cfg.Keep, Drop: cfg.Drop, Taken: l.Taken(), Fixed: rows.HasColumns(format)}
	if j.src, err = in.open(ctx, c, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.src.Close()) }()
	if l.Kept, err = j.src.Columns(); err != nil {
		return err
	}
	to, err := c.create("-", false)
	if err != nil {
		return err
	}
	defer to.discard()
	w, err := newWriter(to, format, l)
	if err != nil {
		return err
	}
	bar := c.newBar(progress, false)
	defer bar.clear()
	if err := j.writeAll(ctx, bar, w); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return &interruption{err, fmt.Sprintf("%d rows are written; the same command begins anew", j.count)}
		}
		return err
	}
	if bar.clear(); j.failed > 0 {
		return fmt.Errorf("%d of %d rows are bad", j.failed, j.count)
	}
	return nil
}
