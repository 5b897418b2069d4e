package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// A repo is a model's repository at the hub, and its place in the cache.
type repo struct {
	id      string
	cache   cache
	options Options
}

const parallelFiles = 4 // downloads at a time

// pull brings the snapshot of the revision up to date and returns its folder.
func (r *repo) pull(ctx context.Context) (string, error) {
	commit, files, err := r.list(ctx)
	if err != nil {
		return "", err
	}
	s := &selection{all: files}
	s.read = func(file string) ([]byte, error) {
		if err := r.download(ctx, commit, file, mostRead); err != nil {
			return nil, err
		}
		return readAtMost(r.cache.snapshot(commit, file), mostRead)
	}
	small, err := s.settings()
	if err != nil {
		return "", err
	}
	if !s.all[manifest.Config] && !s.all[manifest.Modules] && !s.all[manifest.Adapter] {
		return "", errors.New("no config.json, modules.json or adapter_config.json, expected the repository of a text embedding model")
	}
	if err := checkDistinct(small); err != nil {
		return "", err
	}
	if err := r.downloadAll(ctx, commit, small, mostSettings); err != nil {
		return "", err
	}
	large := s.weights()
	for _, index := range s.indices() {
		shards, err := s.shards(index)
		if err != nil {
			return "", err
		}
		large = append(large, shards...)
	}
	if len(large) == 0 {
		return "", fmt.Errorf("no weights, expected %s", strings.Join(manifest.Weights, " or "))
	}
	if err := checkDistinct(slices.Concat(small, large)); err != nil {
		return "", err
	}
	if err := r.downloadAll(ctx, commit, large, mostWeights); err != nil {
		return "", err
	}
	if err := r.cache.setRef(r.options.Revision, commit); err != nil {
		return "", err
	}
	return r.cache.find(commit)
}

// list returns the commit that the revision is at, and its files.
func (r *repo) list(ctx context.Context) (string, map[string]bool, error) {
	where := r.options.Endpoint + "/api/models/" + r.id + "/revision/" + url.PathEscape(r.options.Revision)
	res, err := r.try(ctx, http.MethodGet, where, nil)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, mostListing+1))
	if err == nil && len(data) > mostListing {
		err = fmt.Errorf("an answer of more than %d bytes", mostListing)
	}
	var commit string
	var files map[string]bool
	if err == nil {
		commit, files, err = parseListing(data, r.options.Revision)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", where, err)
	}
	return commit, files, nil
}

// parseListing reads the hub's answer about a revision.
func parseListing(data []byte, revision string) (commit string, files map[string]bool, err error) {
	var info struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return "", nil, err
	}
	if !commitForm.MatchString(info.SHA) || commitForm.MatchString(revision) && info.SHA != revision {
		return "", nil, fmt.Errorf("sha %.100q, expected the commit of %s", info.SHA, revision)
	}
	files = make(map[string]bool, len(info.Siblings))
	for _, sibling := range info.Siblings {
		if checkFile(sibling.Name) == nil { // others are of no use
			files[sibling.Name] = true
		}
	}
	return info.SHA, files, nil
}

// readAtMost returns the content of a file of at most so many bytes.
func readAtMost(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s: %d bytes, expected at most %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

// downloadAll downloads files, of at most so many bytes each.
func (r *repo) downloadAll(ctx context.Context, commit string, files []string, most int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFiles)
	for _, file := range files {
		group.Go(func() error { return r.download(ctx, commit, file, most) })
	}
	return group.Wait()
}

// download makes sure that the snapshot of commit has the file.
func (r *repo) download(ctx context.Context, commit, file string, most int64) error {
	if _, err := os.Stat(r.cache.snapshot(commit, file)); err == nil {
		return nil
	}
	if err := r.fetch(ctx, commit, file, most); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// fetch downloads a file, unless another process is faster, and links it.
func (r *repo) fetch(ctx context.Context, commit, file string, most int64) error {
	remote, err := r.head(ctx, commit, file)
	if err != nil {
		return err
	}
	if remote.size > most {
		return fmt.Errorf("%d bytes, expected at most %d", remote.size, most)
	}
	if err := os.MkdirAll(r.cache.path("blobs"), 0o777); err != nil {
		return err
	}
	unlock, err := r.cache.lock(ctx, remote.etag)
	if err != nil {
		return err
	}
	defer unlock()
	blob := r.cache.path("blobs", remote.etag)
	if _, err := os.Stat(blob); errors.Is(err, fs.ErrNotExist) {
		if err := r.fill(ctx, blob+".incomplete", file, remote); err != nil {
			return err
		}
		if err := os.Rename(blob+".incomplete", blob); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return r.cache.link(commit, file, remote.etag)
}
