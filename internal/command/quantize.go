package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/spf13/cobra"
)

func (c *console) quantizeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quantize DIR OUT",
		Short: "Copy a model with its weights in 8 bits or 4",
		Long: `Write a copy of the model in the folder DIR to the new folder OUT, with the weights
of its linear layers in 8 bits (a scale for each row) or in 4 (a scale for each 32
columns), and print its size, the errors, and what vectors lose of some built-in texts,
plain and hard ones, with a warning where it is more than it should be. It loads like
any other folder, at any precision: to compute with 4 bits, give --precision int4 there too.`,
		Example: `  rhumb quantize --precision int4 Qwen3-Embedding-8B Qwen3-Embedding-8B-int4
  rhumb embed --model Qwen3-Embedding-8B-int4 --precision int4 "one text"`,
		Args: arguments(2, 2),
	}
	precision := addChoice(cmd, "precision", "number format of the weights in OUT", embed.Int8.String(), embed.Int4.String())
	progress := addProgress(cmd)
	asJSON := addJSON(cmd)
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, args []string) error {
		p, err := embed.ParsePrecision(precision.value)
		if err != nil {
			return err
		}
		bar := c.newBar(progress.value, false)
		defer bar.clear()
		made, err := embed.Quantize(ctx, args[0], args[1], p, func(done, total int64) { bar.download("weights", done, total) })
		if err != nil {
			return err
		}
		bar.clear()
		if made.Loss.Over(p) {
			fmt.Fprintf(c.stderr, "rhumb: %s: %s\n", escaped(args[1]), lossOver(made.Loss, p))
		}
		if *asJSON {
			return writeReport(c.stdout, newQuantizedJSON(args[1], made))
		}
		return writeQuantized(c.stdout, args[1], made)
	})
	return cmd
}

// quantizedJSON is the JSON form of what was made, one that scripts rely on.
type quantizedJSON struct {
	Path   string              `json:"path"`
	Before int64               `json:"bytes_before"` // of the weights
	After  int64               `json:"bytes"`
	Kinds  []quantizedKindJSON `json:"kinds"`
	Loss   *quantizedLossJSON  `json:"loss,omitempty"` // none where it was not measured
}

// quantizedLossJSON is what vectors lose: 1 - the cosine to those in float32.
type quantizedLossJSON struct {
	Texts int     `json:"texts"`
	Mean  float64 `json:"mean"` // of plain texts
	Worst float64 `json:"worst"`
}

type quantizedKindJSON struct {
	Name    string  `json:"name"`
	Tensors int     `json:"tensors"`
	Weights int64   `json:"weights"`
	Error   float64 `json:"error"` // root of the mean square, relative to that of the weights
}

func newQuantizedJSON(dir string, q *embed.Quantized) quantizedJSON {
	made := quantizedJSON{dir, q.Before, q.After, nil, nil}
	if q.Loss.Texts > 0 {
		made.Loss = new(quantizedLossJSON(q.Loss))
	}
	for _, k := range q.Kinds {
		made.Kinds = append(made.Kinds, quantizedKindJSON(k))
	}
	return made
}

// writeQuantized prints what was made: sizes, and the error of each kind of weight.
func writeQuantized(w io.Writer, dir string, q *embed.Quantized) error {
	const mb = 1e6
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.1f MB of weights, %.1f MB before\n", escaped(dir), float64(q.After)/mb, float64(q.Before)/mb)
	fmt.Fprintf(&b, "%8s %14s %10s  %s\n", "tensors", "weights", "RMS error", "kind")
	for _, k := range q.Kinds {
		fmt.Fprintf(&b, "%8d %14d %9.3f%%  %s\n", k.Tensors, k.Weights, 100*k.Error, k.Name)
	}
	if l := q.Loss; l.Texts > 0 {
		fmt.Fprintf(&b, "of %s it loses %.1e in the mean, %.1e of the worst (1 - cosine to float32)\n", counted(l.Texts, "text"), l.Mean, l.Worst)
	} else {
		b.WriteString("what it loses of texts was not measured\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
