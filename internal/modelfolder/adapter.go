package modelfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/tensor"
)

const adapterConfig = manifest.Adapter

// readAdapter finds the LoRA adapter in the module's folder, and the folder of the
// model that it is merged into: that of the options, else the module's own where that has a
// config.json, else the one that base_model_name_or_path names (as transformers 5.23
// chooses). Without an adapter that is the module's.
func (e *Encoder) readAdapter(o Options) error {
	e.Base = e.Folder
	data, err := e.Folder.Read(adapterConfig)
	if errors.Is(err, fs.ErrNotExist) {
		if o.Base != "" {
			return fmt.Errorf("base: %.100q given, expected none: the folder has no %s", o.Base, adapterConfig)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var config struct {
		Base string `json:"base_model_name_or_path"`
		Task string `json:"task_type"`
	}
	if err = strictjson.Unmarshal(data, &config); err == nil {
		e.Adapter, e.base, e.task = data, config.Base, config.Task
		if o.Base != "" {
			e.base, e.apart = o.Base, true
			e.Base, err = e.Folder.given(o.Base)
			return err
		}
		e.Base, err = e.Folder.base(config.Base, o.Dir)
		e.apart = !e.Folder.Exists(configName)
	}
	return e.Folder.ErrorIn(adapterConfig, err)
}

// words returns the folder with the tokenizer: the adapter's, or that of the base model
// where an adapter has none beside it.
func (e *Encoder) words() Folder {
	if !e.apart || e.Folder.Exists(tokenizerName) || e.Folder.Exists(tokenizerConfigName) || slices.ContainsFunc(manifest.Vocabularies, e.Folder.Exists) {
		return e.Folder
	}
	return e.Base
}

// jinaV5 is the model_type of jina-embeddings-v5-text, whose adapters lie in folders of their
// own.
const jinaV5 = "jina_embeddings_v5"

// readTasks finds the adapters of the tasks that config.json names, of a model that has such.
func (e *Encoder) readTasks() error {
	if e.Model.ModelType != jinaV5 {
		return nil
	}
	for _, name := range e.Model.TaskNames {
		dir := e.Base.at(path.Join(e.Base.Path, manifest.TaskAdapters, name))
		if !fs.ValidPath(dir.Path) || name == "" || strings.Contains(name, "/") {
			return e.Base.ErrorIn(configName, fmt.Errorf("task_names: %.100q, expected the name of a folder", name))
		}
		data, err := dir.Read(adapterConfig)
		if err != nil {
			return err
		}
		e.Tasks = append(e.Tasks, TaskAdapter{name, dir, data})
	}
	return nil
}

// AdapterWeights opens the tensors of the adapter in f.
func (f Folder) AdapterWeights() (*tensor.File, error) {
	names := manifest.AdapterWeights // as PEFT looks for them
	return f.open(names, ", expected it or "+names[1]+" beside "+adapterConfig)
}

// elsewhere reports whether Windows may read path as a folder of another machine, which
// it would send proof of the user's password: \\host\share, and \??\UNC\host\share.
func elsewhere(path string) bool {
	path = strings.ReplaceAll(path, `\`, "/")
	return strings.HasPrefix(path, "//") || strings.HasPrefix(path, "/??/")
}

// given returns the folder at path of a model that an adapter in f is for.
func (f Folder) given(path string) (Folder, error) {
	base := Folder{os.DirFS(path), "", f.ignored}
	switch info, err := os.Stat(path); {
	case err != nil:
		return f, fmt.Errorf("base: %w", err)
	case !info.IsDir():
		return f, fmt.Errorf("base: %q, a file, expected the folder of the base model", path)
	case base.Exists(adapterConfig):
		return f, fmt.Errorf("base: %q, the folder of an adapter, expected a model's", path)
	case !base.Exists(configName):
		return f, fmt.Errorf("base: %q, a folder without %s, expected the base model's", path, configName)
	}
	return base, nil
}

// base returns the folder of the model that an adapter in f is for. dir is where
// the root of f's file system lies, "" where that is not known.
func (f Folder) base(name, dir string) (Folder, error) {
	if f.Exists(configName) {
		return f, nil
	}
	if elsewhere(name) {
		return f, fmt.Errorf("base_model_name_or_path: %.100q, a folder of another machine, expected one of this", name)
	}
	var found []Folder
	if p := path.Join(f.Path, name); name != "" && !path.IsAbs(name) && fs.ValidPath(p) {
		found = append(found, f.at(p))
	}
	if filepath.IsAbs(name) {
		found = append(found, Folder{os.DirFS(name), "", f.ignored})
	} else if name != "" && dir != "" {
		found = append(found, Folder{os.DirFS(filepath.Join(dir, f.Path, name)), "", f.ignored})
	}
	for _, base := range found {
		if base.Exists(adapterConfig) {
			return f, fmt.Errorf("base_model_name_or_path: %q, the folder of an adapter, expected a model's", name)
		}
		if base.Exists(configName) {
			return base, nil
		}
	}
	return f, fmt.Errorf("base_model_name_or_path: %q, expected the path of the base model's folder, absolute or from this folder on; of an id, hub.Base and hub.Resolve return it for Config.Base, which --base is too", name)
}
