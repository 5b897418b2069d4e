package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

func (c *console) batchCommand() *cobra.Command {
	var (
		model   modelFlags
		request requestFlags
		number  encodingFlags
		parts   partFlags
		weights sparseFlags
		in      inputFlags
		store   cacheFlags
		cfg     job.Config
		shard   string
	)
	cmd := &cobra.Command{
		Use:   "batch IN… OUT",
		Short: "Embed the rows of files, however many, into a file",
		Long: `Embed the rows of text, jsonl, csv and parquet files into one jsonl, csv, parquet
or npy file, or one that a store imports (see --output-format). A .gz or .zst at the
end of a name tells a compression, of inputs and of outputs but parquet and npy.
IN may be a pattern such as 'data/*.jsonl'.

A job that was stopped, by whatever, goes on where it was when the same command
runs again, and ends with the same bytes. Until it is complete, it lies in the
folder OUT.job; then a hidden file .OUT.job holds the record of its settings, by
which the same command knows that there is nothing to do.

Where OUT is -, the rows of one IN, a file or - for standard input, go to standard
output as they come, as jsonl or csv. That is no job: a next run begins anew.

The command rhumb-cloud takes s3://, gs:// and azblob:// for IN and OUT, too.

8-bit numbers without --ranges have a scale each, a factor that undoes them: beside
out.npy those are in out.scales.npy, in the other formats in a column.`,
		Example: `  rhumb batch texts.jsonl embeddings.parquet --keep url,title
  rhumb batch 'data/*.jsonl.zst' embeddings.jsonl.zst --on-error skip
  rhumb batch texts.csv part1.npy --shard 1/4
  zcat texts.jsonl.gz | rhumb batch - - --input-format jsonl --keep url > out.jsonl`,
		Args: arguments(2, -1),
	}
	model.add(cmd)
	model.addAs(cmd, asEmbedding, asSparse, asMultiVector)
	request.add(cmd)
	number.add(cmd)
	parts.add(cmd)
	parts.addLong(cmd)
	weights.add(cmd)
	in.addFormat(cmd)
	in.addBlank(cmd)
	store.add(cmd)
	flags := cmd.Flags()
	formats := append([]string{"auto", "jsonl", "csv", "npy", "parquet"}, rows.StoreFormats...)
	format := addChoice(cmd, "output-format", "`FORMAT` of the output: "+strings.Join(formats, ", ")+"; auto goes by the file's name", formats...)
	flags.StringVar(&cfg.Collection, "collection", "", "`NAME` of the index or collection that rows go into, in outputs of elasticsearch and weaviate")
	flags.StringSliceVar(&cfg.Keep, "keep", nil, "`COLUMNS` of the inputs that the output has too, with commas between")
	flags.StringSliceVar(&cfg.Drop, "drop", nil, "`COLUMNS` of the inputs that the output does not have, in place of --keep; empty for none")
	cmd.MarkFlagsMutuallyExclusive("keep", "drop")
	onError := addChoice(cmd, "on-error", "what a bad row does: stop the run, or stand as an error in the output and in a report", "stop", "skip")
	flags.StringVar(&shard, "shard", "", "`I/N`: only the I-th of N parts of the rows, I from 1; rhumb merge joins their outputs")
	flags.IntVar(&cfg.ChunkRows, "chunk", 4096, "`N` rows that are written together, the most that a kill loses; fewer where they are long")
	flags.BoolVar(&cfg.KeepJob, "keep-job", false, "keep the folder OUT.job with the job's record when it is complete")
	flags.BoolVar(&cfg.Restart, "restart", false, "begin anew, and replace OUT")
	asJSON := addJSON(cmd)
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		if cfg.Options, err = request.options(cmd); err != nil {
			return err
		}
		if err := cmp.Or(number.set(c, &cfg.Options), parts.check(cmd), weights.check(cmd)); err != nil {
			return err
		}
		cfg.ChunkTokens, cfg.ChunkOverlap, cfg.Late, cfg.LongMean = parts.tokens, parts.overlap, parts.late, parts.mean()
		cfg.MaxActive = weights.active
		if err := checkPositive(cmd, "chunk", cfg.ChunkRows); err != nil {
			return err
		}
		if cfg.Shard, cfg.Shards, err = parseShard(shard); err != nil {
			return err
		}
		cfg.Inputs, cfg.Output, cfg.Store = args[:len(args)-1], args[len(args)-1], c.store
		cfg.TextField, cfg.IDField, cfg.InputCharset, cfg.KeepBlank = in.field, in.id, in.set, in.blank
		if err := rows.CheckCharset(in.set); err != nil {
			return &usageError{err}
		}
		if in.format.value != "auto" {
			cfg.InputFormat = in.format.value
		}
		if format.value != "auto" {
			cfg.OutputFormat = format.value
		}
		if onError.value == "skip" {
			cfg.OnError = job.Skip
		}
		as := cmp.Or(cfg.OutputFormat, "jsonl")
		streams, err := checkStream(cmd, &cfg, as)
		if err != nil {
			return err
		}
		if parts.late && store.place != "" {
			return usagef("--cache with --late: vectors of parts are not kept")
		}
		found, err := store.open(c, nil)
		if err != nil {
			return err
		}
		if found != nil {
			model.cache = found
			defer func() { err = errors.Join(err, found.Close()) }()
		}
		m, err := model.loadEither(ctx, c, asSparse, asMultiVector)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		if m.model == nil && found != nil {
			return usagef("--cache: expected a model that makes an embedding of a text")
		}
		if err := c.spare(cfg.Output); err != nil {
			return err
		}
		if streams {
			how := weights.how(parts.how(cfg.Options))
			return c.batchStream(ctx, m, how, &in, &cfg, as, model.progress.value)
		}
		report, err := c.runJob(ctx, m, cfg, model.progress.value)
		if err != nil {
			return err
		}
		if err := c.printReport(cfg.Output, report, found, *asJSON); err != nil {
			return err
		}
		if report.Failed > 0 {
			return fmt.Errorf("%d of %d rows are bad: see %s", report.Failed, report.Rows, report.Errors)
		}
		return nil
	})
	return cmd
}

// runJob runs the job with a model of whatever kind, and says of its errors what the command line can do
// about them.
func (c *console) runJob(ctx context.Context, m loadedModel, cfg job.Config, showProgress string) (report job.Report, err error) {
	progress := c.newJobProgress(showProgress)
	if progress != nil {
		cfg.Progress = progress.job
	}
	switch {
	case m.multi != nil:
		report, err = job.RunMultiVector(ctx, m.multi, cfg)
	case m.sparse != nil:
		report, err = job.RunSparse(ctx, m.sparse, cfg)
	default:
		report, err = job.Run(ctx, m.model, cfg)
	}
	if progress != nil {
		progress.clear()
	}
	var old *job.StaleError
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return report, &interruption{err, fmt.Sprintf("%d rows are done; the same command goes on behind them", report.Rows)}
	case errors.As(err, &old):
		return report, fmt.Errorf("%w: --restart begins the job anew", err)
	case errors.Is(err, rows.ErrFormat):
		return report, usagef("%w: give --input-format or --output-format", err)
	}
	return report, err
}

// parseShard reads I/N; "" is 0 of 0.
func parseShard(s string) (shard, shards int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	i, n, ok := strings.Cut(s, "/")
	shard, err1 := strconv.Atoi(i)
	shards, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || shard < 1 || shard > shards {
		return 0, 0, usagef("--shard %s: expected I/N with I from 1 to N", s)
	}
	return shard, shards, nil
}
