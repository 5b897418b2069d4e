package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

func (c *console) classifyCommand() *cobra.Command {
	var (
		flags crossFlags
		top   int
	)
	cmd := &cobra.Command{
		Use:   "classify [TEXT…]",
		Short: "Print the labels of texts, or of pairs of texts, and how likely they are",
		Long: `Print the model's labels for each text, with their probabilities, the likeliest first.
In a jsonl file a list of two strings, also as the text of an object, is a pair of
texts, such as a premise and a hypothesis.`,
		Example: `  rhumb classify --model distilbert/distilbert-base-uncased-finetuned-sst-2-english \
    "The food was delicious"
  echo '["A man eats.", "Somebody is hungry."]' | rhumb classify --input-format jsonl \
    --model cross-encoder/nli-deberta-v3-base`,
	}
	flags.in.pairs = true
	flags.add(cmd, "classifier", []string{asClassify}, "TEXT", "print logits, in place of probabilities")
	cmd.Flags().IntVar(&top, "top", 0, "`N` labels to print of each text, the likeliest (default: all)")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		if err := checkPositive(cmd, "top", top); err != nil {
			return err
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
		to, err := c.create(flags.out.file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		w := bufio.NewWriterSize(to, 64<<10)
		bar := c.newBar(flags.model.progress.value, format == "table" || len(args) > 0)
		defer bar.clear()
		err = j.each(bar, func(results []rows.Result) error {
			made, err := j.classify(ctx, results)
			if err != nil {
				return err
			}
			for i := range results {
				j.lose(made[i].Truncated)
				if n := len(made[i].Labels); top > 0 && top < n {
					made[i].Labels = made[i].Labels[:top]
				}
				line := labelsJSON
				if format == "table" {
					line = labelsTable
				}
				if _, err := w.Write(line(&results[i], &made[i])); err != nil {
					return err
				}
			}
			return w.Flush()
		})
		if err != nil {
			return err
		}
		if bar.clear(); format == "table" {
			j.tellCut(c.stderr)
		}
		return to.commit()
	})
	return cmd
}

// classify returns the labels of each input, texts and pairs in any order.
func (j *crossStream) classify(ctx context.Context, results []rows.Result) ([]rerank.Classification, error) {
	var (
		texts  []string
		pairs  [][2]string
		single []*rows.Result // those of texts
		double []*rows.Result // those of pairs
	)
	for i := range results {
		if r := &results[i]; r.Pair == nil {
			texts, single = append(texts, r.Text), append(single, r)
		} else {
			pairs, double = append(pairs, [2]string{r.Text, *r.Pair}), append(double, r)
		}
	}
	ofTexts, err := j.model.Classify(ctx, texts, j.opts)
	if err != nil {
		return nil, j.located(err, single)
	}
	ofPairs, err := j.model.ClassifyPairs(ctx, pairs, j.opts)
	if err != nil {
		return nil, j.located(err, double)
	}
	made := make([]rerank.Classification, len(results))
	for i := range results {
		from := &ofTexts
		if results[i].Pair != nil {
			from = &ofPairs
		}
		made[i], *from = (*from)[0], (*from)[1:]
	}
	return made, nil
}

// labelsJSON returns a line of JSON with the labels of an input.
func labelsJSON(r *rows.Result, made *rerank.Classification) []byte {
	b := append(newObject(r.Index, &r.Input), `,"labels":[`...)
	for i, l := range made.Labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"label":`...), rows.Quote(l.Name)...)
		b = append(b, `,"score":`...)
		b = append(strconv.AppendFloat(b, float64(l.Score), 'g', -1, 32), '}')
	}
	return endObject(append(b, ']'), made.Truncated)
}

// labelsTable returns a line for people to read: the likeliest labels, and the text.
func labelsTable(r *rows.Result, made *rerank.Classification) []byte {
	b := fmt.Appendf(nil, "%5d", r.Index)
	for _, l := range made.Labels[:min(3, len(made.Labels))] {
		b = fmt.Appendf(b, "  %s %.4f", excerpt(l.Name, 24), l.Score)
	}
	b = fmt.Appendf(b, "  %s", excerpt(r.Text, 32))
	if r.Pair != nil {
		b = fmt.Appendf(b, " | %s", excerpt(*r.Pair, 32))
	}
	return append(b, '\n')
}
