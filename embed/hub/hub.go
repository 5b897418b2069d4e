// Package hub turns the id of a model, such as "BAAI/bge-small-en-v1.5", into a
// folder. It keeps the cache of Hugging Face's own huggingface_hub 2.4: what one
// downloaded the other finds.
//
//	dir, err := hub.Resolve(ctx, "BAAI/bge-small-en-v1.5", hub.Options{Download: true})
//	…
//	model, err := embed.Load(ctx, dir, embed.Config{})
package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Options say where a model comes from and goes to. The zero Options look the
// main revision up in the cache that the environment names, and download nothing.
type Options struct {
	Revision string       // branch, tag or commit; "" = "main"
	Download bool         // ask the hub, and download what is missing or newer
	Cache    string       // folder; "" = $HF_HUB_CACHE, $HF_HOME/hub, or hub in huggingface in the user's cache folder
	Endpoint string       // URL of the hub; "" = $HF_ENDPOINT, or https://huggingface.co
	Token    string       // of access; "" = $HF_TOKEN, or the one that huggingface_hub's login stored
	Client   *http.Client // nil = one with a limit on connecting
	Progress Progress     // nil = none
}

// Progress is told how many bytes of a file there are, of how many; before the
// first and after each piece that arrives. It may be called by several
// goroutines at once.
type Progress func(file string, done, total int64)

// ErrNotCached is the error of a model that the cache lacks, where nothing may be
// downloaded.
var ErrNotCached = errors.New("not in the cache")

// Resolve returns the folder of the model with the given id ("name" or
// "owner/name"). With o.Download it holds the files that a text embedding model
// needs, each checked against the hub's hash; files that are there already are
// not downloaded again, and a download that broke off goes on where it was.
// $HF_HUB_OFFLINE forbids that. Several processes may work on one cache. Errors
// name the model and the file, and say what the hub answered.
//
// A try ends after 20 seconds without an answer or without a byte of it, and is
// made six times, or six times after each 4 KiB of a file; an answer that brings less
// than 60 KiB in a minute ends the download. The hub has to say the size of each file,
// at most 16 MiB of one that names other files, 256 MiB of other settings and 4 TiB of
// weights, and may send no more than that; its list of files has at most 16 MiB. What is
// left of a file that broke off is kept where a later download can go on with it.
// The token is sent to the hub, and not along with a redirect to another scheme, host
// or port. Names that are no paths within the repository are passed over.
func Resolve(ctx context.Context, id string, o Options) (string, error) {
	dir, err := resolve(ctx, id, o)
	if err != nil {
		return "", fmt.Errorf("%s: %w", id, err)
	}
	return dir, nil
}

func resolve(ctx context.Context, id string, o Options) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	if o.Revision == "" {
		o.Revision = "main"
	}
	if err := checkRevision(o.Revision); err != nil {
		return "", err
	}
	if o.Cache == "" {
		var err error
		if o.Cache, err = defaultCache(); err != nil {
			return "", err
		}
	}
	r := &repo{id: id, cache: cache{root: o.Cache, name: "models--" + strings.ReplaceAll(id, "/", "--")}, options: o}
	if !o.Download {
		return r.cache.find(o.Revision)
	}
	if offline() {
		dir, err := r.cache.find(o.Revision)
		if err != nil {
			return "", fmt.Errorf("%w, and HF_HUB_OFFLINE is set", err)
		}
		return dir, nil
	}
	if r.options.Client == nil {
		r.options.Client = newClient()
	}
	if r.options.Endpoint == "" {
		r.options.Endpoint = os.Getenv("HF_ENDPOINT")
	}
	if r.options.Endpoint == "" {
		r.options.Endpoint = "https://huggingface.co"
	}
	r.options.Endpoint = strings.TrimRight(r.options.Endpoint, "/")
	if r.options.Token == "" {
		r.options.Token = defaultToken()
	}
	return r.pull(ctx)
}

// IsID reports whether name has the form of a model's id: it may be the name of a
// folder all the same.
func IsID(name string) bool { return checkID(name) == nil }

// The rules of huggingface_hub 2.4, validate_repo_id.
var idPart = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_])?$|^_[A-Za-z0-9._-]*$`)

func checkID(id string) error {
	parts := strings.Split(id, "/")
	ok := len(parts) <= 2 && len(id) <= 96 && !strings.Contains(id, "--") && !strings.Contains(id, "..") && !strings.HasSuffix(id, ".git")
	for _, part := range parts {
		ok = ok && idPart.MatchString(part)
	}
	if !ok {
		return errors.New(`not the id of a model, expected "name" or "owner/name" of letters, digits, dots, - and _`)
	}
	return nil
}

var revisionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

func checkRevision(revision string) error {
	if !revisionForm.MatchString(revision) || !filepath.IsLocal(filepath.FromSlash(revision)) || strings.Contains(revision, "..") {
		return fmt.Errorf("revision %.100q, expected a branch, a tag or a commit", revision)
	}
	return nil
}

// home returns the folder that huggingface_hub keeps its files in.
func home() (string, error) {
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return expand(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "huggingface"), nil
	}
	user, err := os.UserHomeDir()
	return filepath.Join(user, ".cache", "huggingface"), err
}

func defaultCache() (string, error) {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := os.Getenv(name); dir != "" {
			return expand(dir)
		}
	}
	dir, err := home()
	return filepath.Join(dir, "hub"), err
}

// expand replaces a leading ~ by the user's home, as huggingface_hub does.
func expand(dir string) (string, error) {
	rest, ok := strings.CutPrefix(dir, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return dir, nil
	}
	user, err := os.UserHomeDir()
	return filepath.Join(user, rest), err
}

// defaultToken returns the token of the environment or of the last login, "" for
// none.
func defaultToken() string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(os.Getenv(name)); token != "" {
			return token
		}
	}
	path := os.Getenv("HF_TOKEN_PATH")
	if path == "" {
		dir, err := home()
		if err != nil {
			return ""
		}
		path = filepath.Join(dir, "token")
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "" // as one that may not be read
	}
	return strings.TrimSpace(string(data))
}

func offline() bool {
	switch strings.ToUpper(os.Getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}
