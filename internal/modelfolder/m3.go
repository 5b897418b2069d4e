package modelfolder

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// M3 is what a folder says about a model that makes an embedding, a sparse vector and a
// vector for each token of one forward pass, as BAAI's bge-m3 does.
type M3 struct {
	Skip []int32 // tokens that have no weight in the sparse vector
}

// ReadM3 reads the folder of an embedding model with the layers of bge-m3 beside it.
func ReadM3(fsys fs.FS, o Options) (*Spec, error) {
	s, err := Read(fsys, o)
	if err != nil {
		return nil, err
	}
	root, route := s.Root, s.Default
	for _, name := range []string{manifest.SparseLinear, manifest.ColBERTLinear} {
		if !root.Exists(name) {
			return nil, root.ErrorIn(name, fmt.Errorf("%w, expected the layer that makes of an embedding model one of several outputs", fs.ErrNotExist))
		}
	}
	if s.Routes != nil || route.Pooling == nil || len(route.Tokens)+len(route.Modules) > 0 {
		return nil, unsupported.Errorf("modules.json: expected a Transformer, a Pooling and no more than a Normalize where %s lies beside", manifest.ColBERTLinear)
	}
	s.M3 = new(M3)
	for _, key := range []string{"cls_token", "eos_token", "pad_token", "unk_token"} { // as FlagEmbedding 1.3 leaves them out
		piece, err := route.Encoder.Folder.namedToken(key)
		if err != nil {
			return nil, err
		}
		if id, ok := route.Encoder.Tokenizer.ID(piece); ok && piece != "" && !slices.Contains(s.M3.Skip, id) {
			s.M3.Skip = append(s.M3.Skip, id)
		}
	}
	return s, nil
}

// namedToken returns the special token that the files of the tokenizer in f name so, ""
// for none.
func (f Folder) namedToken(key string) (string, error) {
	for _, file := range []string{tokenizerConfigName, "special_tokens_map.json"} {
		tokens, err := f.namedTokens(file)
		if err != nil || tokens[key] != "" {
			return tokens[key], err
		}
	}
	return "", nil
}

// File opens the tensors of a file.
func (f Folder) File(name string) (*tensor.File, error) { return f.open([]string{name}, "") }
