package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/spf13/cobra"
)

func (c *console) infoCommand() *cobra.Command {
	var model modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "info [NAME|FILE]",
		Short:             "Say what the model is: its kind, dimensions or labels, limits, prompts, memory",
		Long:              "Say what the model is: its kind, dimensions or labels, limits, prompts, and the memory\nthat its weights need. The weights of a folder are read once, for the fingerprint, and not loaded.\nOf a FILE that batch wrote, or embed as parquet, say what made it:\nthe model, its fingerprint, the prompt, dimensions, encodings. Parquet says that wherever it is;\nany other FILE must have its record beside it, .FILE.job.",
		Args:              arguments(0, 1),
		ValidArgsFunction: completeModels,
		RunE: action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if cmd.Flags().Changed("model") {
					return usagef("--model and the name %q: expected one of the two", args[0])
				}
				if info, err := os.Stat(args[0]); err == nil && info.Mode().IsRegular() {
					return c.tellAbout(args[0], asJSON)
				}
				model.name = args[0]
			}
			dir, cfg, err := model.find(ctx, c)
			if err != nil {
				return err
			}
			info, err := inspect(ctx, dir, cfg, model.kind())
			if err != nil {
				return err
			}
			if asJSON {
				return writeInfoJSON(c.stdout, &info)
			}
			return writeInfo(c.stdout, &info)
		}),
	}
	model.add(cmd)
	model.addAs(cmd, allKinds...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// tellAbout says what made the embeddings of a file.
func (c *console) tellAbout(name string, asJSON bool) error {
	a, err := rows.ReadAbout(name)
	if err != nil {
		return err
	}
	if asJSON {
		return writeReport(c.stdout, a)
	}
	t := &infoText{}
	t.line("model", "%s", a.Model)
	t.line("fingerprint", "%s", a.Fingerprint)
	t.line("prompt", "%q", a.Prompt)
	if a.Dimensions > 0 {
		t.line("dimensions", "%d", a.Dimensions)
	} else {
		t.line("dimensions", "sparse")
	}
	t.line("encodings", "%s", strings.Join(a.Encodings, ", "))
	t.line("rows", "%d", a.Rows)
	_, err = io.WriteString(c.stdout, t.String())
	return err
}

func writeInfoJSON(w io.Writer, i *inspected) error {
	needs := map[string]int64{}
	for _, m := range i.memory {
		needs[m.precision] = m.bytes
	}
	prompts := i.Prompts
	if prompts == nil {
		prompts = map[string]string{}
	}
	out := infoJSON{
		Name: i.Name, Kinds: i.kinds(), Family: i.Family, Layers: i.Layers, Vocabulary: i.Vocabulary,
		MaxTokens: i.MaxTokens, Prompts: prompts, DefaultPrompt: i.DefaultPrompt,
		Precision: i.Precision.String(), Arithmetic: i.Arithmetic, Finer: i.Finer, Kernels: i.Kernels, Threads: i.Workers,
		MemoryBytes: i.MemoryBytes, Memory: needs, Fingerprint: i.fingerprint,
		Transformers: i.Transformers, Reading: i.TokenizerReading, TrustedCode: i.TrustedCode, Ignored: i.Ignored, Stored: i.Stored,
	}
	switch c, m := i.cross, i.multi; {
	case m != nil:
		out.MultiVector = &multiVectorJSON{m.Dimensions, m.QueryTokens, m.ExpandedTokens}
	case i.sparse != nil:
		out.Sparse = &sparseJSON{i.sparse.MaxActive, i.sparse.Latents, i.Routes}
	case c != nil:
		out.crossJSON = &crossJSON{c.Labels, c.MultiLabel, c.Activation}
	default:
		out.embeddingJSON = &embeddingJSON{
			i.Dimensions, i.DefaultDimensions, i.Matryoshka, i.MatryoshkaDimensions,
			i.Routes, i.Pooling, i.Normalized, i.Similarity, i.Tasks,
		}
	}
	return writeReport(w, out)
}

// infoJSON is the form of --json, which scripts rely on.
type infoJSON struct {
	Name       string   `json:"name"`
	Kinds      []string `json:"kinds"` // "embedding", "reranker", "classifier", "sparse", "multi-vector"
	Family     string   `json:"family"`
	Layers     int      `json:"layers"`
	Vocabulary int      `json:"vocabulary"`
	*embeddingJSON
	*crossJSON
	MultiVector   *multiVectorJSON  `json:"multi_vector,omitempty"`
	Sparse        *sparseJSON       `json:"sparse,omitempty"`
	MaxTokens     int               `json:"max_tokens"`
	Prompts       map[string]string `json:"prompts"`
	DefaultPrompt string            `json:"default_prompt,omitempty"`
	Precision     string            `json:"precision"`
	Arithmetic    string            `json:"arithmetic"`
	Finer         []string          `json:"finer,omitempty"` // layers of int8 that are in bfloat16
	Kernels       string            `json:"kernels"`
	Threads       int               `json:"threads"`
	MemoryBytes   int64             `json:"memory_bytes"`
	Memory        map[string]int64  `json:"memory"`
	Fingerprint   string            `json:"fingerprint"`
	Transformers  int               `json:"tokenizer_transformers,omitempty"` // as which the tokenizer's files are read
	Reading       []string          `json:"tokenizer_reading,omitempty"`      // otherwise than tokenizer.json says
	TrustedCode   []string          `json:"trusted_code,omitempty"`           // in auto_map, that --trust-model-type speaks for
	Ignored       []string          `json:"ignored,omitempty"`                // places in the folder's files that nothing is computed of
	Stored        string            `json:"weights,omitempty"`                // how the folder has those of linear layers, where not as floats
}

// embeddingJSON is what is of a model that makes embeddings alone.
type embeddingJSON struct {
	Dimensions           int      `json:"dimensions"`
	DefaultDimensions    int      `json:"default_dimensions"`
	Matryoshka           bool     `json:"matryoshka"`
	MatryoshkaDimensions []int    `json:"matryoshka_dimensions,omitempty"`
	Routes               []string `json:"routes,omitempty"`
	Pooling              []string `json:"pooling"`
	Normalized           bool     `json:"normalized"`
	Similarity           string   `json:"similarity,omitempty"`
	Tasks                []string `json:"tasks,omitempty"`
}

// crossJSON is what is of a reranker or a classifier alone.
type crossJSON struct {
	Labels     []string `json:"labels"`
	MultiLabel bool     `json:"multi_label"`
	Activation string   `json:"activation"` // of a score
}

// multiVectorJSON is what is of a multi-vector model alone.
type multiVectorJSON struct {
	Dimensions     int `json:"dimensions"`      // of the vector of a token
	QueryTokens    int `json:"query_tokens"`    // that a query has at most; max_tokens are a document's
	ExpandedTokens int `json:"expanded_tokens"` // and at least
}

// sparseJSON is what is of a sparse model alone.
type sparseJSON struct {
	MaxActive int      `json:"max_active"` // weights at most; 0 = all
	Latents   bool     `json:"latents"`    // indices are no token ids
	Routes    []string `json:"routes,omitempty"`
}

func writeInfo(w io.Writer, i *inspected) error {
	t := &infoText{}
	t.line("name", "%s", i.Name)
	t.line("kind", "%s", strings.Join(i.kinds(), ", "))
	t.line("family", "%s, %d layers, %d tokens in the vocabulary", i.Family, i.Layers, i.Vocabulary)
	switch m := i.multi; {
	case m != nil:
		t.line("dimensions", "%d, of the vector of each token", m.Dimensions)
		t.line("query tokens", "%d to %d", max(1, m.ExpandedTokens), m.QueryTokens)
	case i.sparse != nil:
		t.weights(i.sparse)
	case i.cross != nil:
		t.scores(i.cross)
	default:
		t.dimensions(&i.Info)
	}
	if i.MaxTokens > 0 {
		t.line("max tokens", "%d", i.MaxTokens)
	} else {
		t.line("max tokens", "no limit")
	}
	if i.Transformers > 0 {
		reading := ""
		if len(i.TokenizerReading) > 0 {
			reading = ", which is not all that tokenizer.json says: " + strings.Join(i.TokenizerReading, "; ")
		}
		t.line("tokenizer", "as transformers %d reads it%s", i.Transformers, reading)
	}
	for n, code := range i.TrustedCode {
		t.line([]string{"trusted code", ""}[min(n, 1)], "%s, on your word, for what %s computes without it", code, i.Family)
	}
	if i.Stored != "" {
		t.line("weights", "%s", i.Stored)
	}
	for n, place := range i.Ignored {
		t.line([]string{"ignored", ""}[min(n, 1)], "%s", place)
	}
	if len(i.Prompts) == 0 {
		t.line("prompts", "none")
	}
	for n, name := range slices.Sorted(maps.Keys(i.Prompts)) {
		mark := ""
		if name == i.DefaultPrompt {
			mark = " (default)"
		}
		t.line([]string{"prompts", ""}[min(n, 1)], "%s: %q%s", name, i.Prompts[name], mark)
	}
	if i.cross == nil && i.multi == nil && i.sparse == nil {
		t.vectors(&i.Info)
	}
	t.line("precision", "%s", i.Precision)
	t.line("arithmetic", "%s", i.Arithmetic)
	if n := len(i.Finer); n > 0 {
		t.line("finer", "%d linear layers in %v, which int8 does not hold well enough", n, embed.BFloat16)
	}
	t.line("kernels", "%s", i.Kernels)
	t.line("threads", "%d", i.Workers)
	for n, m := range i.memory {
		t.line([]string{"memory", ""}[min(n, 1)], "%.1f MiB of weights in %s", float64(m.bytes)/(1<<20), m.precision)
	}
	t.line("fingerprint", "%s", i.fingerprint)
	_, err := io.WriteString(w, t.String())
	return err
}

// infoText is the form for people to read.
type infoText struct{ strings.Builder }

func (t *infoText) line(name, format string, args ...any) {
	fmt.Fprintf(t, "%-14s %s\n", name, escaped(fmt.Sprintf(format, args...)))
}

// scores says what a reranker or a classifier gives.
func (t *infoText) scores(c *rerank.Info) {
	switch {
	case len(c.Labels) == 1:
		t.line("activation", "%s", c.Activation)
		return
	case c.MultiLabel:
		t.line("labels", "%d, each true or not by itself", len(c.Labels))
	default:
		t.line("labels", "%d", len(c.Labels))
	}
	const most = 32
	for n, label := range c.Labels[:min(most, len(c.Labels))] {
		t.line("", "%d: %s", n, label)
	}
	if len(c.Labels) > most {
		t.line("", "… (--json has all)")
	}
}

// weights says what a sparse model gives.
func (t *infoText) weights(s *sparse.Info) {
	of := "tokens"
	if s.Latents {
		of = "latents"
	}
	if s.MaxActive > 0 {
		t.line("weights", "of %s, the %d largest", of, s.MaxActive)
	} else {
		t.line("weights", "of %s", of)
	}
	if len(s.Routes) > 0 {
		t.line("routes", "%s", strings.Join(s.Routes, ", "))
	}
}

// dimensions says how long the embeddings are.
func (t *infoText) dimensions(i *embed.Info) {
	dimensions := fmt.Sprint(i.Dimensions)
	if i.DefaultDimensions != i.Dimensions {
		dimensions += fmt.Sprintf(", %d where none are asked for", i.DefaultDimensions)
	}
	t.line("dimensions", "%s", dimensions)
	switch {
	case len(i.MatryoshkaDimensions) > 0:
		t.line("matryoshka", "%s", strings.Trim(fmt.Sprint(i.MatryoshkaDimensions), "[]"))
	case i.Matryoshka:
		t.line("matryoshka", "yes")
	default:
		t.line("matryoshka", "not declared")
	}
}

// vectors says how the embeddings are made.
func (t *infoText) vectors(i *embed.Info) {
	if len(i.Routes) > 0 {
		t.line("routes", "%s", strings.Join(i.Routes, ", "))
	}
	if len(i.Tasks) > 0 {
		t.line("tasks", "%s: an adapter each, by the name of the prompt", strings.Join(i.Tasks, ", "))
	}
	t.line("pooling", "%s", strings.Join(i.Pooling, " + "))
	if i.Normalized {
		t.line("normalization", "by the model, to unit length")
	} else {
		t.line("normalization", "not by the model; to unit length unless --no-normalize")
	}
	if i.Similarity != "" {
		t.line("similarity", "%s", i.Similarity)
	}
}
