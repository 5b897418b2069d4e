// Command batch embeds the texts of files into a Parquet, jsonl or NumPy file.
// Stopped at any moment, by Ctrl-C or worse, it goes on where it was when it is
// run again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: batch IN… OUT") }
	flag.Parse()
	if flag.NArg() < 2 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	last := flag.NArg() - 1
	if err := batch(ctx, os.Stdout, flag.Args()[:last], flag.Arg(last)); err != nil {
		fmt.Fprintln(os.Stderr, "batch:", err)
		os.Exit(1)
	}
}

// batch embeds the rows of inputs into output, and writes to w how it goes.
func batch(ctx context.Context, w io.Writer, inputs []string, output string) (err error) {
	model, err := minilm.Load(ctx, embed.Config{}) // or embed.Load(ctx, "path/to/model", embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	report, err := job.Run(ctx, model, job.Config{
		Inputs:  inputs,
		Output:  output,
		OnError: job.Skip,   // a row without a text is no reason to stop
		Drop:    []string{}, // all columns of the inputs are in the output too
		Progress: func(p job.Progress) {
			fmt.Fprintf(w, "%d rows, %.0f a second, %v left\n", p.Rows, p.Rate, p.Left)
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d rows, of which %d came from earlier runs and %d are errors\n",
		output, report.Rows, report.Resumed, report.Failed)
	return nil
}
