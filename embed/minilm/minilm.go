// Package minilm holds sentence-transformers/all-MiniLM-L6-v2, with weights in
// float16, inside the program: it needs no file. The file NOTICE says where the
// model is from and what was changed, LICENSE is its license. Only programs
// that import this package carry its 46 MB.
package minilm

import (
	"context"
	"embed"
	"io/fs"
	"path"
	"strings"
	"time"

	rhumb "github.com/rhumb-go/rhumb/embed"
)

//go:generate go run ./generate

//go:embed model/*.json model/1_Pooling/config.json
var settings embed.FS

//go:embed model/model.safetensors
var weights string

// Load loads the model. Its weights are used where they lie in the program.
func Load(ctx context.Context, cfg rhumb.Config) (*rhumb.Model, error) {
	if cfg.Name == "" {
		cfg.Name = "all-MiniLM-L6-v2"
	}
	return rhumb.LoadFS(ctx, folder{}, cfg)
}

const weightsName = "model.safetensors"

// folder is the model's folder.
type folder struct{}

// Open opens a file of the model.
func (folder) Open(name string) (fs.File, error) {
	if name == weightsName {
		return weightsFile{strings.NewReader(weights)}, nil
	}
	return settings.Open(path.Join("model", name))
}

// weightsFile is the file of the weights, open. It is its own FileInfo.
type weightsFile struct{ *strings.Reader }

// Embedded returns the content in place.
func (weightsFile) Embedded() string { return weights }

func (f weightsFile) Stat() (fs.FileInfo, error) { return f, nil }
func (weightsFile) Close() error                 { return nil }
func (weightsFile) Name() string                 { return weightsName }
func (weightsFile) Mode() fs.FileMode            { return 0o444 }
func (weightsFile) ModTime() time.Time           { return time.Time{} }
func (weightsFile) IsDir() bool                  { return false }
func (weightsFile) Sys() any                     { return nil }
