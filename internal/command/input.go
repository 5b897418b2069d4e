package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

// endOfInput is what ends what is typed on a terminal.
var endOfInput = map[bool]string{true: "Ctrl-Z and Enter", false: "Ctrl-D"}[runtime.GOOS == "windows"]

// inputFlags are the flags that say what is read.
type inputFlags struct {
	file   string
	format *choice
	field  string
	id     string // the field of the id; "" = "id", perhaps
	set    string // the input's charset
	blank  bool   // blank lines of text are inputs, as in commands without a flag for it
	pairs  bool   // no flag: of a command that takes pairs of texts
	whole  bool   // no flag: of a command to which a file of text is one text
	carry  rows.Carry
}

func (f *inputFlags) add(cmd *cobra.Command) {
	f.addAs(cmd, "input", "`FILE` to read, - for standard input (default: standard input if there is no TEXT)")
}

// addAs adds the flags, that of the file under another name.
func (f *inputFlags) addAs(cmd *cobra.Command, name, usage string) {
	cmd.Flags().StringVar(&f.file, name, "", usage)
	f.addFormat(cmd)
}

// addFormat adds the flags that say how a file is read.
func (f *inputFlags) addFormat(cmd *cobra.Command) {
	f.format = addChoice(cmd, "input-format", "format of the input; auto goes by the file's name, standard input is text",
		"auto", "text", "jsonl", "csv", "parquet")
	cmd.Flags().StringVar(&f.field, "text-field", "text", "`NAME` of the field or column that holds the text; behind a dot one of an object or struct")
	cmd.Flags().StringVar(&f.id, "id-field", "", "`NAME` of the field or column that holds the id (default: id, where there is one)")
	cmd.Flags().StringVar(&f.set, "input-charset", "", "`NAME` of what the input's bytes stand for, such as latin1, gb18030 or utf-16 (default: utf-8)")
	f.blank = true
}

// addBlank adds the flag without which blank lines of text are passed over.
func (f *inputFlags) addBlank(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.blank, "keep-blank", false, "take blank lines of text for inputs, in place of passing over them: each is an error")
}

// open returns the source that the flags name: args, a file or standard input.
func (f *inputFlags) open(ctx context.Context, c *console, args []string) (rows.Source, error) {
	if len(args) > 0 {
		if f.file != "" || f.format.value != "auto" || f.set != "" {
			return nil, usagef("TEXT arguments and --input, --input-format or --input-charset: give one of them")
		}
		return rows.Arguments(args), nil
	}
	if err := rows.CheckCharset(f.set); err != nil {
		return nil, &usageError{err}
	}
	how := rows.Reader{Format: f.format.value, Field: f.field, ID: f.id, Charset: f.set, Pairs: f.pairs, Blank: f.blank, Carry: f.carry}
	toStdin := f.file == "" || f.file == "-"
	switch {
	case how.Format == "auto" && toStdin:
		how.Format = "text"
	case how.Format == "auto":
		var err error
		if how.Format, err = rows.InputFormat(f.file); err != nil && f.whole {
			how.Format = "text"
		} else if err != nil {
			return nil, usagef("%w: give --input-format", err)
		}
	}
	if f.whole && how.Format == "text" {
		how.Format = "whole"
	}
	if !toStdin {
		c.reads(f.file)
		var open func(context.Context, string) (job.Object, error)
		if c.store != nil {
			open = c.store.Open
		}
		var err error
		if how.Open, err = rows.Opener(open, f.file); err != nil {
			return nil, err
		}
		return rows.Open(ctx, f.file, how)
	}
	if file, isFile := c.stdin.(*os.File); isFile {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			c.sources = append(c.sources, source{"stdin", info})
		}
		if isTerminal(file) && how.Format != "parquet" {
			fmt.Fprintf(c.stderr, "rhumb: reading from the terminal, to its end: %s\n", endOfInput)
		}
	} else if how.Format == "parquet" {
		return nil, usagef("parquet is read from a file, not from a pipe")
	}
	return rows.Read(ctx, c.stdin, "stdin", io.NopCloser(nil), how)
}
