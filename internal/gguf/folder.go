// Package gguf shows a GGUF file, in which llama.cpp and Ollama keep a model, as the folder
// in which the model was published: what the file says as config.json, tokenizer.json and so
// on, and its tensors under the names of transformers. What a file can say is known from the
// scripts of llama.cpp that make them, convert_hf_to_gguf.py, and from what its src/models
// and llama-vocab.cpp read of it.
package gguf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// Magic is what a GGUF file begins with.
const Magic = "GGUF"

// A Folder is the folder that a GGUF file stands for, but for the weights: an fs.FS.
type Folder struct {
	fsys  fs.FS
	name  string // of the file in fsys
	files map[string][]byte
}

// Open reads what the named file of fsys says of its model. A well-formed file with what
// is not known here, a type of weights, an architecture, a key that changes the numbers, is
// unsupported.Err. Errors begin with name.
func Open(fsys fs.FS, name string) (*Folder, error) {
	file, err := tensor.OpenFS(fsys, name)
	if err != nil {
		return nil, marked(err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	f := &Folder{fsys: fsys, name: name, files: map[string][]byte{}}
	err = f.read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// marked marks an error about a type of weights that is not read.
func marked(err error) error {
	if other := (*tensor.TypeError)(nil); errors.As(err, &other) {
		return unsupported.Mark(err)
	}
	return err
}

// read makes the files.
func (f *Folder) read(file *tensor.File) error {
	m, err := newModel(file)
	if err != nil {
		return err
	}
	config := m.architecture.config(m)
	m.pooling(config)
	tokenizer := m.tokenizer(config)
	if err := m.finish(); err != nil {
		return err
	}
	if err := f.add("config.json", config); err != nil {
		return err
	}
	if err := f.modules(m); err != nil {
		return err
	}
	return f.addTokenizer(tokenizer)
}

// add adds a file of JSON.
func (f *Folder) add(name string, v any) (err error) {
	f.files[name], err = json.Marshal(v)
	return err
}

// modules adds modules.json and the settings of the modules, where the file says how the
// model pools. Its vectors are of unit length then, as those that llama.cpp and Ollama make.
func (f *Folder) modules(m *model) error {
	if m.poolingMode == "" {
		return nil
	}
	type entry struct {
		Index int    `json:"idx"`
		Name  string `json:"name"`
		Path  string `json:"path"`
		Type  string `json:"type"`
	}
	var list []entry
	add := func(class string) string {
		e := entry{len(list), fmt.Sprint(len(list)), "", "sentence_transformers.models." + class}
		if class != "Transformer" {
			e.Path = fmt.Sprintf("%d_%s", e.Index, class)
		}
		list = append(list, e)
		return e.Path
	}
	add("Transformer")
	err := f.add(path.Join(add("Pooling"), "config.json"), map[string]any{
		"word_embedding_dimension": m.hidden, "pooling_mode_mean_tokens": m.poolingMode == "mean",
		"pooling_mode_cls_token": m.poolingMode == "cls", "pooling_mode_lasttoken": m.poolingMode == "lasttoken",
	})
	for _, name := range denseNames {
		shape := m.shape(name + ".weight")
		if err != nil || len(shape) != 2 {
			continue
		}
		err = f.add(path.Join(add("Dense"), "config.json"), map[string]any{
			"in_features": shape[1], "out_features": shape[0], "bias": false, "activation_function": "torch.nn.modules.linear.Identity",
		})
	}
	add("Normalize")
	return errors.Join(err, f.add("modules.json", list))
}

// denseNames are those of the Dense modules of EmbeddingGemma, in their order.
var denseNames = []string{"dense_2", "dense_3"}

// Weights opens the weights of the module in the folder dir, "" for the transformer's.
func (f *Folder) Weights(dir string) (*tensor.File, error) {
	file, err := tensor.OpenFS(f.fsys, f.name)
	if err != nil {
		return nil, marked(err)
	}
	var tensors []tensor.Tensor
	m, err := newModel(file)
	if err == nil {
		m.architecture.config(m) // which says how tensors lie
		err = m.finishTensors()
	}
	if err == nil && dir != "" {
		var number int
		if n, scanErr := fmt.Sscanf(dir, "%d_Dense", &number); n != 1 || scanErr != nil || number < 2 || number > 3 {
			err = fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
		} else if t, ok := file.Tensor(denseNames[number-2] + ".weight"); ok {
			t.Name = "linear.weight"
			tensors = []tensor.Tensor{t}
		}
	} else if err == nil {
		tensors, err = m.tensors()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.name, err), file.Close())
	}
	file.Replace(tensors)
	return file, nil
}

// Open is that of fs.FS.
func (f *Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, ok := f.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &content{name: path.Base(name), size: int64(len(data)), Reader: bytes.NewReader(data)}, nil
}

// Names returns the paths of the files, sorted.
func (f *Folder) Names() []string {
	var names []string
	for name := range f.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A content is a file in memory, and says what it is.
type content struct {
	name string
	size int64
	*bytes.Reader
}

func (c *content) Close() error               { return nil }
func (c *content) Stat() (fs.FileInfo, error) { return c, nil }
func (c *content) Name() string               { return c.name }
func (c *content) Size() int64                { return c.size }
func (c *content) Mode() fs.FileMode          { return 0o444 }
func (c *content) ModTime() time.Time         { return time.Time{} }
func (c *content) IsDir() bool                { return false }
func (c *content) Sys() any                   { return nil }

// Choose returns the one GGUF file at the root of fsys, "" where there is none. Several are
// an error that names them.
func Choose(fsys fs.FS) (string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return "", nil // whoever opens a file says why
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(strings.ToLower(e.Name()), ".gguf") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return names[0], nil
	}
	if len(names) > 8 {
		names = append(names[:8], fmt.Sprintf("and %d more", len(names)-8))
	}
	return "", fmt.Errorf("several GGUF files, expected the path of one: %s", strings.Join(names, ", "))
}
