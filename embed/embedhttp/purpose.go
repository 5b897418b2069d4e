package embedhttp

import "slices"

// A purpose is what embeddings are for, in a vendor's words. Models have prompts, routes
// and adapters for purposes, and names of their own for them.
type purpose struct {
	field string   // that says it; "" = none does
	names []string // those that the model may have for it, the best one first
}

// settle has c use what the model has for the purpose. What it has nothing for, it does
// without, as every model does without a query's prompt that it does not have.
func (p *purpose) settle(c *call) error {
	for _, name := range p.names {
		if name == "query" || name == "document" || c.model.knows(name) {
			return c.promptName.set(p.field, name)
		}
	}
	return nil
}

// knows reports whether m has a prompt, a route or an adapter of that name.
func (m *Model) knows(name string) bool {
	_, found := m.Info.Prompts[name]
	return found || slices.Contains(m.Info.Routes, name) || slices.Contains(m.Info.Tasks, name)
}
