package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// A memoryNeed is what a model's weights need at a precision.
type memoryNeed struct {
	precision string
	bytes     int64
}

func (c *console) infoCommand() *cobra.Command {
	var model modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [NAME]",
		Short: "Say what the model is: dimensions, limits, prompts, memory",
		Long:  "Say what the model is: dimensions, limits, prompts, and the memory that its weights need.\nThe weights of a folder are read once, for the fingerprint, and not loaded.",
		Args:  cobra.MaximumNArgs(1),
		RunE: action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if cmd.Flags().Changed("model") {
					return usagef("--model and the name %q: expected one of the two", args[0])
				}
				model.name = args[0]
			}
			dir, cfg, err := model.find(ctx, c)
			if err != nil {
				return err
			}
			info, err := inspect(ctx, dir, cfg)
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
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
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Name                 string            `json:"name"`
		Family               string            `json:"family"`
		Layers               int               `json:"layers"`
		Vocabulary           int               `json:"vocabulary"`
		Dimensions           int               `json:"dimensions"`
		DefaultDimensions    int               `json:"default_dimensions"`
		Matryoshka           bool              `json:"matryoshka"`
		MatryoshkaDimensions []int             `json:"matryoshka_dimensions,omitempty"`
		MaxTokens            int               `json:"max_tokens"`
		Prompts              map[string]string `json:"prompts"`
		DefaultPrompt        string            `json:"default_prompt,omitempty"`
		Routes               []string          `json:"routes,omitempty"`
		Pooling              []string          `json:"pooling"`
		Normalized           bool              `json:"normalized"`
		Similarity           string            `json:"similarity,omitempty"`
		Precision            string            `json:"precision"`
		Arithmetic           string            `json:"arithmetic"`
		Kernels              string            `json:"kernels"`
		Threads              int               `json:"threads"`
		Tasks                []string          `json:"tasks,omitempty"`
		MemoryBytes          int64             `json:"memory_bytes"`
		Memory               map[string]int64  `json:"memory"`
		Fingerprint          string            `json:"fingerprint"`
	}{
		i.Name, i.Family, i.Layers, i.Vocabulary, i.Dimensions, i.DefaultDimensions,
		i.Matryoshka, i.MatryoshkaDimensions, i.MaxTokens, prompts, i.DefaultPrompt, i.Routes,
		i.Pooling, i.Normalized, i.Similarity, i.Precision.String(), i.Arithmetic, i.Kernels, i.Workers, i.Tasks, i.MemoryBytes, needs, i.fingerprint,
	})
}

func writeInfo(w io.Writer, i *inspected) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", name, escaped(fmt.Sprintf(format, args...)))
	}
	line("name", "%s", i.Name)
	line("family", "%s, %d layers, %d tokens in the vocabulary", i.Family, i.Layers, i.Vocabulary)
	dimensions := fmt.Sprint(i.Dimensions)
	if i.DefaultDimensions != i.Dimensions {
		dimensions += fmt.Sprintf(", %d where none are asked for", i.DefaultDimensions)
	}
	line("dimensions", "%s", dimensions)
	switch {
	case len(i.MatryoshkaDimensions) > 0:
		line("matryoshka", "%s", strings.Trim(fmt.Sprint(i.MatryoshkaDimensions), "[]"))
	case i.Matryoshka:
		line("matryoshka", "yes")
	default:
		line("matryoshka", "not declared")
	}
	if i.MaxTokens > 0 {
		line("max tokens", "%d", i.MaxTokens)
	} else {
		line("max tokens", "no limit")
	}
	if len(i.Prompts) == 0 {
		line("prompts", "none")
	}
	for n, name := range slices.Sorted(maps.Keys(i.Prompts)) {
		mark := ""
		if name == i.DefaultPrompt {
			mark = " (default)"
		}
		line([]string{"prompts", ""}[min(n, 1)], "%s: %q%s", name, i.Prompts[name], mark)
	}
	if len(i.Routes) > 0 {
		line("routes", "%s", strings.Join(i.Routes, ", "))
	}
	if len(i.Tasks) > 0 {
		line("tasks", "%s: an adapter each, by the name of the prompt", strings.Join(i.Tasks, ", "))
	}
	line("pooling", "%s", strings.Join(i.Pooling, " + "))
	if i.Normalized {
		line("normalization", "by the model, to unit length")
	} else {
		line("normalization", "not by the model; to unit length unless --no-normalize")
	}
	if i.Similarity != "" {
		line("similarity", "%s", i.Similarity)
	}
	line("precision", "%s", i.Precision)
	line("arithmetic", "%s", i.Arithmetic)
	line("kernels", "%s", i.Kernels)
	line("threads", "%d", i.Workers)
	for n, m := range i.memory {
		line([]string{"memory", ""}[min(n, 1)], "%.1f MiB of weights in %s", float64(m.bytes)/(1<<20), m.precision)
	}
	line("fingerprint", "%s", i.fingerprint)
	_, err := io.WriteString(w, b.String())
	return err
}
