package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rhumb-go/rhumb/internal/filelock"
)

// A cache is the part of a cache folder that belongs to one model:
//
//	models--owner--name/refs/main                    the commit of a branch
//	models--owner--name/blobs/ETAG                   the content of a file
//	models--owner--name/snapshots/COMMIT/config.json a link to it
//	.locks/models--owner--name/ETAG.lock             locked by who writes the blob
type cache struct {
	root string
	name string
}

func (c *cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.root, c.name}, parts...)...)
}

var commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)

// find returns the snapshot of a revision.
func (c *cache) find(revision string) (string, error) {
	commit := revision
	if !commitForm.MatchString(revision) {
		data, err := os.ReadFile(c.path("refs", filepath.FromSlash(revision)))
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("revision %s: %w (%s)", revision, ErrNotCached, c.root)
		}
		if err != nil {
			return "", err
		}
		if commit = strings.TrimSpace(string(data)); !commitForm.MatchString(commit) {
			return "", fmt.Errorf("%s: %.100q, expected a commit", c.path("refs", revision), commit)
		}
	}
	dir := c.path("snapshots", commit)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("revision %s: %w (%s)", revision, ErrNotCached, c.root)
	}
	return dir, nil
}

// setRef notes that a branch or a tag is at commit.
func (c *cache) setRef(revision, commit string) error {
	if revision == commit {
		return nil
	}
	file := c.path("refs", filepath.FromSlash(revision))
	if data, err := os.ReadFile(file); err == nil && string(data) == commit {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".ref-*")
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(commit)
	if err = errors.Join(err, temporary.Close()); err == nil {
		_ = os.Chmod(temporary.Name(), 0o644)
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}

// snapshot returns the path of a file in the snapshot of commit.
func (c *cache) snapshot(commit, file string) string {
	return c.path("snapshots", commit, filepath.FromSlash(file))
}

// link makes the file in the snapshot of commit a link to a blob; where the
// system has no links, a copy.
func (c *cache) link(commit, file, etag string) error {
	to := c.snapshot(commit, file)
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	up := strings.Repeat("../", strings.Count(file, "/")+2)
	err := os.Symlink(filepath.FromSlash(path.Join(up, "blobs", etag)), to)
	if errors.Is(err, fs.ErrExist) {
		if _, err := os.Stat(to); err == nil {
			return nil // another process was faster
		}
		if err := os.Remove(to); err != nil { // a link to nowhere
			return err
		}
		err = os.Symlink(filepath.FromSlash(path.Join(up, "blobs", etag)), to)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return copyFile(to, c.path("blobs", etag))
	}
	return nil
}

// copyFile copies a file, which appears under its name when it is complete.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
}

// lock locks the blob of etag against other processes until unlock. While one of them has it
// locked it waits, no longer than ctx.
func (c *cache) lock(ctx context.Context, etag string) (unlock func(), err error) {
	dir := filepath.Join(c.root, ".locks", c.name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, etag+".lock"), os.O_RDWR|os.O_CREATE, 0o664)
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(ctx, file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file.Name(), err), file.Close())
	}
	return func() { _ = file.Close() }, nil // which unlocks
}
