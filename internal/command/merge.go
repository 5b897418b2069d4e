package command

import (
	"context"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/spf13/cobra"
)

func (c *console) mergeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "merge OUT PART…",
		Short: "Make one file of the outputs of all shards of a batch",
		Long: `Make one file of what rhumb batch --shard wrote, a PART for each of the shards, in
any order: the output of the same job without --shard. With each PART must be the
hidden file .PART.job, by which the settings, the inputs and the order are checked,
and with npy of 8 bits its scales. Rows for a store must have ids of the inputs, as
indexes in their place begin with 0 in each PART.`,
		Example: "  rhumb merge embeddings.parquet part*.parquet",
		Args:    arguments(2, -1),
	}
	asJSON := addJSON(cmd)
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, args []string) error {
		report, err := job.Merge(ctx, job.Config{Output: args[0], Store: c.store}, args[1:])
		if err != nil {
			return err
		}
		return c.printReport(args[0], report, nil, *asJSON)
	})
	return cmd
}
