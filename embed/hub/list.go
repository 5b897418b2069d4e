package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Cached model is one that a cache has.
type Cached struct {
	Name      string   // that Resolve takes for an id, or Ollama
	Revisions []string // the branches and tags that are at the commit, sorted; Resolve without a revision looks for "main"
	Commit    string   // "" of Ollama's
	Path      string   // the folder, or Ollama's file
	Bytes     int64    // of its files; those that two commits share count in both
}

// List returns the models of a cache such as Options.Cache names, "" for the usual one: each
// commit that it has a folder of, whether or not all files are in it, sorted by name and
// commit. A cache that is not there has none.
func List(dir string) ([]Cached, error) {
	if dir == "" {
		var err error
		if dir, err = defaultCache(); err != nil {
			return nil, err
		}
	}
	var list []Cached
	folders, err := readDir(dir)
	for _, folder := range folders {
		name, ok := strings.CutPrefix(folder.Name(), "models--")
		id := strings.ReplaceAll(name, "--", "/")
		if !ok || checkID(id) != nil {
			continue
		}
		of, err := (&cache{dir, folder.Name()}).list(id)
		if err != nil {
			return nil, err
		}
		list = append(list, of...)
	}
	sortCached(list)
	return list, err
}

// list returns the commits of one model.
func (c *cache) list(id string) (list []Cached, err error) {
	commits, err := readDir(c.path("snapshots"))
	if err != nil {
		return nil, err
	}
	revisions, err := c.revisions()
	if err != nil {
		return nil, err
	}
	for _, commit := range commits {
		dir := c.path("snapshots", commit.Name())
		if !commitForm.MatchString(commit.Name()) || !commit.IsDir() {
			continue
		}
		bytes, err := sizeOf(dir)
		if err != nil {
			return nil, err
		}
		list = append(list, Cached{Name: id, Revisions: revisions[commit.Name()], Commit: commit.Name(), Path: dir, Bytes: bytes})
	}
	return list, nil
}

// revisions returns the branches and tags that the cache knows, by commit. No part of a name in git begins with a dot: such
// a file is what a download that was stopped left.
func (c *cache) revisions() (map[string][]string, error) {
	of := map[string][]string{}
	refs := c.path("refs")
	err := filepath.WalkDir(refs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		commit, err := readSmall(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(refs, path)
		at := strings.TrimSpace(string(commit))
		of[at] = append(of[at], filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return of, err
}

// ListOllama returns the models in Ollama's store of which Ollama finds the file, sorted by
// name, each with its tag. A store that is not there has none.
func ListOllama() ([]Cached, error) {
	store, err := ollamaStore()
	if err != nil {
		return nil, err
	}
	var list []Cached
	manifests := filepath.Join(store, "manifests")
	err = filepath.WalkDir(manifests, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(manifests, path)
		if err != nil {
			return err
		}
		folder, tag := filepath.Split(rel)
		name := strings.TrimSuffix(filepath.ToSlash(folder), "/")
		name = strings.TrimPrefix(name, ollamaRegistry+"/")
		name = strings.TrimPrefix(name, ollamaLibrary+"/") + ":" + tag
		file, err := ollama(name)
		if err != nil {
			return nil // what is no model, or one that Ollama says more about
		}
		info, err := os.Stat(file)
		if err == nil {
			list = append(list, Cached{Name: name, Path: file, Bytes: info.Size()})
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	sortCached(list)
	return list, err
}

func sortCached(list []Cached) {
	slices.SortFunc(list, func(a, b Cached) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Commit, b.Commit)
	})
}

// readDir is os.ReadDir, with nothing in a folder that is not there.
func readDir(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return entries, err
}

// sizeOf returns the bytes of the files in dir, those behind links; a link to nowhere has none.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case info.Mode().IsRegular():
			bytes += info.Size()
		}
		return nil
	})
	return bytes, err
}
