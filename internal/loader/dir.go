package loader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/gguf"
	"github.com/rhumb-go/rhumb/internal/manifest"
)

// InDir returns what open makes of the files in the folder dir, or of the GGUF file that
// dir is; name is the folder's, "" where it has none, or the file's without its ending. Errors begin with dir.
func InDir[M any](dir string, open func(fsys fs.FS, name string) (M, error)) (m M, err error) {
	info, err := Stat(dir)
	if err != nil {
		return m, err
	}
	fsys, name := fs.FS(nil), ""
	if abs, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(abs)
	}
	if info.IsDir() {
		fsys = os.DirFS(dir)
	} else if !info.Mode().IsRegular() || !isGGUF(dir) {
		return m, fmt.Errorf("%s: a file, expected the folder of a model, or a GGUF file", dir)
	} else {
		folder, file := filepath.Split(dir)
		if fsys, err = gguf.Open(os.DirFS(filepath.Clean(folder)), file); err != nil {
			return m, fmt.Errorf("%s%w", folder, err)
		}
		name = strings.TrimSuffix(name, ".gguf")
	}
	if m, err = open(fsys, name); err != nil {
		err = fmt.Errorf("%s: %w", dir, err)
	}
	return m, err
}

// Stat returns what dir is. Where there is nothing, and it may be an id, the error says how to come to a folder.
func Stat(dir string) (fs.FileInfo, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && fs.ValidPath(dir) && strings.Count(dir, "/") <= 1 { // as an id is written
		return nil, fmt.Errorf("%w; expected the folder of a model: of an id at the Hugging Face hub, hub.Resolve returns it, and rhumb models lists it", err)
	}
	return info, err
}

// isGGUF reports whether the regular file at path begins as a GGUF file, whatever its name.
func isGGUF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	begin := make([]byte, len(gguf.Magic))
	_, err = io.ReadFull(f, begin)
	return err == nil && string(begin) == gguf.Magic
}

// shown returns fsys, or what the GGUF file at its root stands for where there is one and no
// other weights, nor what says where those are.
func shown(fsys fs.FS) (fs.FS, error) {
	exists := func(name string) bool {
		_, err := fs.Stat(fsys, name)
		return err == nil
	}
	if slices.ContainsFunc(append([]string{manifest.Modules, manifest.Adapter, manifest.Router}, manifest.Weights...), exists) {
		return fsys, nil
	}
	name, err := gguf.Choose(fsys)
	if name == "" || err != nil {
		return fsys, err
	}
	return gguf.Open(fsys, name)
}
