// Command search finds the passages of Markdown and text files that are nearest in
// meaning to a question, with chromem-go as the store of the vectors.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/philippgille/chromem-go"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: search [-index DIR] FILE-OR-FOLDER QUESTION")
		flag.PrintDefaults()
	}
	dir := flag.String("index", "", "`DIR` where the vectors are kept for the next time (default: in memory)")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := search(ctx, os.Stdout, os.Stderr, *dir, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

// search brings the index in dir up to date with the files below root, and writes
// the passages nearest to question to out, and what it indexed to status.
func search(ctx context.Context, out, status io.Writer, dir, root, question string) (err error) {
	passages, err := read(root)
	if err != nil {
		return err
	}
	db := chromem.NewDB()
	if dir != "" {
		if db, err = chromem.NewPersistentDB(dir, false); err != nil {
			return err
		}
	}
	model, err := minilm.Load(ctx, embed.Config{}) // or embed.Load(ctx, "path/to/model", embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	x, err := open(ctx, db, model, queue)
	if err != nil {
		return err
	}
	added, removed, err := x.update(ctx, passages)
	if err != nil {
		return err
	}
	fmt.Fprintf(status, "%d passages: %d new, %d gone\n", len(passages), added, removed)
	found, err := x.nearest(ctx, question, 3)
	if err != nil {
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%.3f  %s:%s\n%s\n\n", f.Similarity, f.Metadata["file"], f.Metadata["line"], f.Content); err != nil {
			return err
		}
	}
	return nil
}
