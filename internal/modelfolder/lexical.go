package modelfolder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// Lexical is a linear layer beside an embedding model that gives each token of a text a
// weight, of which the greatest of each id counts: mGTE's (arXiv:2407.19669), in the
// transformer's weights, and bge-m3's (arXiv:2402.03216), in a file of its own. It has one
// output, a weight and a bias.
type Lexical struct {
	Layer   string  // its name in the transformer's weights; "" = it is in File
	File    string  `json:",omitempty"`
	Dropped []int32 // ids that have no weight
}

// lexicalTypes are the model types whose head of one label for each token is a Lexical.
var lexicalTypes = []string{"gte", "new"}

// isLexical reports whether the modules of list are an embedding model with a Lexical.
func (r *reader) isLexical(list []moduleEntry) (bool, error) {
	if len(list) < 2 || list[0].class() != "Transformer" || list[1].class() != "Pooling" {
		return false, nil
	}
	dir := r.root.at(list[0].Path)
	if !dir.Exists(configName) {
		return false, nil // an adapter
	}
	c, data, err := dir.modelConfig()
	if err != nil || !slices.Contains(lexicalTypes, c.ModelType) {
		return false, err
	}
	labelsTokens := slices.ContainsFunc(c.Architectures, func(a string) bool { return strings.HasSuffix(a, "ForTokenClassification") })
	var labels labels
	if err := strictjson.Unmarshal(data, &labels); err != nil {
		return false, dir.ErrorIn(configName, err)
	}
	return labelsTokens && labels.count() == 1, nil
}

// lexicalRoute reads the route through a transformer with a Lexical.
func (r *reader) lexicalRoute(first *moduleEntry) (*Route, error) {
	e, err := r.encoder(first, r.transformer)
	if err != nil {
		return nil, err
	}
	config, err := e.Folder.tokenizerConfig()
	if err != nil {
		return nil, err
	}
	l := &Lexical{Layer: "classifier"}
	for _, t := range []struct {
		key string
		token
	}{{"cls_token", config.CLSToken}, {"eos_token", config.EOSToken}, {"pad_token", config.PadToken}, {"unk_token", config.UnkToken}} {
		id, ok := e.Tokenizer.ID(t.Content)
		if !ok {
			return nil, e.Folder.ErrorIn(tokenizerConfigName, fmt.Errorf("%s: %q, expected a token of the tokenizer, which has no weight", t.key, t.Content))
		}
		l.Dropped = append(l.Dropped, id)
	}
	slices.Sort(l.Dropped)
	l.Dropped = slices.Compact(l.Dropped)
	return &Route{Encoder: e, Lexical: l}, nil
}
