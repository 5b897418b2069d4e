package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// Base returns the folder of the base model of a LoRA adapter in the folder dir, or in that
// of one of its modules, for embed.Config.Base:
//
//	base, err := hub.Base(ctx, dir, hub.Options{Download: true})
//	…
//	model, err := embed.Load(ctx, dir, embed.Config{Base: base})
//
// It is what Resolve returns for the id that base_model_name_or_path of the adapter names,
// of the revision that the adapter names, where o has none. It is "" where there is no
// adapter, where the model's own folder has the base model too, and where the name is the
// path of a folder, absolute or from the adapter's on: embed.Load finds that by itself. Errors
// name the file, and are those of Resolve otherwise. What Load would refuse is none.
func Base(ctx context.Context, dir string, o Options) (string, error) {
	for _, folder := range append([]string{""}, modulesIn(dir)...) {
		at := filepath.Join(dir, filepath.FromSlash(folder))
		var adapter struct {
			Base     string `json:"base_model_name_or_path"`
			Revision string `json:"revision"`
		}
		file := filepath.Join(at, manifest.Adapter)
		if !readJSON(file, &adapter) || isModel(at) {
			continue
		}
		if filepath.IsAbs(adapter.Base) || isModel(filepath.Join(at, adapter.Base)) || !IsID(adapter.Base) {
			continue
		}
		if o.Revision == "" {
			o.Revision = adapter.Revision
		}
		base, err := Resolve(ctx, adapter.Base, o)
		if err != nil {
			return "", fmt.Errorf("%s: base_model_name_or_path: %w", file, err)
		}
		return base, nil
	}
	return "", nil
}

// modulesIn returns the folders of the modules of the model in dir, but its own.
func modulesIn(dir string) (folders []string) {
	var modules []struct {
		Path string `json:"path"`
	}
	readJSON(filepath.Join(dir, manifest.Modules), &modules)
	for _, m := range modules {
		if m.Path != "" && filepath.IsLocal(filepath.FromSlash(m.Path)) {
			folders = append(folders, m.Path)
		}
	}
	return folders
}

// isModel reports whether the folder dir has a config.json.
func isModel(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, manifest.Config))
	return err == nil && info.Mode().IsRegular()
}

// readJSON decodes a file to v, and reports whether that is there, and right.
func readJSON(file string, v any) bool {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostRead {
		return false
	}
	data, err := os.ReadFile(file)
	return err == nil && json.Unmarshal(data, v) == nil
}
