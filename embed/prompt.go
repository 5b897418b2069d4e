package embed

import "github.com/rhumb-go/rhumb/internal/loader"

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
	if prompt, name, err = m.loaded.Prompt(opts.PromptName); err != nil {
		err = &OptionError{OptionPromptName, err}
	}
	return prompt, name, err
}

// routeOf returns the route of requests with the given prompt name.
func (m *Model) routeOf(name string) (*loader.Route, error) {
	r, err := m.loaded.RouteOf(name)
	if err != nil {
		return nil, &OptionError{OptionPromptName, err}
	}
	return r, nil
}
