package modelfolder

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Multi is what a folder says about a model that makes a vector of each token, as
// sentence-transformers' MultiVectorEncoder, PyLate and ColBERT do.
type Multi struct {
	Query, Document Side
	Expansion       *Expansion    // of queries; nil = none
	Pooling         *TokenPooling // of the sides that Pool; nil = none
	Mean            bool          // similarity_fn_name meanmaxsim: MaxSim is divided by the vectors of the query
	Prefixes        []string      // at the start of prompts, which are tokens as they are spelled
	First           int           `json:",omitempty"` // tokens at the start of a text whose vectors are left out
}

// A Side is what is of queries or of documents alone.
type Side struct {
	MaxTokens int     // of a text, special tokens and prompt included; 0 = the encoder's
	Skip      []int32 // tokens whose vectors are left out
	Keep      []int32 // the only tokens whose vectors are kept; nil = all
	Pool      bool
}

// An Expansion fills short queries up with tokens whose vectors count too.
type Expansion struct {
	Token  int32
	Length int  // tokens of a query, special ones included
	Attend bool // other tokens see them; else each sees those of the text alone
}

// A TokenPooling is sentence-transformers' HierarchicalTokenPooling: the vectors of a text
// are grouped by Ward's method, and each group becomes its mean.
type TokenPooling struct {
	Factor    float64 // vectors of a group, about; 1 is no pooling
	Protected int     // vectors at the start that stay
	Normalize bool    // all are brought to unit length
}

// The classes of modules of multi-vector models alone.
const (
	multiVectorMask = "MultiVectorMask"
	tokenPooling    = "HierarchicalTokenPooling"
)

// multi reads the folder of a multi-vector model with these modules, nil for ColBERT's.
func (r *reader) multi(list []moduleEntry) error {
	m, route := new(Multi), new(Route)
	r.spec.Multi, r.spec.Default = m, route
	if r.spec.Dimensions != 0 {
		return unsupported.Errorf("%s: truncate_dim: %d, expected none of %s", sentenceConfig, r.spec.Dimensions, expected(MultiVector))
	}
	m.Mean = r.spec.Similarity == "meanmaxsim"
	if list == nil {
		return r.colBERT()
	}
	first := &list[0]
	if first.class() != "Transformer" {
		return first.unknown("a Transformer as the first module of a multi-vector model")
	}
	dir := r.root.at(first.Path)
	set, err := dir.settings()
	if err == nil {
		route.Encoder, err = r.transformer(dir)
	}
	if err != nil {
		return err
	}
	masked := false
	for i := range list[1:] {
		e := &list[1+i]
		at := r.root.at(e.Path)
		switch class := e.class(); {
		case m.Pooling != nil:
			err = e.unknown("no module after a " + tokenPooling)
		case class == Dense || class == Normalize:
			var made *Module
			made, err = r.module(at, class, tokenFeature)
			route.Tokens = append(route.Tokens, made)
		case class == multiVectorMask && !masked:
			masked = true
			err = m.readMask(at, route.Encoder)
		case class == tokenPooling && masked:
			err = m.readPooling(at)
		default:
			err = e.unknown("Dense, one MultiVectorMask, Normalize and after them HierarchicalTokenPooling")
		}
		if err != nil {
			return err
		}
	}
	if !masked {
		if !r.legacy.pyLate {
			return unsupported.Errorf("modules.json: no %s", multiVectorMask)
		}
		words := punctuation
		if w := r.legacy.SkiplistWords; w != nil {
			words = *w
		}
		m.Document.Skip = idsOf(words, route.Encoder)
		route.Tokens = append(route.Tokens, &Module{Class: Normalize})
	}
	return dir.ErrorIn(cmp.Or(set.file, sentenceConfig), r.lengths(set))
}

// readMask reads the configuration of a MultiVectorMask in f.
func (m *Multi) readMask(f Folder, e *Encoder) error {
	var config struct {
		Words []string `json:"skiplist_words"`
		Tasks tasks    `json:"skiplist_tasks"`
		Keep  []int32  `json:"keep_only_token_ids"`
	}
	if _, err := f.ReadJSON(configName, &config); err != nil {
		return err
	}
	query, document, err := config.Tasks.sides()
	if err != nil {
		return f.ErrorIn(configName, fmt.Errorf("skiplist_tasks: %w", err))
	}
	skip := idsOf(config.Words, e)
	if query {
		m.Query.Skip = skip
	}
	if document {
		m.Document.Skip = skip
	}
	if len(config.Keep) > 0 { // of documents alone, and an empty list is none
		m.Document.Keep = config.Keep
	}
	return nil
}

// readPooling reads the configuration of a HierarchicalTokenPooling in f.
func (m *Multi) readPooling(f Folder) error {
	config := struct {
		Factor    float64 `json:"pool_factor"`
		Protected int     `json:"num_protected_tokens"`
		Normalize bool    `json:"normalize_embeddings"` // false where the file does not say
		Tasks     tasks   `json:"tasks"`
	}{Factor: 1, Protected: 1}
	if _, err := f.ReadJSON(configName, &config); err != nil {
		return err
	}
	query, document, err := config.Tasks.sides()
	switch {
	case err != nil:
		err = fmt.Errorf("tasks: %w", err)
	case !(config.Factor >= 1):
		err = fmt.Errorf("pool_factor: %v, expected 1 or more", config.Factor)
	case config.Protected < 0:
		err = fmt.Errorf("num_protected_tokens: %d, expected 0 or more", config.Protected)
	}
	m.Query.Pool, m.Document.Pool = query, document
	m.Pooling = &TokenPooling{config.Factor, config.Protected, config.Normalize}
	return f.ErrorIn(configName, err)
}

// tasks are names of tasks that a module works for: a list, or one alone.
type tasks []string

// UnmarshalJSON takes one name for a list of it.
func (t *tasks) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// sides reports which tasks there are; none given is that of documents.
func (t tasks) sides() (query, document bool, err error) {
	if t == nil {
		return false, true, nil
	}
	for _, name := range t {
		switch name {
		case "query":
			query = true
		case "document":
			document = true
		default:
			return false, false, unsupported.Errorf(`%.50q, expected "query" or "document"`, name)
		}
	}
	return query, document, nil
}

// idsOf returns the ids of those of the words that are a token, as sentence-transformers
// finds them: by their spelling in the vocabulary.
func idsOf(words []string, e *Encoder) (ids []int32) {
	for _, w := range words {
		if id, ok := e.Tokenizer.ID(w); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// expansionToken returns the id of the token named, or where that is nil of the one that
// sentence-transformers takes: the mask token, else the one at the end.
func (e *Encoder) expansionToken(name *string) (int32, error) {
	if name != nil {
		if id, ok := e.Tokenizer.ID(*name); ok {
			return id, nil
		}
		return 0, fmt.Errorf("token: %.50q, which the tokenizer lacks", *name)
	}
	for _, key := range []string{"mask_token", "eos_token"} {
		piece, err := e.Folder.namedToken(key)
		if err != nil {
			return 0, err
		}
		if piece != "" {
			if id, ok := e.Tokenizer.ID(piece); ok {
				return id, nil
			}
			return 0, fmt.Errorf("token: %s %.50q, which the tokenizer lacks", key, piece)
		}
	}
	return 0, errors.New("token: none, and the tokenizer has no mask_token and no eos_token")
}

// namedTokens returns the special tokens that a file of the tokenizer names, by key.
func (f Folder) namedTokens(file string) (map[string]string, error) {
	data, err := f.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tokens, _, err := specialTokens(data)
	return tokens, f.ErrorIn(file, err)
}
