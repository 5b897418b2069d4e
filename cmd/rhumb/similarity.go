package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
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
		Use:     "similarity [TEXT…]",
		Short:   "Print the cosine of each text with each other",
		Example: `  rhumb similarity "The food was delicious" "Das Essen war köstlich" "It rained all day"`,
	}
	model.add(cmd)
	model.addAs(cmd, asEmbedding, asSparse)
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
		j, err := c.newStream(ctx, &model, &in, args, asSparse)
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
		if err := writeCosines(ctx, to, format, all); err != nil {
			return err
		}
		j.tellCut(c.stderr)
		return to.commit()
	})
	return cmd
}

// writeCosines writes the cosine of each result with each other, a row a result.
func writeCosines(ctx context.Context, to io.Writer, format string, all []rows.Result) error {
	norms := make([]float64, len(all))
	for i := range all {
		norms[i] = math.Sqrt(product(&all[i], &all[i]))
	}
	w := bufio.NewWriterSize(to, 64<<10)
	if format == "table" && len(all) > 0 {
		for j := range all {
			fmt.Fprintf(w, "%8d", j)
		}
		fmt.Fprintln(w, "  text")
	}
	cosines := make([]float64, len(all))
	var row []byte
	for i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		for j := range all {
			cosines[j] = 0 // with a zero vector
			if both := norms[i] * norms[j]; both > 0 {
				cosines[j] = min(1, max(-1, product(&all[i], &all[j])/both))
			}
		}
		row = row[:0]
		switch format {
		case "table":
			for _, v := range cosines {
				row = fmt.Appendf(row, "%8.4f", v)
			}
			row = fmt.Appendf(row, "  %d %s\n", i, excerpt(all[i].Text, 40))
		case "csv":
			row = append(appendNumbers(row, cosines), '\n')
		case "jsonl":
			row = append(appendNumbers(append(row, '['), cosines), "]\n"...)
		case "json":
			row = append(row, "[,"[min(i, 1)], '\n', '[')
			row = append(appendNumbers(row, cosines), ']')
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
