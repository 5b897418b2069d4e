package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/fill"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// A benchmark measures a model on lists of token ids or texts.
type benchmark struct {
	console *console
	model   *embed.Model
	set     *kernel.Set
	format  kernel.Format
	seconds time.Duration // of repetitions, after the warm-up
	threads int
	peak    float64 // best rate of the precision's multiply-adds seen, FLOP/s of all threads
}

// A measurement is the runs of one call. Its JSON form is one that scripts rely on.
type measurement struct {
	Shape   string    `json:"shape,omitempty"`
	Texts   int       `json:"texts"`
	Tokens  int       `json:"tokens"`
	Warmup  float64   `json:"warmup"`  // seconds of the first run
	Seconds []float64 `json:"seconds"` // of each run after the warm-up
	Kernels string    `json:"kernels"`

	Precision string  `json:"precision"`
	Threads   int     `json:"threads"`
	Peak      float64 `json:"peak_gflops"`

	operations float64 // of one run
}

func (c *console) benchCommand() *cobra.Command {
	var (
		model        modelFlags
		in           inputFlags
		seconds      float64
		shapes       []string
		asJSON, gemm bool
		scaling      bool
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure texts/s, tokens/s and GFLOP/s",
		Long: `Measure the model by shape: 8x128 is one call of 8 inputs of 128 tokens, corpus one
of 512 inputs of 5 to 200 tokens. GFLOP/s are those of the matrix products alone;
the share is of the CPU's own rate of the precision's multiply-adds, measured in the
same run.`,
		Args: arguments(0, 0),
	}
	model.add(cmd)
	in.addAs(cmd, "input", "`FILE` whose inputs to measure in one call, - for standard input (default: the shapes)")
	cmd.Flags().Float64Var(&seconds, "seconds", 1, "`S` seconds of repetitions of each shape, after a warm-up")
	cmd.Flags().StringSliceVar(&shapes, "shapes", []string{"1x16", "1x128", "8x128", "32x128", "1x512", "8x512", "corpus"}, "`SHAPES` to measure")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	cmd.Flags().BoolVar(&scaling, "scaling", false, "measure with 1, 2, 4 … threads, up to --threads, one after the other")
	cmd.Flags().BoolVar(&gemm, "gemm", false, "measure the matrix products of the model's layers by themselves, on one thread")
	for _, pair := range [][2]string{{"gemm", "input"}, {"gemm", "scaling"}, {"gemm", "shapes"}, {"gemm", "threads"}, {"input", "scaling"}, {"input", "shapes"}} {
		cmd.MarkFlagsMutuallyExclusive(pair[0], pair[1])
	}
	cmd.RunE = action(func(ctx context.Context, cmd *cobra.Command, _ []string) (err error) {
		if seconds < 0 || math.IsNaN(seconds) || seconds > 1e6 {
			return usagef("--seconds %v: must be 0 to 1e6", seconds)
		}
		var sizes []shape
		for _, name := range shapes {
			s, err := parseShape(name)
			if err != nil {
				return err
			}
			sizes = append(sizes, s)
		}
		if model.threads < 0 {
			return usagef("--threads %d: must be 0 or more", model.threads)
		}
		set, err := kernel.ByName(model.kernels)
		if err != nil {
			return err
		}
		b := &benchmark{
			console: c, set: set, threads: cmp.Or(model.threads, runtime.GOMAXPROCS(0)),
			seconds: time.Duration(seconds * float64(time.Second)),
		}
		for b.format.String() != model.precision.value { // one of the formats'
			b.format++
		}
		if gemm {
			return b.gemm(ctx, &model, asJSON)
		}
		model.maxTokens = math.MaxInt
		most := b.threads
		if scaling {
			b.threads = 1
		}
		for ; ; b.threads = min(2*b.threads, most) {
			if err := b.with(ctx, &model, func() error {
				if in.file != "" {
					return b.file(ctx, &in, asJSON)
				}
				return b.table(ctx, sizes, asJSON)
			}); err != nil || b.threads == most {
				return err
			}
		}
	})
	return cmd
}

// with calls measure with the model on b.threads threads.
func (b *benchmark) with(ctx context.Context, model *modelFlags, measure func() error) (err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(b.threads))
	model.threads, b.peak = b.threads, 0
	if b.model, err = model.load(ctx, b.console); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.model.Close()) }()
	return measure()
}

// file measures one call over all inputs of a file.
func (b *benchmark) file(ctx context.Context, in *inputFlags, asJSON bool) (err error) {
	src, err := in.open(ctx, b.console, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	var group []*rows.Result
	for {
		next, err := rows.Next(src)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(group) > 0 && (group[0].IDs == nil) != (next.IDs == nil) {
			return fmt.Errorf("%s: texts and token ids in one file; expected either", src.At(next.Line))
		}
		group = append(group, &rows.Result{Input: next})
	}
	if len(group) == 0 {
		return fmt.Errorf("%s: no inputs", in.file)
	}
	j := &stream{chunks: chunks{src: src}, loadedModel: loadedModel{model: b.model}}
	if err := j.fill(ctx, fill.How{}); err != nil {
		return err
	}
	m, err := b.measure(func() (*embed.Result, error) {
		if err := j.embed(ctx, group); err != nil { // names the line of a bad input
			return nil, err
		}
		r := &embed.Result{}
		for _, g := range group {
			r.Embeddings = append(r.Embeddings, embed.Embedding{Vector: g.Vector, Tokens: g.Tokens, Truncated: g.Truncated})
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(b.console.stdout).Encode(m)
	}
	m.Shape = "input"
	if err := b.printHeader(); err != nil {
		return err
	}
	return b.print(m)
}

// table measures the shapes.
func (b *benchmark) table(ctx context.Context, shapes []shape, asJSON bool) error {
	if !asJSON {
		if err := b.printHeader(); err != nil {
			return err
		}
	}
	for _, s := range shapes {
		ids := s.ids(b.model)
		m, err := b.measure(func() (*embed.Result, error) {
			return b.model.EmbedIDs(ctx, ids, embed.Options{})
		})
		var long *embed.InputError
		if errors.As(err, &long) {
			fmt.Fprintf(b.console.stderr, "rhumb: %s left out: %s\n", s.name, lines(long.Err))
			continue
		}
		if err != nil {
			return err
		}
		m.Shape = s.name
		show := b.print
		if asJSON {
			show = func(m *measurement) error { return json.NewEncoder(b.console.stdout).Encode(m) }
		}
		if err := show(m); err != nil {
			return err
		}
	}
	return nil
}

// measure runs call again and again: a warm-up, then at least twice and until
// the time is over.
func (b *benchmark) measure(call func() (*embed.Result, error)) (*measurement, error) {
	begin := time.Now()
	r, err := call()
	if err != nil {
		return nil, err
	}
	info := b.model.Info()
	m := &measurement{
		Texts: len(r.Embeddings), Warmup: time.Since(begin).Seconds(),
		Kernels: info.Kernels, Precision: info.Precision.String(), Threads: b.threads,
	}
	lengths := make([]int, len(r.Embeddings))
	for i, e := range r.Embeddings {
		lengths[i] = e.Tokens
		m.Tokens += e.Tokens
	}
	m.operations = b.model.Operations(lengths)
	if m.Warmup < 0.5 {
		for range 2 {
			if _, err := call(); err != nil {
				return nil, err
			}
		}
	}
	b.peak = max(b.peak, peak(b.set, b.format, b.threads))
	m.Peak = b.peak / 1e9
	for begin := time.Now(); len(m.Seconds) < 2 || time.Since(begin) < b.seconds; {
		start := time.Now()
		if _, err := call(); err != nil {
			return nil, err
		}
		m.Seconds = append(m.Seconds, time.Since(start).Seconds())
	}
	return m, nil
}

// peak measures the rate of the format's multiply-adds of threads running at once,
// in operations a second.
func peak(set *kernel.Set, f kernel.Format, threads int) float64 {
	rates := make(chan float64)
	for range threads {
		go func() { rates <- set.PeakIn(f, 100*time.Millisecond) }()
	}
	sum := 0.0
	for range threads {
		sum += <-rates
	}
	return sum
}

func (b *benchmark) printHeader() error {
	info := b.model.Info()
	w := b.console.stdout
	fmt.Fprintf(w, "%s, %s, kernels %s, threads %d, %s %s/%s\n", escaped(info.Name), info.Precision, info.Kernels,
		b.threads, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	_, err := fmt.Fprintf(w, "%-8s %6s %8s %6s %10s %10s %10s %9s %7s\n",
		"shape", "texts", "tokens", "runs", "median ms", "texts/s", "tokens/s", "GFLOP/s", "of peak")
	return err
}

func (b *benchmark) print(m *measurement) error {
	t := median(m.Seconds)
	rate := m.operations / t / 1e9
	_, err := fmt.Fprintf(b.console.stdout, "%-8s %6d %8d %6d %10.2f %10.1f %10.0f %9.1f %6.1f%%\n",
		m.Shape, m.Texts, m.Tokens, len(m.Seconds), t*1e3,
		float64(m.Texts)/t, float64(m.Tokens)/t, rate, 100*rate/m.Peak)
	return err
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// A shape is how many inputs there are, and of how many tokens. The zero counts
// are those of the mixed corpus.
type shape struct {
	name          string
	texts, tokens int
}

func parseShape(name string) (shape, error) {
	s := shape{name: name}
	if name == "corpus" {
		return s, nil
	}
	var rest string
	n, _ := fmt.Sscanf(strings.TrimSpace(name)+" .", "%dx%d %s", &s.texts, &s.tokens, &rest)
	const limit = 1 << 24
	if n != 3 || rest != "." || s.texts < 1 || s.tokens < 1 || s.texts > limit || s.tokens > limit/s.texts {
		return s, usagef("--shapes %s: expected one like 8x128, or corpus", name)
	}
	return s, nil
}

// ids returns random ids of the shape, the same on every call, with the
// model's special tokens around them.
func (s shape) ids(m *embed.Model) [][]int32 {
	t := m.Tokenizer()
	head, tail := t.Frame()
	random := rand.New(rand.NewPCG(1, 2))
	count := s.texts
	if count == 0 {
		count = 512
	}
	vocabulary := int32(m.Info().Vocabulary)
	lists := make([][]int32, count)
	for i := range lists {
		n := s.tokens
		if n == 0 {
			n = int(math.Round(5 * math.Pow(200.0/5, random.Float64())))
		}
		for len(lists[i]) < n {
			k := len(lists[i])
			if n > len(head)+len(tail) && k < len(head) {
				lists[i] = append(lists[i], head[k])
			} else if n > len(head)+len(tail) && k >= n-len(tail) {
				lists[i] = append(lists[i], tail[k-n+len(tail)])
			} else if id := random.Int32N(vocabulary); !t.Special(id) {
				lists[i] = append(lists[i], id)
			}
		}
	}
	return lists
}
