package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed/hub"
	"github.com/spf13/cobra"
)

// What comes before the name of a model of Ollama's store in --model.
const ollamaPrefix = "ollama:"

func (c *console) modelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the models of the cache and of Ollama's store",
		Long: `List the models that are on this machine, by the names that --model takes: those in the
cache of Hugging Face's own tools ($HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub)
and those that Ollama has pulled ($OLLAMA_MODELS or ~/.ollama/models). --model takes the
revision main of an id; another one is given by its path. What a model is, and whether
it can be read, rhumb info says.`,
		Args: arguments(0, 0),
		RunE: action(func(context.Context, *cobra.Command, []string) error {
			list, err := cachedModels()
			if err != nil {
				return err
			}
			if asJSON {
				return writeModelsJSON(c.stdout, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(c.stderr, "no models: rhumb pull downloads one")
				return nil
			}
			return writeModels(c.stdout, list)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

// cachedModels returns the models of the cache and of Ollama's store, by their names in --model.
func cachedModels() ([]hub.Cached, error) {
	list, err := hub.List("")
	if err != nil {
		return nil, err
	}
	others, err := hub.ListOllama()
	for _, m := range others {
		m.Name = ollamaPrefix + m.Name
		list = append(list, m)
	}
	return list, err
}

// modelJSON is the JSON form of a model of a cache, one that scripts rely on.
type modelJSON struct {
	Name      string   `json:"name"`
	Revisions []string `json:"revisions,omitempty"`
	Commit    string   `json:"commit,omitempty"`
	Path      string   `json:"path"`
	Bytes     int64    `json:"bytes"`
}

func writeModelsJSON(w io.Writer, list []hub.Cached) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, m := range list {
		if err := e.Encode(modelJSON(m)); err != nil {
			return err
		}
	}
	return nil
}

// writeModels prints a line a model.
func writeModels(w io.Writer, list []hub.Cached) error {
	var lines [][3]string
	widths := [2]int{len("model"), len("revision")}
	for _, m := range list {
		line := [3]string{escaped(m.Name), escaped(revisionOf(m)), escaped(m.Path)}
		for i := range widths {
			widths[i] = max(widths[i], len([]rune(line[i])))
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %-*s  %10s  %s\n", widths[0], "model", widths[1], "revision", "MB", "path")
	for i, line := range lines {
		fmt.Fprintf(&b, "%-*s  %-*s  %10.1f  %s\n", widths[0], line[0], widths[1], line[1], float64(list[i].Bytes)/1e6, line[2])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// revisionOf returns what a commit is called: main, else its first name, else itself, in short.
func revisionOf(m hub.Cached) string {
	switch {
	case slices.Contains(m.Revisions, mainRevision):
		return mainRevision
	case len(m.Revisions) > 0:
		return m.Revisions[0]
	case m.Commit != "":
		return m.Commit[:12]
	}
	return "-" // Ollama's, whose tag is in the name
}

// mainRevision is the one that an id in --model stands for.
const mainRevision = "main"
