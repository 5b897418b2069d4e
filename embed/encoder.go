package embed

import (
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// An encoder reads the tokens of a text, the first module of a route.
type encoder struct {
	tokenizer   *tokenizer.Tokenizer
	encode      tokenizer.Options    // of a request that asks for nothing; MaxTokens is the limit, 0 for none
	unknown     int32                // the token that is dropped from texts, -1 for none
	transformer *transformer.Model   // nil for a table
	outliers    transformer.Outliers // of the transformer, in Int8
	table       *table
	config      modelConfig // that of a transformer
	base        folder      // of a transformer's config.json and weights
	recipe      encoderRecipe
}

// width returns the number of components of a hidden state, or of the table's vectors.
func (e *encoder) width() int {
	if e.table != nil {
		return e.table.width
	}
	return e.transformer.Hidden
}

// vocabulary returns the number of tokens.
func (e *encoder) vocabulary() int {
	if e.table != nil {
		return e.table.vocabulary
	}
	return e.transformer.Embeddings.Tokens.Rows
}

// layers returns the number of transformer blocks.
func (e *encoder) layers() int {
	if e.table != nil {
		return 0
	}
	return len(e.transformer.Layers)
}

// family returns config.json's model_type.
func (e *encoder) family() string {
	if e.table != nil {
		return "static"
	}
	return e.transformer.Family
}
