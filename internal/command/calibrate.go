package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/quant"
)

func (c *console) calibrateCommand() *cobra.Command {
	var (
		model   modelFlags
		request requestFlags
		in      inputFlags
		file    string
	)
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure the ranges that --encoding int8 and uint8 may follow",
		Long: `Embed texts like those to come, and write the smallest and the largest value of
each dimension, as 'rhumb embed --ranges' and a model's folder
(` + quant.RangesFile + `) take them. They hold for the prompt, the dimensions
and the normalization that they were measured at.`,
		Example: `  rhumb calibrate --input texts.txt --output ` + quant.RangesFile + `
  rhumb embed --encoding int8 --ranges ` + quant.RangesFile + ` "one text"`,
		Args: arguments(0, 0),
	}
	model.add(cmd)
	request.add(cmd)
	in.addAs(cmd, "input", "`FILE` to read, - for standard input (default: standard input)")
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write, complete or not at all (default: standard output)")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, _ []string) (err error) {
		opts, err := request.options(cmd)
		if err != nil {
			return err
		}
		j, err := c.newStream(ctx, &model, &in, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		if err := j.fill(ctx, fill.How{Options: opts}); err != nil {
			return err
		}
		to, err := c.create(file, false)
		if err != nil {
			return err
		}
		defer to.discard()
		ranges := &quant.Ranges{Normalized: !opts.Unnormalized}
		if ranges.Fingerprint, err = j.model.Fingerprint(ctx); err != nil {
			return err
		}
		bar := c.newBar(model.progress.value, false)
		defer bar.clear()
		err = j.run(ctx, bar, func(results []rows.Result) error {
			for i := range results {
				if err := ranges.Add(results[i].Float32); err != nil {
					return fmt.Errorf("%s: %w", j.src.At(results[i].Line), err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if ranges.Count == 0 {
			return errors.New("no inputs; expected at least one text to measure")
		}
		bar.clear()
		j.tellCut(c.stderr)
		if err := ranges.Write(to); err != nil {
			return err
		}
		return to.commit()
	})
	return cmd
}
