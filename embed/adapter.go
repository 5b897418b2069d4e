package embed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

const adapterConfig = manifest.Adapter

// A source is what a transformer is made of, but for its weights and its tokenizer.
type source struct {
	dir     folder
	base    folder               // of config.json and the weights: dir, or that of an adapter's base model
	adapter *transformer.Adapter // nil for none
	config  modelConfig
	data    []byte // of config.json
	recipe  encoderRecipe
}

// source finds that of a transformer in dir.
func (l *loader) source(dir folder) (*source, error) {
	s := &source{dir: dir}
	var err error
	if s.base, s.adapter, err = l.adapter(dir, &s.recipe); err != nil {
		return nil, err
	}
	s.config, s.data, err = s.base.modelConfig()
	return s, s.errorIn(err)
}

// errorIn names the base model in err, where it lies elsewhere.
func (s *source) errorIn(err error) error {
	if err != nil && s.adapter != nil && !s.dir.exists("config.json") {
		return fmt.Errorf("with the base model %s: %w", s.adapter.Base, err)
	}
	return err
}

// adapter returns the LoRA adapter in f, and the folder of the model that it is
// merged into: f itself where that has a config.json, else the one that
// base_model_name_or_path names (as transformers 5.23 chooses). Without an
// adapter the folder is f. r is told of the adapter.
func (l *loader) adapter(f folder, r *encoderRecipe) (base folder, a *transformer.Adapter, err error) {
	config, err := f.read(adapterConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil, nil
	}
	if err != nil {
		return f, nil, err
	}
	r.Adapter = string(canonical(config))
	file, err := f.adapterWeights()
	if err != nil {
		return f, nil, err
	}
	l.model.pipeline.Files = append(l.model.pipeline.Files, file)
	if a, err = transformer.OpenAdapter(config, file); err != nil {
		return f, nil, f.errorIn("", err)
	}
	base, err = f.base(a.Base, l.dir)
	return base, a, f.errorIn(adapterConfig, err)
}

// adapterWeights opens the tensors of the adapter in f.
func (f folder) adapterWeights() (*tensor.File, error) {
	names := manifest.AdapterWeights // as PEFT looks for them
	for _, name := range names {
		if f.exists(name) {
			return tensor.OpenFS(f.fsys, path.Join(f.path, name))
		}
	}
	return nil, f.errorIn(names[0], fmt.Errorf("%w, expected it or %s beside %s", fs.ErrNotExist, names[1], adapterConfig))
}

// elsewhere reports whether Windows may read path as a folder of another machine, which
// it would send proof of the user's password: \\host\share, and \??\UNC\host\share.
func elsewhere(path string) bool {
	path = strings.ReplaceAll(path, `\`, "/")
	return strings.HasPrefix(path, "//") || strings.HasPrefix(path, "/??/")
}

// base returns the folder of the model that an adapter in f is for. dir is where
// the root of f's file system lies, "" where that is not known.
func (f folder) base(name, dir string) (folder, error) {
	if f.exists("config.json") {
		return f, nil
	}
	if elsewhere(name) {
		return f, fmt.Errorf("base_model_name_or_path: %.100q, a folder of another machine, expected one of this", name)
	}
	var found []folder
	if p := path.Join(f.path, name); name != "" && !path.IsAbs(name) && fs.ValidPath(p) {
		found = append(found, folder{f.fsys, p})
	}
	if filepath.IsAbs(name) {
		found = append(found, folder{os.DirFS(name), ""})
	} else if name != "" && dir != "" {
		found = append(found, folder{os.DirFS(filepath.Join(dir, f.path, name)), ""})
	}
	for _, base := range found {
		if base.exists(adapterConfig) {
			return f, fmt.Errorf("base_model_name_or_path: %q, the folder of an adapter, expected a model's", name)
		}
		if base.exists("config.json") {
			return base, nil
		}
	}
	return f, fmt.Errorf("base_model_name_or_path: %q, expected the path of the base model's folder, absolute or from this folder on: models are not downloaded", name)
}
