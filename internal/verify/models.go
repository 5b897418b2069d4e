// Package verify holds what this machine computes against what other programs computed: the
// tiny models that the program carries, on each kernel set and in each precision; and a model's
// folder against the vectors that another engine made of it.
package verify

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed" // of models.zip.gz
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// archive is made by testdata/generate/verify.py: a ZIP file with a folder of each model, compressed as a whole.
//
//go:embed models.zip.gz
var archive []byte

// MiniLM is the name of the model of embed/minilm, whose folder is not in the archive.
const MiniLM = "minilm"

// A Model is inputs, and what the reference makes of them with the model of a folder.
type Model struct {
	Name           string               `json:"-"`
	Kind           string               // "embed", "rerank", "classify", "sparse" or "multivector"
	Texts, Queries []string             // documents are texts
	Prompts        map[string]string    // by the name of their answer
	IDs            map[string][][]int32 // of each text, by the name of the answer; nil = not known
	Pooling        string               // that the caller has to name
	Transformers   int                  // as which the tokenizer's files are read, see embed.Config
	QueryRows      []int                `json:"query_rows"` // vectors of each query of a multi-vector model
	DocumentRows   []int                `json:"document_rows"`
	Refused        string               // what the error of such a folder says; there are no answers

	folder  fs.FS                    // of the model; nil = that of embed/minilm
	answers map[string]tensor.Matrix // by name
}

// Models returns those of the archive: MiniLM, and the others by their names.
func Models() ([]*Model, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	files, err := zip.NewReader(bytes.NewReader(plain), int64(len(plain)))
	if err != nil {
		return nil, err
	}
	folders, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var models []*Model
	for _, f := range folders {
		sub, err := fs.Sub(files, f.Name())
		if err != nil {
			return nil, err
		}
		m, err := Read(sub)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if m.Name = f.Name(); m.Name == MiniLM {
			m.folder = nil
		}
		models = append(models, m)
	}
	slices.SortStableFunc(models, func(a, b *Model) int {
		return cmp.Compare(rank(a.Name), rank(b.Name))
	})
	return models, nil
}

// rank puts MiniLM before the others.
func rank(name string) int {
	if name == MiniLM {
		return 0
	}
	return 1
}

// Read returns the model of a folder as testdata/generate/popular.py makes it: model/, cases.json
// and answers.safetensors.
func Read(files fs.FS) (*Model, error) {
	m := &Model{answers: map[string]tensor.Matrix{}}
	data, err := fs.ReadFile(files, "cases.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("cases.json: %w", err)
	}
	if m.folder, err = fs.Sub(files, "model"); err != nil || m.Refused != "" {
		return m, err
	}
	f, err := tensor.OpenFS(files, "answers.safetensors")
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		answer := tensor.NewMatrix(1, x.Len())
		if len(x.Shape) == 2 {
			answer = tensor.NewMatrix(x.Shape[0], x.Shape[1])
		}
		if err := x.Float32s(answer.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", path.Join("answers.safetensors", name), err)
		}
		m.answers[name] = answer
	}
	return m, nil
}

// Folder returns the files of the model, nil for that of embed/minilm.
func (m *Model) Folder() fs.FS { return m.folder }

// unit reports whether a row is of unit length, as those of a model with Normalize.
func unit(row []float32) bool { return math.Abs(norm(row)-1) < 1e-4 }

// norm returns the length of a row, summed in float64.
func norm(row []float32) float64 {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
