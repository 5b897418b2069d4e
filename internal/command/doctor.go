package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/spf13/cobra"
)

func (c *console) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine: CPU features, and every kernel set against plain Go",
		Args:  cobra.NoArgs,
		RunE: action(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			features := strings.Join(kernel.Features(), " ")
			if features == "" {
				features = "none that kernels use"
			}
			w := bufio.NewWriter(c.stdout)
			fmt.Fprintf(w, "%-12s %s\n", "rhumb", version())
			fmt.Fprintf(w, "%-12s %s %s/%s\n", "go", runtime.Version(), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(w, "%-12s %d CPUs, GOMAXPROCS %d\n", "threads", runtime.NumCPU(), runtime.GOMAXPROCS(0))
			fmt.Fprintf(w, "%-12s %s\n", "features", features)
			bad := 0
			for _, set := range kernel.Sets() {
				if err := ctx.Err(); err != nil {
					return err
				}
				verdict := "ok"
				if err := kernel.SelfTest(set); err != nil {
					verdict = "BAD: " + err.Error()
					bad++
				}
				used := ""
				if set == kernel.Best() {
					used = ", used by default"
				}
				fmt.Fprintf(w, "%-12s %-8s %s%s\n", "kernels", set.Name(), verdict, used)
				for f := range kernel.Formats {
					fmt.Fprintf(w, "%-12s %-8s %s\n", "", "", set.How(f))
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if bad > 0 {
				return errors.New("a kernel set does not compute what plain Go does: choose another with --kernels, and report it")
			}
			return nil
		}),
	}
}
