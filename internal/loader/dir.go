package loader

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir returns the files in the folder dir, and the folder's name, "" where it has none.
func Dir(dir string) (fsys fs.FS, name string, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		return nil, "", fmt.Errorf("%s: a file, expected the folder of a model", dir)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(abs)
	}
	return os.DirFS(dir), name, nil
}
