package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// lengths are how many tokens the texts of a multi-vector model have.
type lengths struct {
	QueryLength    *int            `json:"query_length"`
	DocumentLength *int            `json:"document_length"`
	QueryExpansion json.RawMessage `json:"query_expansion"` // null is none; no key may be another one's
}

// expands reports whether there is a query_expansion.
func (l *lengths) expands() bool {
	return l.QueryExpansion != nil && string(l.QueryExpansion) != "null"
}

// legacy are the keys of config_sentence_transformers.json that PyLate writes up to
// version 3: defaults of what the settings of the Transformer say.
type legacy struct {
	lengths
	QueryPrefix     *string   `json:"query_prefix"`
	DocumentPrefix  *string   `json:"document_prefix"`
	Expand          *bool     `json:"do_query_expansion"`
	AttendExpansion *bool     `json:"attend_to_expansion_tokens"`
	AttendMask      *bool     `json:"attend_to_mask_tokens"`
	SkiplistWords   *[]string `json:"skiplist_words"`

	pyLate bool // modules.json leaves out the mask and what brings vectors to unit length
}

// any reports whether there is one of the keys.
func (l *legacy) any() bool {
	return l.QueryLength != nil || l.DocumentLength != nil || l.QueryExpansion != nil || l.QueryPrefix != nil ||
		l.DocumentPrefix != nil || l.Expand != nil || l.AttendExpansion != nil || l.AttendMask != nil || l.SkiplistWords != nil
}

// readLegacy takes what PyLate wrote.
func (r *reader) readLegacy(l *legacy, modelType string) error {
	if r.spec.Kind != MultiVector {
		if l.any() {
			return unsupported.Errorf("query_prefix, query_length, skiplist_words and the like: found one of them, expected none of %s", expected(r.spec.Kind))
		}
		return nil
	}
	l.pyLate = modelType != "MultiVectorEncoder"
	r.legacy = l
	return nil
}

// prefixPrompts puts the prefixes, where there are any, before the prompts of their tasks.
func (r *reader) prefixPrompts() {
	if r.legacy == nil {
		return
	}
	for task, prefix := range map[string]*string{"query": r.legacy.QueryPrefix, "document": r.legacy.DocumentPrefix} {
		if prefix != nil {
			r.setPrompt(task, *prefix+strings.TrimPrefix(r.spec.Prompts[task], *prefix))
		}
	}
}

// setPrompt gives a task its prompt.
func (r *reader) setPrompt(task, prompt string) {
	if r.spec.Prompts == nil {
		r.spec.Prompts = map[string]string{}
	}
	r.spec.Prompts[task] = prompt
}

// takeLiterally makes a token of a prefix, one after the other, that is one in the vocabulary
// and that the tokenizer would take apart: the whole prefix, else its first word.
func (r *reader) takeLiterally(prefixes ...string) {
	e, m := r.spec.Default.Encoder, r.spec.Multi
	for _, prefix := range prefixes {
		first, _, _ := strings.Cut(strings.TrimSpace(prefix), " ")
		for _, piece := range []string{prefix, first} {
			id, ok := e.Tokenizer.ID(piece)
			if !ok || strings.TrimSpace(piece) == "" {
				continue
			}
			ids, _, err := e.Tokenizer.Unframed().Append(nil, piece, tokenizer.Options{})
			if err != nil || len(ids) != 1 || ids[0] != id {
				e.Tokenizer = e.Tokenizer.Literal(piece)
				m.Prefixes = append(m.Prefixes, piece)
			}
			break
		}
	}
}

// lengths finds how long texts are, by the settings of the Transformer and what PyLate
// wrote, as sentence-transformers 6.2 does.
func (r *reader) lengths(s settings) error {
	l := r.legacy
	var prefixes []string
	for _, prefix := range []*string{l.QueryPrefix, l.DocumentPrefix} {
		if prefix != nil {
			prefixes = append(prefixes, *prefix)
		}
	}
	r.takeLiterally(prefixes...)
	if s.QueryExpansion == nil {
		s.QueryExpansion = l.QueryExpansion
		if l.QueryExpansion == nil && l.any() && (l.Expand == nil || *l.Expand) {
			how := expansion{Strategy: "fixed", Length: 32}
			if l.QueryLength != nil {
				how.Length = *l.QueryLength
			}
			l.QueryLength = nil
			for _, attend := range []*bool{l.AttendExpansion, l.AttendMask} {
				if attend != nil {
					how.Attend = *attend
					break
				}
			}
			s.QueryExpansion, _ = json.Marshal(how)
		}
	}
	if s.QueryLength == nil {
		s.QueryLength = l.QueryLength
	}
	if s.DocumentLength == nil {
		s.DocumentLength = l.DocumentLength
	}
	if s.ProcessingKwargs["text"]["max_length"] != nil && (s.QueryLength != nil || s.DocumentLength != nil || s.expands()) {
		return unsupported.Errorf("processing_kwargs: text: max_length: found beside query_length, document_length or query_expansion, expected none")
	}
	return r.setLengths(s.lengths)
}

// An expansion is a query_expansion.
type expansion struct {
	Strategy string  `json:"strategy"`
	Attend   bool    `json:"attend"`
	Token    *string `json:"token"`
	Length   int     `json:"length"`
}

// setLengths takes lengths.
func (r *reader) setLengths(l lengths) error {
	m, e := r.spec.Multi, r.spec.Default.Encoder
	for _, side := range []struct {
		key string
		to  *Side
		n   *int
	}{{"query_length", &m.Query, l.QueryLength}, {"document_length", &m.Document, l.DocumentLength}} {
		if side.n != nil {
			if *side.n < max(1, e.Tokenizer.SpecialTokens()) {
				return fmt.Errorf("%s: %d, expected at least %d", side.key, *side.n, max(1, e.Tokenizer.SpecialTokens()))
			}
			side.to.MaxTokens = *side.n
		}
	}
	if l.expands() {
		var how expansion
		if err := strictjson.UnmarshalKnown(l.QueryExpansion, &how); err != nil {
			return fmt.Errorf("query_expansion: %w", err)
		}
		if err := m.expand(how, e); err != nil {
			return fmt.Errorf("query_expansion: %w", err)
		}
	}
	if n := r.options.MaxTokens; n > 0 {
		m.Query.MaxTokens, m.Document.MaxTokens = Lowest(m.Query.MaxTokens, n), Lowest(m.Document.MaxTokens, n)
	}
	return nil
}

// expand takes how queries are filled up.
func (m *Multi) expand(how expansion, e *Encoder) (err error) {
	least := max(1, e.Tokenizer.SpecialTokens())
	q := &m.Query
	switch {
	case how.Length < least || how.Length > 1<<20:
		return fmt.Errorf("length: %d, expected %d to %d", how.Length, least, 1<<20)
	case q.MaxTokens > 0 && q.MaxTokens < how.Length:
		return fmt.Errorf("length: %d, expected at most query_length, %d", how.Length, q.MaxTokens)
	case how.Strategy == "fixed":
		q.MaxTokens = how.Length
	case how.Strategy != "min":
		return unsupported.Errorf(`strategy: %.50q, expected "fixed" or "min"`, how.Strategy)
	}
	m.Expansion = &Expansion{Length: how.Length, Attend: how.Attend}
	m.Expansion.Token, err = e.expansionToken(how.Token)
	return err
}

// colBERT reads a folder that Stanford's ColBERT wrote: the transformer, and beside it the
// layer that makes the vectors, with artifact.metadata.
func (r *reader) colBERT() error {
	e := r.source
	if e == nil {
		var err error
		if e, err = r.newEncoder(r.root); err != nil {
			return err
		}
	}
	r.spec.Default.Encoder = e
	if err := r.complete(e, settings{}); err != nil {
		return err
	}
	var config struct {
		Query       *string `json:"query_token_id"`
		Document    *string `json:"doc_token_id"`
		QueryLen    *int    `json:"query_maxlen"`
		DocumentLen *int    `json:"doc_maxlen"`
		Attend      bool    `json:"attend_to_mask_tokens"`
		Punctuation *bool   `json:"mask_punctuation"`
		Dim         *int    `json:"dim"`
		Similarity  *string `json:"similarity"`
	}
	const name = manifest.ColBERT
	data, err := r.root.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // then all have their defaults
	case err != nil:
		return err
	default:
		if err := strictjson.Unmarshal(data, &config); err != nil {
			return r.root.ErrorIn(name, err)
		}
	}
	if s := config.Similarity; s != nil && *s != "cosine" {
		return r.root.ErrorIn(name, unsupported.Errorf(`similarity: %.50q, expected "cosine"`, *s))
	}
	project := &Module{Class: Dense, Folder: r.root, Activation: "torch.nn.modules.linear.Identity", Inline: true}
	if d := config.Dim; d != nil {
		if *d < 1 {
			return r.root.ErrorIn(name, fmt.Errorf("dim: %d, expected 1 or more", *d))
		}
		project.Outputs = *d
	}
	r.spec.Default.Tokens = []*Module{project, {Class: Normalize}}
	var prefixes []string
	for _, marker := range []struct {
		task, usual string
		given       *string
	}{{"query", "[unused0]", config.Query}, {"document", "[unused1]", config.Document}} {
		prefix := marker.usual + " "
		if marker.given != nil && *marker.given != "" {
			prefix = *marker.given + " "
		}
		if _, ok := r.spec.Prompts[marker.task]; !ok {
			r.setPrompt(marker.task, prefix)
		}
		prefixes = append(prefixes, prefix)
	}
	r.takeLiterally(prefixes...)
	if config.Punctuation == nil || *config.Punctuation {
		r.spec.Multi.Document.Skip = idsOf(punctuation, e)
	}
	how := expansion{Strategy: "fixed", Length: 32, Attend: config.Attend}
	if n := config.QueryLen; n != nil && *n != 0 {
		how.Length = *n
	}
	l := lengths{DocumentLength: config.DocumentLen}
	l.QueryExpansion, _ = json.Marshal(how)
	return r.root.ErrorIn(name, r.setLengths(l))
}

// punctuation are the words that ColBERT leaves out: Python's string.punctuation.
var punctuation = strings.Split("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "")
