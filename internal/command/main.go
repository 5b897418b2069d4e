// Package command is the command line of rhumb, for the programs under cmd.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Main runs the command line of this process and returns the exit code: 0 when all is
// done, 1 when something failed, 2 for a wrong command line. The store has the objects that
// files of rows may be; nil = there are none.
func Main(store job.Store) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	c := &console{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, store: store}
	return c.run(ctx, os.Args[1:])
}

// Root returns the command rhumb with all that are under it, for what describes them. It reads
// nothing and writes nowhere.
func Root() *cobra.Command {
	return (&console{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}).rootCommand(io.Discard)
}

// A console is the three streams of one run of the command, and what else it reads.
type console struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	sources []source
	store   job.Store
}

// run runs the command line args and returns the exit code.
func (c *console) run(ctx context.Context, args []string) int {
	stderr := c.stderr // of errors, whatever --quiet says of the rest
	out := &told{Writer: c.stdout}
	root := c.rootCommand(out)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if out.err != nil {
		err = &failure{out.err}
	}
	if err == nil {
		return 0
	}
	var failed *failure
	if !errors.As(err, &failed) {
		fmt.Fprintf(stderr, "rhumb: %s\nSee '%s --help'.\n", lines(explainUsage(root, err)), cmd.CommandPath())
		return 2
	}
	if stopped := (*interruption)(nil); ctx.Err() != nil && errors.Is(err, ctx.Err()) && !errors.As(err, &stopped) {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(stderr, "rhumb: %s\n", lines(err))
	return 1
}

// told is where cobra writes help, versions and scripts for shells, and keeps the error that cobra does not return.
type told struct {
	io.Writer
	err error // the first one
}

func (t *told) Write(p []byte) (n int, err error) {
	n, err = t.Writer.Write(p)
	t.err = cmp.Or(t.err, err)
	return n, err
}

// rootCommand returns the command rhumb with all that are under it; out takes what cobra writes.
func (c *console) rootCommand(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "rhumb",
		Short: "Text embeddings on the CPU",
		Long: `Rhumb turns texts into embeddings on the CPU.

Results go to standard output, everything else to standard error. The exit code
is 0 when all is done, 1 when something failed, 2 for a wrong command line.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,

		DisableSuggestions: true, // explainUsage has them
	}
	root.SetVersionTemplate("rhumb {{.Version}}\n")
	root.SetIn(c.stdin)
	root.SetOut(out)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(explain)
	serve := c.serveCommand()
	setHelp(root, serve)
	root.AddCommand(
		c.embedCommand(), c.batchCommand(), c.mergeCommand(), c.tokenizeCommand(), c.similarityCommand(), c.searchCommand(),
		c.rerankCommand(), c.classifyCommand(), c.chunkCommand(),
		serve, c.mcpCommand(), c.infoCommand(), c.modelsCommand(), c.pullCommand(), c.quantizeCommand(),
		c.calibrateCommand(), c.benchCommand(), c.doctorCommand(), c.verifyCommand(), c.versionCommand(),
	)
	setHelpCommand(root)
	setCompletionCommand(root)
	for _, cmd := range root.Commands() {
		if cmd != serve && cmd.Flags().Lookup("progress") != nil { // serve has a log
			cmd.Flags().BoolP("quiet", "q", false, "nothing on standard error but errors: no progress, no notes")
		}
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if quiet, err := cmd.Flags().GetBool("quiet"); err == nil && quiet {
			c.stderr = io.Discard
		}
	}
	return root
}

// setHelpCommand has help of a command that there is not be an error.
func setHelpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err) // cobra has it
	}
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, _, err := root.Find(args)
		if err != nil {
			return err
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// setCompletionCommand has completion of a shell that there is not be an error.
func setCompletionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // cobra has it
	}
	var shells []string
	for _, cmd := range completion.Commands() {
		shells = append(shells, cmd.Name())
	}
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return fmt.Errorf("unknown shell %q, expected one of: %s", args[0], strings.Join(shells, ", "))
	}
}

// A failure is an error of a command that was called as it should be.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// An interruption is the end of a command by a signal that leaves something to go on from.
type interruption struct {
	err  error
	left string
}

func (i *interruption) Error() string { return "interrupted: " + i.left }
func (i *interruption) Unwrap() error { return i.err }

// A usageError is a wrong command line that shows only when the command runs.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// action makes f a command's RunE: what it returns is a failure, unless it is a usageError.
func action(f func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd.Context(), cmd, args)
		var usage *usageError
		if err == nil || errors.As(err, &usage) {
			return err
		}
		return &failure{err}
	}
}

// isTerminal reports whether stream, a reader or a writer, is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A choice is a flag that takes one of some words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.of, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("there is %s", strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}

// addChoice adds a flag to cmd that takes one of the words; the first is the default.
func addChoice(cmd *cobra.Command, name, usage string, words ...string) *choice {
	c := &choice{value: words[0], of: words}
	cmd.Flags().Var(c, name, usage)
	complete(cmd, name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// checkPositive returns a usage error if the flag of that name was given a value below 1.
func checkPositive(cmd *cobra.Command, name string, value int) error {
	if cmd.Flags().Changed(name) && value < 1 {
		return usagef("--%s %d: must be 1 or more", name, value)
	}
	return nil
}
