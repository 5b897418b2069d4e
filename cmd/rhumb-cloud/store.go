package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/rows"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// A store has the objects of all buckets that names lead to.
type store struct {
	mu      sync.Mutex
	buckets map[string]*bucket // by their names, with parameters
}

func newStore() *store { return &store{buckets: map[string]*bucket{}} }

// A bucket is one of S3 or Google Cloud Storage, or a container of Azure.
type bucket struct {
	*blob.Bucket
	name string // such as s3://bucket
}

// find returns the bucket of an object, and the object's key in it.
func (s *store) find(ctx context.Context, name string) (*bucket, string, error) {
	base, parameters := rows.CutParameters(name)
	scheme, rest, _ := strings.Cut(base, "://")
	open := openers[strings.ToLower(scheme)]
	if open == nil {
		return nil, "", fmt.Errorf("%s: scheme %q, expected s3, gs or azblob", name, scheme)
	}
	host, key, _ := strings.Cut(rest, "/")
	if host == "" || key == "" {
		return nil, "", fmt.Errorf("%s: expected %s://BUCKET/KEY", name, scheme)
	}
	place := scheme + "://" + host
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[place+parameters]; b != nil {
		return b, key, nil
	}
	// A context of one object does not end the others of the bucket.
	opened, err := open(context.WithoutCancel(ctx), host, strings.TrimPrefix(parameters, "?"))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	b := &bucket{opened, place}
	s.buckets[place+parameters] = b
	return b, key, nil
}

// Open opens an object for reading.
func (s *store) Open(ctx context.Context, name string) (job.Object, error) {
	b, key, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	attributes, err := b.Attributes(ctx, key)
	if err != nil {
		return nil, b.failed(ctx, "open", name, err)
	}
	info := info{name, attributes.Size, attributes.ModTime, versionOf(attributes.As)}
	return &object{ctx: ctx, bucket: b, key: key, info: info, most: maxWindow}, nil
}

// Glob returns the names of the objects whose keys match that of a pattern.
func (s *store) Glob(ctx context.Context, pattern string) (names []string, err error) {
	b, wanted, err := s.find(ctx, pattern)
	if err != nil {
		return nil, err
	}
	_, parameters := rows.CutParameters(pattern)
	prefix := wanted
	if i := strings.IndexAny(wanted, `*?[\`); i >= 0 {
		prefix = wanted[:i]
	}
	opts := &blob.ListOptions{Prefix: prefix}
	if !strings.Contains(wanted[len(prefix):], "/") {
		opts.Delimiter = "/"
	}
	for objects := b.List(opts); ; {
		o, err := objects.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, b.failed(ctx, "list", pattern, err)
		}
		if o.IsDir || strings.HasSuffix(o.Key, "/") { // an object that stands for a folder
			continue
		}
		matches, err := path.Match(wanted, o.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		if matches {
			names = append(names, b.name+"/"+o.Key+parameters)
		}
	}
	slices.Sort(names)
	return names, nil
}

// partSize is that of the parts of an upload, of which S3 takes 10,000.
const partSize = 8 << 20

// Put makes an object of a file.
func (s *store) Put(ctx context.Context, name string, file *os.File) error {
	b, key, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	opts := &blob.WriterOptions{ContentType: "application/octet-stream", BufferSize: int(max(partSize, info.Size()/9000))}
	if err := b.Upload(ctx, key, io.NewSectionReader(file, 0, info.Size()), opts); err != nil {
		return b.failed(ctx, "put", name, err)
	}
	return nil
}

// Remove removes an object.
func (s *store) Remove(ctx context.Context, name string) error {
	b, key, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	if err := b.Delete(ctx, key); err != nil {
		return b.failed(ctx, "remove", name, err)
	}
	return nil
}

// failed returns what an error of the bucket's service means for an object: only one that is
// not there, in a bucket that is, is an fs.ErrNotExist.
func (b *bucket) failed(ctx context.Context, op, name string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", name, ctx.Err())
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		if there, failed := b.IsAccessible(ctx); !there && failed == nil {
			return fmt.Errorf("%s: there is no %s", name, b.name)
		}
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case gcerrors.PermissionDenied:
		return fmt.Errorf("%s %s: %w: %s", op, name, fs.ErrPermission, told(err))
	}
	return fmt.Errorf("%s %s: %w", op, name, told(err))
}

// told is an error without the line of code that met it.
func told(err error) error {
	if inner := errors.Unwrap(err); inner != nil && gcerrors.Code(err) != gcerrors.OK {
		return inner
	}
	return err
}
