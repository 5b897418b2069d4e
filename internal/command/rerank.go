package command

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

func (c *console) rerankCommand() *cobra.Command {
	var (
		flags   = crossFlags{vectors: true}
		prompts promptFlags
		query   string
		top     int
		sorted  bool
	)
	cmd := &cobra.Command{
		Use:   "rerank --query TEXT [DOCUMENT…]",
		Short: "Score how well documents answer a query, the best first",
		Long: `Score how well each document answers the query, by a model that reads both
together (a reranker, or cross-encoder), or by MaxSim of one that makes a vector of each
token (ColBERT). Documents are arguments, lines of standard
input, or those of a file; the best come first. With --sort=false they are written part
by part in the order of the input, however many there are.`,
		Example: `  rhumb rerank --model cross-encoder/ms-marco-MiniLM-L6-v2 --query "how do I get a refund?" \
    --input texts.txt --top 10`,
	}
	flags.add(cmd, "reranker", []string{asRerank, asMultiVector}, "DOCUMENT", "print logits, in place of scores behind the model's activation")
	prompts.add(cmd, "`TEXT` to put before the query, as it is, or where the model's template has a place for it (default: the model's default prompt)")
	cmd.Flags().StringVar(&query, "query", "", "`TEXT` that the documents are to answer")
	// The error is for a flag that there is not.
	_ = cmd.MarkFlagRequired("query")
	cmd.Flags().IntVar(&top, "top", 0, "`N` documents to print, the best ones (default: all)")
	cmd.Flags().BoolVar(&sorted, "sort", true, "print the best first; with --sort=false in the order of the input")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		if err := cmp.Or(checkPositive(cmd, "top", top), prompts.check()); err != nil {
			return err
		}
		if err := rows.CheckText(query); err != nil {
			return usagef("--query: %w", err)
		}
		format, err := flags.out.resolve(c.stdout)
		if err != nil {
			return err
		}
		j, err := flags.open(ctx, c, cmd, args)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		if j.model != nil && !j.model.Reranks() {
			return fmt.Errorf("%s: a classifier with %d labels, expected a reranker; rhumb classify serves it",
				flags.model.name, len(j.model.Info().Labels))
		}
		j.opts.Prompt, j.opts.PromptName = prompts.text, prompts.name
		to, err := c.create(flags.out.file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		w := &documentWriter{Writer: bufio.NewWriterSize(to, 64<<10), table: format == "table"}
		waits := sorted || top > 0 // for the last document
		bar := c.newBar(flags.model.progress.value, w.table && !waits || len(args) > 0)
		defer bar.clear()
		best := &selection{top: top}
		err = j.rerank(ctx, bar, query, func(documents []document) error {
			if waits {
				for _, d := range documents {
					best.add(d)
				}
				return nil
			}
			return w.write(documents)
		})
		if err != nil {
			return err
		}
		bar.clear()
		if err := w.write(best.list(sorted)); err != nil {
			return err
		}
		if w.table {
			j.tellCut(c.stderr)
		}
		return to.commit()
	})
	return cmd
}

// A document is an input with its score.
type document struct {
	rows.Input
	index int
	rerank.Score
}

// rerank gives the documents with their scores to take chunk by chunk, in the order of
// the inputs.
func (j *crossStream) rerank(ctx context.Context, bar *bar, query string, take func([]document) error) error {
	return j.each(bar, func(results []rows.Result) error {
		texts := make([]string, len(results))
		group := make([]*rows.Result, len(results))
		for i := range results {
			texts[i], group[i] = results[i].Text, &results[i]
		}
		scores, err := j.scorer.Score(ctx, query, texts, j.opts)
		if err != nil {
			return j.located(err, group)
		}
		documents := make([]document, len(results))
		for i, r := range results {
			documents[i] = document{r.Input, r.Index, scores[i]}
			j.lose(scores[i].Truncated)
		}
		return take(documents)
	})
}

// compare orders documents: the higher score first, of equal ones the earlier.
func (d *document) compare(e *document) int {
	return cmp.Or(cmp.Compare(e.Value, d.Value), cmp.Compare(d.index, e.index))
}

// A selection is the best of the documents that were added, top of them or all where
// that is 0. It is a heap with the last of them in front.
type selection struct {
	top       int
	documents []document
}

func (s *selection) Len() int           { return len(s.documents) }
func (s *selection) Less(i, j int) bool { return s.documents[i].compare(&s.documents[j]) > 0 }
func (s *selection) Swap(i, j int)      { s.documents[i], s.documents[j] = s.documents[j], s.documents[i] }
func (s *selection) Push(d any)         { s.documents = append(s.documents, d.(document)) }
func (s *selection) Pop() any           { return nil } // for heap.Interface: nothing is taken out

func (s *selection) add(d document) {
	switch {
	case s.top == 0:
		s.documents = append(s.documents, d)
	case len(s.documents) < s.top:
		heap.Push(s, d)
	case d.compare(&s.documents[0]) < 0:
		s.documents[0] = d
		heap.Fix(s, 0)
	}
}

// list returns the documents, the best first or in the order of the inputs.
func (s *selection) list(sorted bool) []document {
	slices.SortFunc(s.documents, func(d, e document) int {
		if sorted {
			return d.compare(&e)
		}
		return cmp.Compare(d.index, e.index)
	})
	return s.documents
}

// A documentWriter writes documents as lines of JSON, or as a table for people to read.
type documentWriter struct {
	*bufio.Writer
	table bool
	begun bool
}

func (w *documentWriter) write(documents []document) error {
	for i := range documents {
		d := &documents[i]
		if w.table {
			if !w.begun {
				fmt.Fprintf(w, "%10s %6s  %s\n", "score", "index", "text")
			}
			w.begun = true
			fmt.Fprintf(w, "%10.4f %6d  %s\n", d.Value, d.index, excerpt(d.Text, 64))
			continue
		}
		b := append(newObject(d.index, &d.Input), `,"score":`...)
		b = strconv.AppendFloat(b, float64(d.Value), 'g', -1, 32)
		b = append(append(b, `,"text":`...), rows.Quote(d.Text)...)
		if _, err := w.Write(endObject(b, d.Truncated)); err != nil {
			return err
		}
	}
	return w.Flush()
}
