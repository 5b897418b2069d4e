package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tokenizer"
	"github.com/spf13/cobra"
)

func (c *console) chunkCommand() *cobra.Command {
	var (
		model   modelFlags
		in      inputFlags
		out     outputFlags
		prompts promptFlags
		cfg     chunk.Config
	)
	cmd := &cobra.Command{
		Use:   "chunk [FILE…]",
		Short: "Cut long texts into chunks that the model reads whole",
		Long: `Cut long texts into chunks between paragraphs, sentences and words, by the tokens
of the model. A file of text, or standard input, is one text as a whole; a jsonl,
csv or parquet file has a text in each row. Names that do not tell a format are text.
start and end are bytes of the text.`,
		Example: `  rhumb chunk --max-tokens 256 --overlap 32 book.txt > chunks.jsonl
  rhumb chunk --model intfloat/e5-base-v2 --prompt-name document articles.jsonl`,
	}
	model.addName(cmd)
	model.addAs(cmd, asEmbedding, asSparse, asMultiVector)
	in.addFormat(cmd)
	in.whole = true
	out.add(cmd, "jsonl", "table")
	prompts.add(cmd, "`TEXT` that is to be put before each chunk when it is embedded, and counts (default: the model's default prompt)")
	cmd.Flags().IntVar(&cfg.MaxTokens, "max-tokens", 0, "`N` tokens of a chunk at most, special tokens and prompt included (default: the model's limit)")
	cmd.Flags().IntVar(&cfg.Overlap, "overlap", 0, "`N` tokens at most that a chunk has in common with the one before it")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		if err := errors.Join(checkPositive(cmd, "max-tokens", cfg.MaxTokens), prompts.check()); err != nil {
			return err
		}
		if cfg.Overlap < 0 {
			return usagef("--overlap %d: must be 0 or more", cfg.Overlap)
		}
		format, err := out.resolve(c.stdout)
		if err != nil {
			return err
		}
		m, err := model.loadEither(ctx, c, asSparse, asMultiVector)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		reading, err := m.reading(prompts)
		if err != nil {
			return err
		}
		switch limit := reading.MaxTokens; {
		case cfg.MaxTokens == 0 && limit == 0:
			return usagef("the model has no limit: give --max-tokens")
		case cfg.MaxTokens == 0:
			cfg.MaxTokens = limit
		case limit > 0 && cfg.MaxTokens > limit:
			return usagef("--max-tokens %d: the model reads %d", cfg.MaxTokens, limit)
		}
		cfg.Prompt, cfg.Done = reading.Prompt, ctx.Done()
		if len(args) == 0 {
			args = []string{"-"}
		}
		for _, name := range args {
			c.reads(name)
		}
		to, err := c.create(out.file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		w := bufio.NewWriterSize(to, 64<<10)
		index := 0
		for _, name := range args {
			in.file = name
			if err := c.chunkFile(ctx, w, &in, reading.Tokenizer, cfg, format, &index); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return to.commit()
	})
	return cmd
}

// chunkFile writes the chunks of each text of a file; index counts the texts.
func (c *console) chunkFile(ctx context.Context, w io.Writer, in *inputFlags, tok *tokenizer.Tokenizer, cfg chunk.Config, format string, index *int) (err error) {
	src, err := in.open(ctx, c, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for ; ; *index++ {
		in, err := rows.Next(src)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if in.IDs != nil {
			return fmt.Errorf("%s: token ids, expected a text", src.At(in.Line))
		}
		chunks, err := chunk.Split(tok, in.Text, cfg)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", src.At(in.Line), err)
		}
		for i, k := range chunks {
			text := in.Text[k.Start:k.End]
			line := fmt.Appendf(nil, "%5d %5d %8d %8d %6d  %s\n", *index, i, k.Start, k.End, k.Tokens, excerpt(text, 60))
			if format != "table" {
				line = fmt.Appendf(newObject(*index, &in), `,"chunk":%d,"start":%d,"end":%d,"tokens":%d,"text":%s}`+"\n", i, k.Start, k.End, k.Tokens, rows.Quote(text))
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
}
