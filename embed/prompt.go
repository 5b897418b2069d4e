package embed

import (
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// Prompt returns what comes before each text of a request with these options: their
// Prompt, the one of their PromptName, or the model's default one; "" for none. The error
// is an OptionError.
func (m *Model) Prompt(opts Options) (string, error) {
	prompt, _, err := m.prompt(opts)
	return prompt, err
}

// prompt returns what is put before each text, and the name that it has in the
// model, "" where it has none.
func (m *Model) prompt(opts Options) (prompt, name string, err error) {
	if opts.Prompt != "" {
		if opts.PromptName != "" {
			return "", "", optionError(OptionPrompt, "given together with prompt name %.100q, expected one of the two", opts.PromptName)
		}
		return opts.Prompt, "", nil
	}
	if opts.PromptName == "" {
		return m.info.Prompts[m.info.DefaultPrompt], m.info.DefaultPrompt, nil
	}
	if prompt, ok := m.info.Prompts[opts.PromptName]; ok {
		return prompt, opts.PromptName, nil
	}
	names, ok := modelfolder.Fallbacks[opts.PromptName]
	if _, route := m.loaded.Routes[opts.PromptName]; !ok && !route {
		have := slices.AppendSeq([]string{"query", "document"}, maps.Keys(m.info.Prompts))
		have = append(have, m.info.Routes...)
		slices.Sort(have)
		return "", "", optionError(OptionPromptName, "unknown %.100q, expected one of: %s", opts.PromptName, strings.Join(slices.Compact(have), ", "))
	}
	for _, name := range names {
		if prompt, ok := m.info.Prompts[name]; ok {
			return prompt, name, nil
		}
	}
	return "", "", nil
}

// routeNames holds, for the names that every model takes, the routes that are
// looked up: those of prompts, and the name in the documentation of Asym.
var routeNames = map[string][]string{
	"query":    modelfolder.Fallbacks["query"],
	"document": append(slices.Clone(modelfolder.Fallbacks["document"]), "doc"),
}

// named returns the route that a prompt name chooses, false where it chooses none.
func (m *Model) named(name string) (*loader.Route, bool) {
	names, ok := routeNames[name]
	if !ok {
		names = []string{name}
	}
	for _, n := range names {
		if r, ok := m.loaded.Routes[n]; ok {
			return r, true
		}
	}
	return nil, false
}

// routeOf returns the route of requests with the given prompt name. The name of
// a mere prompt takes the default route.
func (m *Model) routeOf(name string) (*loader.Route, error) {
	if r, ok := m.named(name); ok {
		return r, nil
	}
	_, task := routeNames[name]
	s := m.loaded.Spec
	if s.Routes == nil || !task && !s.NoDefault {
		return m.route, nil
	}
	have := strings.Join(m.info.Routes, ", ")
	if name == "" {
		return nil, optionError(OptionPromptName, "none given, and the model has no default route, expected one of: %s", have)
	}
	return nil, optionError(OptionPromptName, "%.100q, which is no route of the model, expected one of: %s", name, have)
}
