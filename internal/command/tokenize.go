package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tokenizer"
	"github.com/spf13/cobra"
)

func (c *console) tokenizeCommand() *cobra.Command {
	var (
		model           modelFlags
		in              inputFlags
		out             outputFlags
		file            string
		list, noSpecial bool
	)
	cmd := &cobra.Command{
		Use:   "tokenize [TEXT…]",
		Short: "Print the token ids of texts, and their pieces",
		Example: `  rhumb tokenize "The food was delicious"
  rhumb tokenize --ids --input texts.txt > ids.jsonl`,
	}
	model.addName(cmd)
	in.add(cmd)
	out.add(cmd, "jsonl", "table")
	cmd.Flags().StringVar(&file, "tokenizer", "", "tokenizer.json `FILE`, in place of a model")
	cmd.Flags().BoolVar(&list, "ids", false, "print a JSON list of ids a line")
	cmd.Flags().BoolVar(&noSpecial, "no-special", false, "leave special tokens and the chat template out")
	cmd.MarkFlagsMutuallyExclusive("model", "tokenizer")
	cmd.MarkFlagsMutuallyExclusive("ids", "output-format")
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, args []string) (err error) {
		format := "ids"
		if !list {
			if format, err = out.resolve(c.stdout); err != nil {
				return err
			}
		}
		src, err := in.open(ctx, c, args)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, src.Close()) }()
		reading, err := c.reading(ctx, file, &model)
		if err != nil {
			return err
		}
		to, err := c.create(out.file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		w := bufio.NewWriterSize(to, 64<<10)
		for n := 0; ; n++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			in, err := rows.Next(src)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			line, err := tokenLine(&reading, &in, n, format, tokenizer.Options{NoSpecial: noSpecial, Done: ctx.Done()})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", src.At(in.Line), err)
			}
			if _, err := w.Write(line); err != nil {
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

// reading returns how the tokenizer of a file reads texts, or the model if there is no file.
func (c *console) reading(ctx context.Context, file string, model *modelFlags) (r embed.Reading, err error) {
	if file != "" {
		c.reads(file)
		r.Tokenizer, err = tokenizer.Load(file)
		return r, err
	}
	m, err := model.load(ctx, c)
	if err != nil {
		return r, err
	}
	r, err = m.Reading(embed.Options{})
	return r, errors.Join(err, m.Close())
}

// tokenLine returns what is printed of the tokens of input n.
func tokenLine(reading *embed.Reading, in *rows.Input, n int, format string, opts tokenizer.Options) ([]byte, error) {
	t, ids := reading.Tokenizer, in.IDs
	if ids == nil {
		encoded, _, err := reading.Encode(in.Text, opts)
		if err != nil {
			return nil, err
		}
		ids = encoded.IDs
	}
	pieces := make([]string, len(ids))
	for i, id := range ids {
		var known bool
		if pieces[i], known = t.Token(id); !known {
			return nil, fmt.Errorf("id %d: not in the vocabulary of %d tokens", id, t.VocabSize())
		}
	}
	var line []byte
	switch format {
	case "ids":
		return append(rows.AppendIntegers(line, ids), '\n'), nil
	case "table":
		line = fmt.Appendf(line, "%d: %d tokens  %s\n", n, len(ids), excerpt(in.Text, 60))
		for i, id := range ids {
			line = fmt.Appendf(line, "%8d  %s\n", id, excerpt(pieces[i], 60))
		}
		return line, nil
	}
	line = fmt.Appendf(line, `{"index":%d`, n)
	if in.ID != nil {
		line = append(append(line, `,"id":`...), in.ID...)
	}
	line = rows.AppendIntegers(append(line, `,"tokens":`...), ids)
	line = append(line, `,"pieces":[`...)
	for i, piece := range pieces {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, rows.Quote(piece)...)
	}
	return append(line, "]}\n"...), nil
}
