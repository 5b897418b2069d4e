package command

import (
	"context"
	"fmt"

	"github.com/rhumb-go/rhumb/embed/hub"
	"github.com/spf13/cobra"
)

func (c *console) pullCommand() *cobra.Command {
	var revision string
	cmd := &cobra.Command{
		Use:   "pull ID",
		Short: "Download a model, and print its folder",
		Long: `Download the files of a model that an embedding needs into the cache of Hugging
Face's own tools, as far as it lacks them, and print their folder. The cache is
$HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub; a token, where the model
needs one, is that of $HF_TOKEN or of the last login. With a LoRA adapter comes the base
model that it names by its id. A download that broke off goes
on where it was; one that stands still for two minutes or so, or brings less than
60 KiB in a minute, is given up.`,
		Example: `  rhumb pull BAAI/bge-small-en-v1.5
  rhumb embed --model BAAI/bge-small-en-v1.5 --query "What is a rhumb line?"`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeIDs,
	}
	cmd.Flags().StringVar(&revision, "revision", mainRevision, "`R`, a branch, a tag or a commit")
	progress := addProgress(cmd)
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, args []string) error {
		dir, err := c.resolve(ctx, args[0], hub.Options{Revision: revision, Download: true}, progress.value)
		if err == nil {
			_, err = c.base(ctx, dir, true, progress.value)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.stdout, dir)
		return err
	})
	return cmd
}
