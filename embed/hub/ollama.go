package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The kinds of layers of a model in Ollama's store that say what its vectors are.
const (
	ollamaModel   = "application/vnd.ollama.image.model"
	ollamaAdapter = "application/vnd.ollama.image.adapter"
)

var (
	ollamaPart   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	ollamaDigest = regexp.MustCompile(`^sha256[:-]([0-9a-f]{64})$`)
)

// Ollama returns the path of the GGUF file of a model that Ollama has pulled, by the name
// that it has there: "nomic-embed-text", "nomic-embed-text:v1.5", "owner/name:tag" or
// "hf.co/owner/name:tag"; without a tag "latest". The store is the folder $OLLAMA_MODELS, or
// .ollama/models in the user's home. Nothing is downloaded: a model that is not there is
// ErrNotCached. One with an adapter is an error, and so is a manifest that names no file.
func Ollama(name string) (string, error) {
	path, err := ollama(name)
	if err != nil {
		return "", fmt.Errorf("ollama:%s: %w", name, err)
	}
	return path, nil
}

// Where names without a host and without an owner are.
const (
	ollamaRegistry = "registry.ollama.ai"
	ollamaLibrary  = "library"
)

// ollamaStore returns the folder of Ollama's models.
func ollamaStore() (string, error) {
	if store := os.Getenv("OLLAMA_MODELS"); store != "" {
		return store, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".ollama", "models"), err
}

func ollama(name string) (string, error) {
	store, err := ollamaStore()
	if err != nil {
		return "", err
	}
	parts := strings.Split(name, "/")
	last, tag, ok := strings.Cut(parts[len(parts)-1], ":")
	if !ok {
		tag = "latest"
	}
	parts[len(parts)-1] = last
	switch len(parts) {
	case 1:
		parts = append([]string{ollamaRegistry, ollamaLibrary}, parts...)
	case 2:
		parts = append([]string{ollamaRegistry}, parts...)
	}
	for _, part := range append(parts, tag) {
		if len(parts) > 3 || !ollamaPart.MatchString(part) {
			return "", errors.New("expected a name such as nomic-embed-text, with a tag after a colon or none")
		}
	}
	manifest := filepath.Join(append(append([]string{store, "manifests"}, parts...), tag)...)
	data, err := readSmall(manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: no %s; 'ollama pull' downloads it", ErrNotCached, manifest)
	}
	if err != nil {
		return "", err
	}
	var list struct {
		Layers []struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
		} `json:"layers"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return "", fmt.Errorf("%s: %w", manifest, err)
	}
	file := ""
	for _, layer := range list.Layers {
		switch layer.MediaType {
		case ollamaAdapter:
			return "", fmt.Errorf("%s: a model with an adapter, expected one without", manifest)
		case ollamaModel:
			sum := ollamaDigest.FindStringSubmatch(layer.Digest)
			if sum == nil || file != "" {
				return "", fmt.Errorf("%s: layers: %.100q, expected one layer of the model with a SHA-256", manifest, layer.Digest)
			}
			file = filepath.Join(store, "blobs", "sha256-"+sum[1])
		}
	}
	if file == "" {
		return "", fmt.Errorf("%s: no layer of type %s", manifest, ollamaModel)
	}
	if _, err := os.Stat(file); err != nil {
		return "", err
	}
	return file, nil
}

// readSmall returns the content of a regular file of a size that manifests have.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if most := int64(1 << 20); !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s: %v of %d bytes, expected a file of at most %d", path, info.Mode(), info.Size(), most)
	}
	return os.ReadFile(path)
}
