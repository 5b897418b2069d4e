package hub_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rhumb-go/rhumb/embed/hub"
)

// Without Options.Download nothing but the cache is looked at: an empty one here.
func ExampleResolve() {
	cache, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(cache)
	_, err = hub.Resolve(context.Background(), "BAAI/bge-small-en-v1.5", hub.Options{Cache: cache})
	fmt.Println(errors.Is(err, hub.ErrNotCached))
	// Output: true
}

func ExampleIsID() {
	for _, name := range []string{"BAAI/bge-small-en-v1.5", "./models/mine", "models/mine/v2"} {
		fmt.Println(hub.IsID(name), name)
	}
	// Output:
	// true BAAI/bge-small-en-v1.5
	// false ./models/mine
	// false models/mine/v2
}

func ExampleOllama() {
	store, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(store)
	os.Setenv("OLLAMA_MODELS", store)
	defer os.Unsetenv("OLLAMA_MODELS")
	_, err = hub.Ollama("nomic-embed-text")
	fmt.Println(errors.Is(err, hub.ErrNotCached))
	// Output: true
}

// An adapter whose base model is named by its id.
func ExampleBase() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(dir)
	config := `{"peft_type": "LORA", "base_model_name_or_path": "BAAI/bge-small-en-v1.5"}`
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o600); err != nil {
		fmt.Println(err)
	}
	_, err = hub.Base(context.Background(), dir, hub.Options{Cache: filepath.Join(dir, "cache")})
	fmt.Println(errors.Is(err, hub.ErrNotCached))
	// Output: true
}

func ExampleList() {
	cache, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(cache)
	const commit = "c0ffee12c0ffee12c0ffee12c0ffee12c0ffee12"
	folder := filepath.Join(cache, "models--BAAI--bge-small-en-v1.5", "snapshots", commit)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		fmt.Println(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte("{}"), 0o600); err != nil {
		fmt.Println(err)
	}
	models, err := hub.List(cache)
	if err != nil {
		fmt.Println(err)
	}
	for _, m := range models {
		fmt.Println(m.Name, m.Commit[:6], m.Bytes)
	}
	// Output: BAAI/bge-small-en-v1.5 c0ffee 2
}

// A store that is not there has no models.
func ExampleListOllama() {
	os.Setenv("OLLAMA_MODELS", filepath.Join(os.TempDir(), "no such store"))
	defer os.Unsetenv("OLLAMA_MODELS")
	fmt.Println(hub.ListOllama())
	// Output: [] <nil>
}
