//go:build !unix && !windows

package tensor

import (
	"errors"
	"os"
)

// mapFile returns errors.ErrUnsupported: the caller reads the file.
func mapFile(*os.File, int) (data []byte, release func() error, err error) {
	return nil, nil, errors.ErrUnsupported
}

// releasePages does nothing: there are no mappings.
func releasePages([]byte) {}

// stateOf returns none: there are no mappings.
func stateOf(*os.File) state { return state{} }

// markOf returns none: there are no mappings.
func markOf(*os.File) mark { return mark{} }
