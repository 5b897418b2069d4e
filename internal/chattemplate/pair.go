package chattemplate

import (
	"fmt"
	"strings"
)

// Pair returns the text of a query and a document for a reranker that reads
// them as messages (sentence-transformers 6.2's LogitScore): roles query and
// document, after a system message where system is not empty.
func (t *Template) Pair(system, query, document string) (string, error) {
	var messages []Message
	if system != "" {
		messages = append(messages, Message{"system", system})
	}
	return t.Render(append(messages, Message{"query", query}, Message{"document", document})...)
}

// Text returns the text of a message of role user, after a system message where
// system is not empty: what sentence-transformers 6.2's Transformer makes of a
// text to embed. task, "query" or "document", is a variable that templates may
// look at; "" = it is undefined.
func (t *Template) Text(task, system, text string) (string, error) {
	var messages []Message
	if system != "" {
		messages = append(messages, Message{"system", system})
	}
	values := t.values(append(messages, Message{"user", text}))
	if task == "" {
		return t.render(values)
	}
	return t.render(values, "task", task)
}

// Fillers are short words in place of what a template is given, which tokenizers
// end differently: the tokens that both renderings share at the end, fewer than
// either has, are those that the template puts there. They are those of
// sentence-transformers 6.2.
var Fillers = [2]string{"0", "1 2 3 4"}

// CheckPair returns an error where the template does not bring the query or
// the document of a pair into its text: a template for chats alone may drop
// their roles. As sentence-transformers 6.2 does, it looks at what changes.
func (t *Template) CheckPair() error {
	var texts [3]string
	for i, pair := range [][2]string{{"alpha", "bravo"}, {"charlie", "bravo"}, {"alpha", "foxtrot"}} {
		var err error
		if texts[i], err = t.Pair("", pair[0], pair[1]); err != nil {
			return fmt.Errorf("a message of role query and one of role document: %w", err)
		}
	}
	var dropped []string
	for i, role := range []string{"query", "document"} {
		if texts[i+1] == texts[0] {
			dropped = append(dropped, fmt.Sprintf("%q", role))
		}
	}
	if dropped != nil {
		return fmt.Errorf("chat template: drops the message of role %s, expected the text of query and document in what it renders",
			strings.Join(dropped, " and of role "))
	}
	return nil
}
