package modelfolder

import (
	"errors"
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
	s, err := readBeside(fsys, o, manifest.SparseLinear, manifest.ColBERTLinear)
	if err != nil {
		return nil, err
	}
	s.M3 = new(M3)
	s.M3.Skip, err = s.Default.Encoder.weightless()
	return s, err
}

// sparseBeside reads the folder of an embedding model with bge-m3's layer of a sparse
// vector beside it as that of a sparse model.
func sparseBeside(fsys fs.FS, o Options) (*Spec, error) {
	s, err := readBeside(fsys, o, manifest.SparseLinear)
	if err != nil {
		return nil, err
	}
	e := s.Default.Encoder
	l := &Lexical{File: manifest.SparseLinear}
	if l.Dropped, err = e.weightless(); err != nil {
		return nil, err
	}
	s.become(SparseModel, &Route{Encoder: e, Lexical: l})
	return s, nil
}

// multiBeside reads the folder of an embedding model with bge-m3's layer of the vectors of
// tokens beside it as that of a multi-vector model: there is no vector of the first token.
func multiBeside(fsys fs.FS, o Options) (*Spec, error) {
	s, err := readBeside(fsys, o, manifest.ColBERTLinear)
	if err != nil {
		return nil, err
	}
	project := &Module{Class: Dense, Folder: s.Root, File: manifest.ColBERTLinear}
	s.Multi = &Multi{First: 1}
	s.become(MultiVector, &Route{Encoder: s.Default.Encoder, Tokens: []*Module{project, {Class: Normalize}}})
	return s, nil
}

// become makes s the spec of a model of another kind, without what is of embeddings alone.
func (s *Spec) become(kind Kind, r *Route) {
	s.Kind, s.Default, s.Dimensions, s.Ranges = kind, r, 0, nil
}

// isBeside reports whether err says that the model at the root of fsys makes embeddings, and
// the file with a layer of another output lies beside it.
func isBeside(fsys fs.FS, err error, name string) bool {
	var other *KindError
	return errors.As(err, &other) && other.Kind == Embedding && Folder{FS: fsys}.Exists(name)
}

// readBeside reads the folder of an embedding model with the files of these names beside it.
func readBeside(fsys fs.FS, o Options, names ...string) (*Spec, error) {
	s, err := Read(fsys, o)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !s.Root.Exists(name) {
			return nil, s.Root.ErrorIn(name, fmt.Errorf("%w, expected the layer that makes of an embedding model one of several outputs", fs.ErrNotExist))
		}
	}
	if r := s.Default; s.Routes != nil || r.Pooling == nil || len(r.Tokens)+len(r.Modules) > 0 {
		return nil, unsupported.Errorf("modules.json: expected a Transformer, a Pooling and no more than a Normalize where %s lies beside", names[len(names)-1])
	}
	return s, nil
}

// weightless returns the tokens that have no weight in bge-m3's sparse vector, as
// FlagEmbedding 1.3 leaves them out.
func (e *Encoder) weightless() (ids []int32, err error) {
	for _, key := range []string{"cls_token", "eos_token", "pad_token", "unk_token"} {
		piece, err := e.Folder.namedToken(key)
		if err != nil {
			return nil, err
		}
		if id, ok := e.Tokenizer.ID(piece); ok && piece != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
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
