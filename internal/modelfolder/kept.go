package modelfolder

import (
	"io/fs"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Kept is a file system from which models are read several times, one after the other: it
// keeps the tokenizers.
type Kept struct {
	fs.FS
	tokenizers map[string]keptTokenizer // by path
}

// A keptTokenizer is what loadTokenizer returned.
type keptTokenizer struct {
	tokenizer *tokenizer.Tokenizer
	sum       string
}

// Keep returns a Kept of fsys.
func Keep(fsys fs.FS) *Kept { return &Kept{fsys, map[string]keptTokenizer{}} }
