package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/internal/verify"
)

func (c *console) verifyCommand() *cobra.Command {
	var (
		model           modelFlags
		request         requestFlags
		in              inputFlags
		vectors, tokens string
		tolerance       float64
	)
	cmd := &cobra.Command{
		Use:   "verify [TEXTS]",
		Short: "Check results: of this machine, or of a model against another engine's vectors",
		Long: `Check that this machine computes what sentence-transformers did: the model inside the binary,
and a tiny model of each family, on every kernel set that the CPU has and in every precision.

With --reference, compare the embeddings of a model with those that another engine made of the
texts in the file TEXTS, and say where they part, and what the other one may have done otherwise:
another prompt, pooling or limit, no special tokens, texts in lower case.

The exit code is 1 where something differs by more than it may.`,
		Example: `  rhumb verify
  rhumb verify --model path/to/model --reference vectors.npy texts.txt`,
		Args: cobra.MaximumNArgs(1),
	}
	model.add(cmd)
	request.add(cmd)
	in.addFormat(cmd)
	asJSON := addJSON(cmd)
	flags := cmd.Flags()
	flags.StringVar(&vectors, "reference", "", "`FILE` of the other engine's vectors, a row a text: npy, or jsonl of lists or of objects with \"embedding\"")
	flags.StringVar(&tokens, "reference-ids", "", "`FILE` of what it made on the way, jsonl, a line a text: its ids, or an object with \"ids\" and \"hidden\", its last hidden states")
	flags.Float64Var(&tolerance, "tolerance", 0.005, "`DISTANCE` that two vectors may be apart at unit length")
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if vectors == "" {
			if len(args) > 0 {
				return usagef("TEXTS without --reference: expected the file of their vectors")
			}
			if err := checkMachineFlags(flags); err != nil {
				return err
			}
			return c.verifyMachine(ctx, cmd, &model, *asJSON)
		}
		if len(args) != 1 {
			return usagef("--reference without TEXTS: expected the file of the texts")
		}
		if !(tolerance > 0) {
			return usagef("--tolerance %v: must be more than 0", tolerance)
		}
		opts, err := request.options(cmd)
		if err != nil {
			return err
		}
		in.file = args[0]
		out, err := c.compare(ctx, &model, &in, opts, vectors, tokens, tolerance)
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeReport(c.stdout, out)
		} else {
			err = writeComparison(c.stdout, out)
		}
		if err == nil && !out.Equal {
			err = errors.New("the model and the reference differ")
		}
		return err
	})
	return cmd
}

// checkMachineFlags checks that what is given says something of the machine, not of a model.
func checkMachineFlags(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		if !slices.Contains([]string{"kernels", "precision", "json", "progress", "quiet"}, flag.Name) {
			err = cmp.Or(err, usagef("--%s without --reference: expected the file of another engine's vectors", flag.Name))
		}
	})
	return err
}

// verifyMachine runs the models inside the binary, on the kernel set and in the precision that the flags
// name, or on all.
func (c *console) verifyMachine(ctx context.Context, cmd *cobra.Command, model *modelFlags, asJSON bool) error {
	sets, precisions := kernel.Sets(), embed.Precisions()
	if model.kernels != "" {
		set, err := kernel.ByName(model.kernels)
		if err != nil {
			return err
		}
		sets = []*kernel.Set{set}
	}
	if cmd.Flags().Changed("precision") {
		p, err := embed.ParsePrecision(model.precision.value)
		if err != nil {
			return err
		}
		precisions = []embed.Precision{p}
	}
	report := machineJSON{versionJSON: newVersionJSON(), Features: append([]string{}, kernel.Features()...)}
	if err := verify.Machine(ctx, sets, precisions, func(r *verify.Result) { report.Results = append(report.Results, *r) }); err != nil {
		return err
	}
	failed := 0
	for _, r := range report.Results {
		if !r.OK() {
			failed++
		}
	}
	var err error
	if report.OK = failed == 0; asJSON {
		err = writeReport(c.stdout, report)
	} else {
		err = writeMachine(c.stdout, &report)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d results differ from what was expected: choose another set with --kernels, and report it", failed, len(report.Results))
	}
	return err
}

// machineJSON is the JSON form of what verify finds of the machine, one that scripts rely on.
type machineJSON struct {
	versionJSON
	Features []string        `json:"features"`
	OK       bool            `json:"ok"`
	Results  []verify.Result `json:"results"`
}

// writeMachine writes a line for each kernel set, precision and kind of model, and one for each failure.
func writeMachine(w io.Writer, report *machineJSON) error {
	type line struct {
		verify.Result
		models, failed int
	}
	var lines []*line
	var failures []string
	for _, r := range report.Results {
		what := "tiny models"
		if r.Model == verify.MiniLM {
			what = r.Model
		}
		i := slices.IndexFunc(lines, func(l *line) bool {
			return l.Kernels == r.Kernels && l.Precision == r.Precision && l.Model == what
		})
		if i < 0 {
			lines, i = append(lines, &line{Result: r}), len(lines)
			lines[i].Model = what
		}
		l := lines[i]
		l.models++
		l.Difference = max(l.Difference, r.Difference)
		if !r.OK() {
			l.failed++
			failures = append(failures, fmt.Sprintf("BAD: %s, %s, %s: %s", r.Model, r.Kernels, r.Precision, r.Error))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rhumb %s, %s %s/%s, CPU features: %s\n", version(), report.Go, report.OS, report.Arch,
		cmp.Or(strings.Join(report.Features, " "), "none that kernels use"))
	fmt.Fprintf(&b, "%-8s %-9s %-14s %-10s %-10s %s\n", "kernels", "precision", "models", "difference", "limit", "")
	for _, l := range lines {
		name, verdict := l.Model, "ok"
		if l.models > 1 {
			name = fmt.Sprintf("%d %s", l.models, l.Model)
		}
		if l.SameAs != "" {
			verdict += ", the bits of " + l.SameAs
		}
		if l.failed > 0 {
			verdict = fmt.Sprintf("BAD: %d", l.failed)
		}
		fmt.Fprintf(&b, "%-8s %-9s %-14s %-10.2g %-10.2g %s\n", l.Kernels, l.Precision, name, l.Difference, l.Limit, verdict)
	}
	for _, f := range failures {
		fmt.Fprintln(&b, escaped(f))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// compare holds the model against the reference in files.
func (c *console) compare(ctx context.Context, flags *modelFlags, in *inputFlags, opts embed.Options, vectors, tokens string, tolerance float64) (out *verify.Comparison, err error) {
	ref := &verify.Reference{}
	if err := c.readReference(vectors, func(r io.Reader) (err error) {
		ref.Vectors, err = verify.ReadVectors(r)
		return err
	}); err != nil {
		return nil, err
	}
	if tokens != "" {
		if err := c.readReference(tokens, func(r io.Reader) (err error) {
			ref.IDs, ref.Hidden, err = verify.ReadTokens(r)
			return err
		}); err != nil {
			return nil, err
		}
	}
	texts, err := c.readTexts(ctx, in)
	if err != nil {
		return nil, err
	}
	dir, cfg, err := flags.find(ctx, c)
	if err != nil {
		return nil, err
	}
	said, err := inspect(ctx, dir, cfg, asEmbedding)
	if err != nil {
		return nil, err
	}
	if opts.MaxTokens == 0 {
		opts.MaxTokens = said.MaxTokens
	}
	cfg.MaxTokens = math.MaxInt // longer texts than the folder says may explain a difference
	m, err := open(ctx, dir, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return verify.Compare(ctx, m, texts, ref, opts, tolerance)
}

func (c *console) readReference(name string, read func(io.Reader) error) error {
	c.reads(name)
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := read(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readTexts returns all texts of the input.
func (c *console) readTexts(ctx context.Context, in *inputFlags) (texts []string, err error) {
	src, err := in.open(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for {
		row, err := rows.Next(src)
		if err == io.EOF {
			return texts, nil
		}
		if err == nil && row.IDs != nil {
			err = fmt.Errorf("%s: token ids, expected a text", src.At(row.Line))
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, row.Text)
	}
}

func writeComparison(w io.Writer, out *verify.Comparison) error {
	t := &infoText{}
	t.line("texts", "%d", out.Texts)
	t.line("dimensions", "%d", out.Dimensions)
	for _, s := range out.Stages {
		verdict := "equal"
		if !s.Equal {
			verdict = "DIFFERENT"
		}
		t.line(s.Name, "%s: %s", verdict, s.Found)
	}
	if out.Explanation != "" {
		t.line("why", "%s (%.2g apart)", out.Explanation, out.Remaining)
	} else if !(out.Difference <= out.Tolerance) {
		t.line("why", "no prompt, pooling, limit of tokens or change of texts explains it: other weights, another precision, or another tokenizer")
	}
	_, err := io.WriteString(w, t.String())
	return err
}
