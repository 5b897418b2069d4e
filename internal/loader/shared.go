package loader

import (
	"context"
	"errors"
	"io/fs"
	"reflect"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// A Shared is the files of a folder that models of several kinds are opened from, one after
// the other and under the same Config: the first opens the transformer, and the others
// have it too, with the files, the calls and the end of the first.
type Shared struct {
	files *modelfolder.Kept
	dir   string // where the files lie, "" where that is not known
	first *Model // nil = none yet
}

// Share returns the files of fsys, which lie in dir, "" where that is not known.
func Share(fsys fs.FS, dir string) *Shared { return &Shared{files: modelfolder.Keep(fsys), dir: dir} }

// Open is that of fs.FS.
func (s *Shared) Open(name string) (fs.File, error) { return s.files.Open(name) }

// share completes m with the encoder of first.
func (m *Model) share(ctx context.Context, first *Model) error {
	e := m.Spec.Default.Encoder
	known := first.Default.Encoder
	if len(m.Spec.Encoders) != 1 || e.Static || e.Masked || e.Folder.Path != known.Folder.Path || !reflect.DeepEqual(m.config, first.config) {
		return errors.New("the model has another encoder than the one before it")
	}
	made := *known
	made.Encoder = e
	m.encoders[e] = &made
	m.Model, m.Bytes = first.Model, first.Default.Encoder.Transformer.Bytes()
	if err := m.Enter(); err != nil {
		return err
	}
	defer m.Leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.Guard(m.finish)
}
