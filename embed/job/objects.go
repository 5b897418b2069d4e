package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A Store has objects: files that are elsewhere, under names with a scheme, such as
// s3://bucket/key. That of an object that is not there is an fs.ErrNotExist; other errors,
// such as of a bucket that is not there, are not.
type Store interface {
	// Open opens an object for reading, until ctx is done.
	Open(ctx context.Context, name string) (Object, error)
	// Glob returns the names of the objects that match a pattern as of path.Match, in order.
	Glob(ctx context.Context, pattern string) ([]string, error)
	// Put makes an object of a file, from its beginning: all of it or, with an error,
	// nothing. One of that name that is there gives way.
	Put(ctx context.Context, name string, file *os.File) error
}

// An Object is open for reading. Of what Stat returns, Size and ModTime count.
type Object interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// isObject reports whether name is one of an object.
func isObject(name string) bool { return scheme.MatchString(name) }

// checkStore returns an error where the names of objects have no store.
func (cfg *Config) checkStore() error {
	if cfg.Store != nil {
		return nil
	}
	for _, name := range append([]string{cfg.Output}, cfg.Inputs...) {
		if isObject(name) {
			return fmt.Errorf("%s: an object, expected a file; programs with a job.Config.Store take it, and pipelines such as examples/beam do", name)
		}
	}
	return nil
}

// openObject opens an object as what rows are read from.
func (cfg *Config) openObject(ctx context.Context, name string) (rows.File, error) {
	o, err := cfg.Store.Open(ctx, name)
	if err != nil {
		return nil, err // no Object in an interface of another kind
	}
	return o, nil
}

// stat returns what is known of a file or an object.
func (cfg *Config) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if !isObject(name) {
		return os.Stat(name)
	}
	o, err := cfg.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	info, err := o.Stat()
	return info, errors.Join(err, o.Close())
}

// glob returns the names that match a pattern.
func (cfg *Config) glob(ctx context.Context, pattern string) ([]string, error) {
	if !isObject(pattern) {
		return filepath.Glob(pattern)
	}
	return cfg.Store.Glob(ctx, pattern)
}

// local returns the name of the output or, of an object, that which it would have as a file: beside
// it lies what a job keeps. One in Work stands for one object.
func (cfg *Config) local() string {
	if !isObject(cfg.Output) {
		return cfg.Output
	}
	return filepath.Join(cfg.Work, url.QueryEscape(cfg.Output))
}

// put makes the output of a file, in place of a rename.
func (f *folder) put(ctx context.Context) error {
	file, err := os.Open(f.file(outputFile))
	if errors.Is(err, fs.ErrNotExist) {
		return stale("%s: the output of %d bytes is no longer there", f.dir, f.state.Size)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.cfg.Store.Put(ctx, f.path, file), file.Close())
}
