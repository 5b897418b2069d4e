package command

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/spf13/cobra"
)

func (c *console) similarityCommand() *cobra.Command {
	var (
		model   modelFlags
		request requestFlags
		in      inputFlags
		out     outputFlags
		weights sparseFlags
	)
	cmd := &cobra.Command{
		Use:   "similarity [TEXT…]",
		Short: "Print the cosine of each text with each other",
		Long: `Print the cosine of each text with each other. With a multi-vector model it is
MaxSim, a row for each text as the query.`,
		Example: `  rhumb similarity "The food was delicious" "Das Essen war köstlich" "It rained all day"`,
	}
	model.add(cmd)
	model.addAs(cmd, asEmbedding, asSparse, asMultiVector)
	request.add(cmd)
	in.add(cmd)
	weights.add(cmd)
	out.add(cmd, "json", "jsonl", "csv", "table")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
		opts, err := request.options(cmd)
		if err = cmp.Or(err, weights.check(cmd)); err != nil {
			return err
		}
		format, err := out.resolve(c.stdout)
		if err != nil {
			return err
		}
		j, err := c.newStream(ctx, &model, &in, args, asSparse, asMultiVector)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		if err := j.fill(ctx, weights.how(fill.How{Options: opts})); err != nil {
			return err
		}
		to, err := c.create(out.file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		var all []rows.Result
		bar := c.newBar(model.progress.value, len(args) > 0)
		defer bar.clear()
		err = j.run(ctx, bar, func(results []rows.Result) error {
			all = append(all, results...)
			return nil
		})
		if err != nil {
			return err
		}
		bar.clear()
		score := cosines(all)
		if j.multi != nil {
			score = maxSims(j.multi, all)
		}
		if err := writeMatrix(ctx, to, format, all, score); err != nil {
			return err
		}
		j.tellCut(c.stderr)
		return to.commit()
	})
	return cmd
}

// A scoring returns how alike result i and each are, in the order of the results.
type scoring func(scores []float64, i int) error

// cosines returns the scoring of single embeddings.
func cosines(all []rows.Result) scoring {
	norms := make([]float64, len(all))
	for i := range all {
		norms[i] = math.Sqrt(product(&all[i], &all[i]))
	}
	return func(scores []float64, i int) error {
		for j := range all {
			scores[j] = 0 // with a zero vector
			if both := norms[i] * norms[j]; both > 0 {
				scores[j] = min(1, max(-1, product(&all[i], &all[j])/both))
			}
		}
		return nil
	}
}

// maxSims returns the scoring of several vectors: MaxSim of each result and that one as the query.
func maxSims(m *multivector.Model, all []rows.Result) scoring {
	vectors := make([]tensor.Matrix, len(all))
	for i := range all {
		vectors[i] = rowsOf(all[i].Multi)
	}
	return func(scores []float64, i int) error {
		if vectors[i].Rows == 0 {
			return fmt.Errorf("input %d: no token that counts, expected one or more", i)
		}
		scorer, err := m.NewScorer(vectors[i])
		if err != nil {
			return err
		}
		for j := range all {
			score, err := scorer.Score(vectors[j])
			if err != nil {
				return fmt.Errorf("input %d: %w", j, err)
			}
			scores[j] = float64(score)
		}
		return nil
	}
}

// writeMatrix writes the scores of each result and each other, a row a result.
func writeMatrix(ctx context.Context, to io.Writer, format string, all []rows.Result, score scoring) error {
	w := bufio.NewWriterSize(to, 64<<10)
	if format == "table" && len(all) > 0 {
		for j := range all {
			fmt.Fprintf(w, "%8d", j)
		}
		fmt.Fprintln(w, "  text")
	}
	scores := make([]float64, len(all))
	var row []byte
	for i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := score(scores, i); err != nil {
			return err
		}
		row = row[:0]
		switch format {
		case "table":
			for _, v := range scores {
				row = fmt.Appendf(row, "%8.4f", v)
			}
			row = fmt.Appendf(row, "  %d %s\n", i, excerpt(all[i].Text, 40))
		case "csv":
			row = append(appendNumbers(row, scores), '\n')
		case "jsonl":
			row = append(appendNumbers(append(row, '['), scores), "]\n"...)
		case "json":
			row = append(row, "[,"[min(i, 1)], '\n', '[')
			row = append(appendNumbers(row, scores), ']')
		}
		if _, err := w.Write(row); err != nil {
			return err
		}
	}
	if format == "json" {
		end := "\n]\n"
		if len(all) == 0 {
			end = "[]\n"
		}
		if _, err := w.WriteString(end); err != nil {
			return err
		}
	}
	return w.Flush()
}

// appendNumbers appends v in float32's shortest form, with commas between.
func appendNumbers(dst []byte, v []float64) []byte {
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, x, 'f', -1, 32)
	}
	return dst
}

// product returns the inner product of two embeddings of one kind.
func product(a, b *rows.Result) float64 {
	if a.Sparse == nil {
		return dot(a.Float32, b.Float32)
	}
	return float64(sparse.Dot(sparseVector(a.Sparse), sparseVector(b.Sparse)))
}

func sparseVector(s *rows.Sparse) sparse.Vector {
	return sparse.Vector{Indices: s.Indices, Values: s.Values}
}

// dot returns the inner product of a and b, summed in float64.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
