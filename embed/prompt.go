package embed

import (
	"maps"
	"slices"
	"strings"
)

// fallbacks holds, for the names that every model takes, the prompts that are
// looked up, the first one that the model has.
var fallbacks = map[string][]string{
	"query":    {"query"},
	"document": {"document", "passage", "corpus"},
}

// prompt returns what is put before each text, and the name that it has in the
// model, "" where it has none.
func (m *Model) prompt(opts Options) (prompt, name string, err error) {
	if opts.Prompt != "" {
		if opts.PromptName != "" {
			return "", "", optionError("prompt", "given together with prompt name %.100q, expected one of the two", opts.PromptName)
		}
		return opts.Prompt, "", nil
	}
	if opts.PromptName == "" {
		return m.info.Prompts[m.info.DefaultPrompt], m.info.DefaultPrompt, nil
	}
	if prompt, ok := m.info.Prompts[opts.PromptName]; ok {
		return prompt, opts.PromptName, nil
	}
	names, ok := fallbacks[opts.PromptName]
	if _, route := m.routes[opts.PromptName]; !ok && !route {
		have := slices.AppendSeq([]string{"query", "document"}, maps.Keys(m.info.Prompts))
		have = append(have, m.info.Routes...)
		slices.Sort(have)
		return "", "", optionError("prompt name", "unknown %.100q, expected one of: %s", opts.PromptName, strings.Join(slices.Compact(have), ", "))
	}
	for _, name := range names {
		if prompt, ok := m.info.Prompts[name]; ok {
			return prompt, name, nil
		}
	}
	return "", "", nil
}

// addTasks lists the adapters that requests choose by the name of a prompt. A
// task without a prompt of its name has an empty one.
func (m *Model) addTasks() {
	for _, name := range m.route.Tasks() {
		m.info.Tasks = append(m.info.Tasks, name)
		if _, ok := m.info.Prompts[name]; !ok {
			if m.info.Prompts == nil {
				m.info.Prompts = map[string]string{}
			}
			m.info.Prompts[name] = ""
		}
	}
}
