package loader

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// InDir returns what open makes of the files in the folder dir; name is the folder's, ""
// where it has none. Errors begin with dir.
func InDir[M any](dir string, open func(fsys fs.FS, name string) (M, error)) (m M, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return m, err
	}
	if !info.IsDir() {
		return m, fmt.Errorf("%s: a file, expected the folder of a model", dir)
	}
	name := ""
	if abs, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(abs)
	}
	if m, err = open(os.DirFS(dir), name); err != nil {
		err = fmt.Errorf("%s: %w", dir, err)
	}
	return m, err
}
