package modelfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/gguf"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Folder is a folder of a model, and an fs.FS of it.
type Folder struct {
	FS   fs.FS
	Path string // "" for the root

	ignored *Ignored // nil where nobody asks
}

// at returns the folder with that path in the same file system.
func (f Folder) at(path string) Folder { return Folder{f.FS, path, f.ignored} }

// ErrorIn puts the path of the named file before err, if there is an error. The
// empty name stands for an err that begins with a name.
func (f Folder) ErrorIn(name string, err error) error {
	if where := path.Join(f.Path, name); err != nil && where != "" {
		return fmt.Errorf("%s: %w", where, err)
	}
	return err
}

// Open opens a file.
func (f Folder) Open(name string) (fs.File, error) { return f.FS.Open(path.Join(f.Path, name)) }

// Stat describes a file without opening it: a pipe would wait for its other end.
func (f Folder) Stat(name string) (fs.FileInfo, error) {
	return fs.Stat(f.FS, path.Join(f.Path, name))
}

// ReadFile returns the content of a file. That there is none is fs.ErrNotExist;
// a link to nowhere is another error, so that it does not pass for an optional
// file that the model lacks. Errors do not name the file.
func (f Folder) ReadFile(name string) ([]byte, error) {
	var data []byte
	info, err := f.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%v, expected a regular file", info.Mode())
	case err == nil:
		data, err = fs.ReadFile(f.FS, path.Join(f.Path, name))
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // p repeats the name
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := fs.Lstat(f.FS, path.Join(f.Path, name)); linkErr == nil {
			err = errors.New("a link to a file that does not exist")
		}
	}
	return data, err
}

// Read is ReadFile whose errors begin with the file's path.
func (f Folder) Read(name string) ([]byte, error) {
	data, err := f.ReadFile(name)
	return data, f.ErrorIn(name, err)
}

// readOptional is Read of a file that may be missing: nil then.
func (f Folder) readOptional(name string) ([]byte, error) {
	data, err := f.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
}

// Exists reports whether there is a file of that name.
func (f Folder) Exists(name string) bool {
	_, err := f.Stat(name)
	return err == nil
}

// found says which of the named files there are, for an error about one that is missing.
func (f Folder) found(names ...string) string {
	names = slices.DeleteFunc(names, func(name string) bool { return !f.Exists(name) })
	if len(names) == 0 {
		return ""
	}
	return ", found " + strings.Join(names, ", ")
}

// open opens the first of the named files that is there. what ends the error that
// there is none.
func (f Folder) open(names []string, what string) (*tensor.File, error) {
	for _, name := range names {
		if f.Exists(name) {
			return tensor.OpenFS(f.FS, path.Join(f.Path, name))
		}
	}
	return nil, f.ErrorIn(names[0], fmt.Errorf("%w%s", fs.ErrNotExist, what))
}

// GGUF returns the file that stands for the folder, nil where it is one of a file system.
func (f Folder) GGUF() *gguf.Folder {
	fsys := f.FS
	if kept, ok := fsys.(*Kept); ok {
		fsys = kept.FS
	}
	g, _ := fsys.(*gguf.Folder)
	return g
}

// Weights opens the folder's weights: the first file found of those that
// transformers looks for, in its order.
func (f Folder) Weights() (*tensor.File, error) {
	if g := f.GGUF(); g != nil {
		return g.Weights(f.Path)
	}
	others := f.found("tf_model.h5", "flax_model.msgpack", "model.onnx", "onnx", "openvino")
	return f.open(manifest.Weights, others+", expected it or "+strings.Join(manifest.Weights[1:], ", "))
}
