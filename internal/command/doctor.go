package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/spf13/cobra"
)

func (c *console) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine: CPU features, and every kernel set against plain Go",
		Args:  arguments(0, 0),
	}
	asJSON := addJSON(cmd)
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		d, err := examine(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeReport(c.stdout, d)
		} else {
			err = writeDiagnosis(c.stdout, d)
		}
		if err != nil {
			return err
		}
		for _, set := range d.Kernels {
			if !set.OK {
				return errors.New("a kernel set does not compute what plain Go does: choose another with --kernels, and report it")
			}
		}
		return nil
	})
	return cmd
}

// A diagnosis is what doctor finds. Its JSON form is one that scripts rely on.
type diagnosis struct {
	versionJSON
	CPUs       int         `json:"cpus"`
	GOMAXPROCS int         `json:"gomaxprocs"`
	Features   []string    `json:"features"`
	Kernels    []setHealth `json:"kernels"`
}

// A setHealth is how one kernel set does.
type setHealth struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Error   string   `json:"error,omitempty"`
	Default bool     `json:"default"`  // used where none is asked for
	How     []string `json:"products"` // how products are computed, a line a number format
}

// examine tests this machine.
func examine(ctx context.Context) (*diagnosis, error) {
	d := &diagnosis{
		versionJSON: newVersionJSON(), CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Features: append([]string{}, kernel.Features()...),
	}
	for _, set := range kernel.Sets() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := setHealth{Name: set.Name(), OK: true, Default: set == kernel.Best()}
		if err := kernel.SelfTest(set); err != nil {
			h.OK, h.Error = false, err.Error()
		}
		for f := range kernel.Formats {
			h.How = append(h.How, set.How(f))
		}
		d.Kernels = append(d.Kernels, h)
	}
	return d, nil
}

func writeDiagnosis(w io.Writer, d *diagnosis) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %s\n", "rhumb", version())
	fmt.Fprintf(&b, "%-12s %s %s/%s\n", "go", d.Go, d.OS, d.Arch)
	fmt.Fprintf(&b, "%-12s %d CPUs, GOMAXPROCS %d\n", "threads", d.CPUs, d.GOMAXPROCS)
	fmt.Fprintf(&b, "%-12s %s\n", "features", cmp.Or(strings.Join(d.Features, " "), "none that kernels use"))
	for _, set := range d.Kernels {
		verdict := "ok"
		if !set.OK {
			verdict = "BAD: " + set.Error
		}
		if set.Default {
			verdict += ", used by default"
		}
		fmt.Fprintf(&b, "%-12s %-8s %s\n", "kernels", set.Name, verdict)
		for _, how := range set.How {
			fmt.Fprintf(&b, "%-12s %-8s %s\n", "", "", how)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
