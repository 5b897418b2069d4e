// Package cachedir says where on this system what can be made again is kept.
package cachedir

import (
	"os"
	"path/filepath"
)

// Path returns the folder of that name below rhumb in the user's cache: $XDG_CACHE_HOME, on
// every system, or that of os.UserCacheDir, whose error it returns. The folder may not be
// there yet.
func Path(name string) (string, error) {
	dir := os.Getenv("XDG_CACHE_HOME") // as package hub looks for it
	if !filepath.IsAbs(dir) {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "rhumb", name), nil
}
