package hub

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// settings are the files, in the model's folder and in those of its modules, that
// say how a text embedding model computes; they are small.
var settings = []string{
	"adapter_config.json", "added_tokens.json", "config.json", "config_sentence_transformers.json", "merges.txt", "modules.json",
	"quantization_ranges.json", "router_config.json", "sentence_albert_config.json", "sentence_bert_config.json",
	"sentence_camembert_config.json", "sentence_distilbert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json",
	"sentence_xlnet_config.json", "sentencepiece.bpe.model", "special_tokens_map.json", "spiece.model", "spm.model", "task_prompts.json",
	"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt",
}

// weights are the files with a folder's weights, of which the first that there is
// counts.
var weights = []string{"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}

const adapter = "adapter_model.safetensors"

// A selection finds the files that a model needs among those of its repository.
type selection struct {
	all     []string // the files of the repository
	folders []string // of the modules; "" is the model's own
	read    func(file string) ([]byte, error)
}

// checkFile returns an error unless file is a path that stays in its repository.
func checkFile(file string) error {
	if !filepath.IsLocal(filepath.FromSlash(file)) || path.Clean(file) != file || strings.ContainsAny(file, "\\\x00:") {
		return fmt.Errorf("file name %.100q, expected a path within the repository", file)
	}
	return nil
}

// has reports whether the repository has file.
func (s *selection) has(file string) bool { return slices.Contains(s.all, file) }

// settings returns the settings in the model's folder and those of its modules;
// read gives the content of those that name further folders.
func (s *selection) settings() ([]string, error) {
	var files []string
	s.folders = []string{""}
	for i := 0; i < len(s.folders); i++ { // grows on the way
		folder := s.folders[i]
		for _, name := range settings {
			file := path.Join(folder, name)
			if !s.has(file) {
				continue
			}
			files = append(files, file)
			if name == "modules.json" && folder == "" || name == "router_config.json" {
				if err := s.addFolders(file); err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
			}
		}
	}
	return files, nil
}

// addFolders adds the folders that a modules.json or a router_config.json names.
func (s *selection) addFolders(file string) error {
	data, err := s.read(file)
	if err != nil {
		return err
	}
	var names []string
	if path.Base(file) == "modules.json" {
		var modules []struct {
			Path string `json:"path"`
		}
		if err := json.Unmarshal(data, &modules); err != nil {
			return err
		}
		for _, m := range modules {
			names = append(names, m.Path)
		}
	} else {
		var router struct {
			Types map[string]string `json:"types"`
		}
		if err := json.Unmarshal(data, &router); err != nil {
			return err
		}
		for name := range router.Types {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	const most = 1000
	for _, name := range names {
		folder := path.Join(path.Dir(file), name)
		if folder == "." || folder == "" {
			continue
		}
		if err := checkFile(folder); err != nil {
			return err
		}
		if !slices.Contains(s.folders, folder) {
			s.folders = append(s.folders, folder)
		}
	}
	if len(s.folders) > most {
		return fmt.Errorf("%d folders, expected at most %d", len(s.folders), most)
	}
	return nil
}

// indices returns the files that name the shards of weights.
func (s *selection) indices() (files []string) {
	for _, file := range s.weights() {
		if strings.HasSuffix(file, ".index.json") {
			files = append(files, file)
		}
	}
	return files
}

// weights returns the weights of each folder: a file, or the index of shards.
func (s *selection) weights() (files []string) {
	for _, folder := range s.folders {
		for _, name := range weights {
			if file := path.Join(folder, name); s.has(file) {
				files = append(files, file)
				break
			}
		}
		if file := path.Join(folder, adapter); s.has(file) {
			files = append(files, file)
		}
	}
	return files
}

// shards returns the files that an index names.
func (s *selection) shards(index string) ([]string, error) {
	data, err := s.read(index)
	if err != nil {
		return nil, err
	}
	var content struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, fmt.Errorf("%s: %w", index, err)
	}
	var files []string
	for _, name := range content.WeightMap {
		file := path.Join(path.Dir(index), name)
		if err := checkFile(file); err != nil || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%s: shard %.100q, expected a file beside it", index, name)
		}
		if !s.has(file) {
			return nil, fmt.Errorf("%s: shard %s, which the repository lacks", index, name)
		}
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
