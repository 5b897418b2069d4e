package loader

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// Prompt returns the prompt that a request names, and the name that it has in the model,
// "" where it has none: "query" and "document" are no prompt where the model has none for
// them, and so is the name of a route. No name stands for the model's default prompt.
func (m *Model) Prompt(name string) (prompt, known string, err error) {
	if name == "" {
		return m.Prompts[m.Spec.DefaultPrompt], m.Spec.DefaultPrompt, nil
	}
	if prompt, ok := m.Prompts[name]; ok {
		return prompt, name, nil
	}
	names, ok := modelfolder.Fallbacks[name]
	if _, route := m.Routes[name]; !ok && !route {
		have := slices.AppendSeq([]string{"query", "document"}, maps.Keys(m.Prompts))
		have = append(have, m.RouteNames()...)
		slices.Sort(have)
		return "", "", fmt.Errorf("unknown %.100q, expected one of: %s", name, strings.Join(slices.Compact(have), ", "))
	}
	for _, name := range names {
		if prompt, ok := m.Prompts[name]; ok {
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

// NamedRoute returns the route that a prompt name chooses, false where it chooses none.
func (m *Model) NamedRoute(name string) (*Route, bool) {
	names, ok := routeNames[name]
	if !ok {
		names = []string{name}
	}
	for _, n := range names {
		if r, ok := m.Routes[n]; ok {
			return r, true
		}
	}
	return nil, false
}

// RouteOf returns the route of requests with the given prompt name. The name of a mere
// prompt takes the default route.
func (m *Model) RouteOf(name string) (*Route, error) {
	if r, ok := m.NamedRoute(name); ok {
		return r, nil
	}
	_, task := routeNames[name]
	if m.Spec.Routes == nil || !task && !m.Spec.NoDefault {
		return m.Default, nil
	}
	have := strings.Join(m.RouteNames(), ", ")
	if name == "" {
		return nil, fmt.Errorf("none given, and the model has no default route, expected one of: %s", have)
	}
	return nil, fmt.Errorf("%.100q, which is no route of the model, expected one of: %s", name, have)
}

// RouteNames returns the prompt names that choose among several ways through the model,
// ascending; nil where there is one.
func (m *Model) RouteNames() []string { return slices.Sorted(maps.Keys(m.Routes)) }

// SameDimensions returns an error unless the rows of all routes have the same number of
// components.
func (m *Model) SameDimensions() error {
	for _, name := range m.RouteNames() {
		if n := m.Routes[name].Dimensions; n != m.Default.Dimensions {
			return fmt.Errorf("route %q: %d dimensions, expected %d, as the others have", name, n, m.Default.Dimensions)
		}
	}
	return nil
}
