package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/spf13/cobra"
)

func (c *console) infoCommand() *cobra.Command {
	var model modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Say what the model is: dimensions, limits, prompts, memory",
		Args:  cobra.NoArgs,
		RunE: action(func(context.Context, *cobra.Command, []string) (err error) {
			m, err := model.load()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, m.Close()) }()
			if asJSON {
				return writeInfoJSON(c.stdout, m.Info())
			}
			return writeInfo(c.stdout, m.Info())
		}),
	}
	model.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func writeInfoJSON(w io.Writer, i embed.Info) error {
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
		Kernels              string            `json:"kernels"`
		Threads              int               `json:"threads"`
		MemoryBytes          int64             `json:"memory_bytes"`
	}{
		i.Name, i.Family, i.Layers, i.Vocabulary, i.Dimensions, i.DefaultDimensions,
		i.Matryoshka, i.MatryoshkaDimensions, i.MaxTokens, prompts, i.DefaultPrompt, i.Routes,
		i.Pooling, i.Normalized, i.Similarity, i.Precision.String(), i.Kernels, i.Workers, i.MemoryBytes,
	})
}

func writeInfo(w io.Writer, i embed.Info) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s "+format+"\n", append([]any{name}, args...)...)
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
	line("kernels", "%s", i.Kernels)
	line("threads", "%d", i.Workers)
	line("memory", "%.1f MiB of weights", float64(i.MemoryBytes)/(1<<20))
	_, err := io.WriteString(w, b.String())
	return err
}
