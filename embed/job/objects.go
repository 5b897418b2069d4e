package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A Store has objects: files that are elsewhere, under names with a scheme, such as
// s3://bucket/key, or s3://bucket/key?region=eu-west-1 with parameters of the store. The error
// of an object that is not there is an fs.ErrNotExist; other errors, such as of a bucket that
// is not there, are not. Errors name the object.
type Store interface {
	// Open opens an object for reading, until ctx is done.
	Open(ctx context.Context, name string) (Object, error)
	// Glob returns the names of the objects that match a pattern as of path.Match, in order.
	Glob(ctx context.Context, pattern string) ([]string, error)
	// Put makes an object of a file, from its beginning: all of it or, with an error,
	// nothing. One of that name that is there gives way.
	Put(ctx context.Context, name string, file *os.File) error
	// Remove removes an object.
	Remove(ctx context.Context, name string) error
}

// An Object is open for reading. Of what Stat returns, Size and ModTime count and, where it
// is a string, Sys: a version of the content, which another content does not have.
type Object interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

// checkStore returns an error where the names of objects have no store.
func checkStore(store Store, names ...string) error {
	for _, name := range names {
		if _, err := opener(store, name); err != nil {
			return err
		}
	}
	return nil
}

// opener is rows.Opener of the objects of a store, which may be nil.
func opener(store Store, name string) (func(ctx context.Context, name string) (rows.File, error), error) {
	if store == nil {
		return rows.Opener[Object](nil, name)
	}
	return rows.Opener(store.Open, name)
}

// open opens a file or an object.
func (cfg *Config) open(ctx context.Context, name string) (rows.File, error) {
	open, err := opener(cfg.Store, name)
	switch {
	case err != nil:
		return nil, err
	case open != nil:
		return open(ctx, name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// read returns all that a file or an object has.
func (cfg *Config) read(ctx context.Context, name string) ([]byte, error) {
	file, err := cfg.open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

// stat returns what is known of a file or an object.
func (cfg *Config) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if !rows.IsObject(name) {
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
	if !rows.IsObject(pattern) {
		return filepath.Glob(pattern)
	}
	return cfg.Store.Glob(ctx, pattern)
}

// find returns the names that a name stands for: itself or, where there is nothing of that
// name, those that match it as a pattern.
func (cfg *Config) find(ctx context.Context, name string) ([]string, error) {
	_, err := cfg.stat(ctx, name)
	if base, _ := rows.CutParameters(name); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(base, "*?[") {
		names, err := cfg.glob(ctx, name)
		if err == nil && len(names) == 0 {
			err = errors.New("no file matches")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return names, nil
	}
	return []string{name}, err
}

// local returns the name of the output or, of an object, that which it would have as a file: beside
// it lies what a job keeps until it is complete. One in Work stands for one object.
func (cfg *Config) local() string {
	if !rows.IsObject(cfg.Output) {
		return cfg.Output
	}
	const most = 160 // bytes: systems have names of 255
	name := url.QueryEscape(cfg.Output)
	if len(name) > most {
		sum := sha256.Sum256([]byte(name))
		name = name[:most] + "-" + hex.EncodeToString(sum[:16])
	}
	return filepath.Join(cfg.Work, name)
}

// besides returns the name of what lies beside a file or an object, by that of its last part.
func besides(name string, beside func(last string) string) string {
	if !rows.IsObject(name) {
		return filepath.Join(filepath.Dir(name), beside(filepath.Base(name)))
	}
	base, parameters := rows.CutParameters(name)
	prefix, last := path.Split(base)
	return prefix + beside(last) + parameters
}

// put makes an object of a file of the folder.
func (f *folder) put(ctx context.Context, file, name string) error {
	from, err := os.Open(f.file(file))
	if errors.Is(err, fs.ErrNotExist) {
		return stale("%s: no longer there, for %s", f.file(file), name)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.cfg.Store.Put(ctx, name, from), from.Close())
}

// removeBeside removes what lies beside the output, if it is there.
func (f *folder) removeBeside(ctx context.Context, name string) error {
	if !rows.IsObject(name) {
		return removeAny(name)
	}
	_, err := f.cfg.stat(ctx, name)
	if err == nil {
		err = f.cfg.Store.Remove(ctx, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
