package hub

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// A selection finds the files that a model needs among those of its repository.
type selection struct {
	all     map[string]bool // the files of the repository
	folders []string        // of the modules; "" is the model's own
	chats   bool            // texts pass through a template, as a module scores chats or a Transformer reads messages
	read    func(file string) ([]byte, error)
}

// checkFile returns an error unless file is a path that stays in its repository, on
// every system.
func checkFile(file string) error {
	strange := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) }
	if !filepath.IsLocal(filepath.FromSlash(file)) || path.Clean(file) != file || strings.ContainsFunc(file, strange) || len(file) > 1000 {
		return fmt.Errorf("file name %.100q, expected a path within the repository", file)
	}
	return nil
}

// settings returns the files in the model's folder and those of its modules, but
// for weights; read gives the content of those that name further folders.
func (s *selection) settings() ([]string, error) {
	var files []string
	s.folders = []string{""}
	for i := 0; i < len(s.folders); i++ { // grows on the way
		files = append(files, s.settingsIn(s.folders[i])...)
		if err := s.addFolders(s.folders[i]); err != nil {
			return nil, err
		}
	}
	for _, folder := range s.folders {
		if s.chats && (folder != "" || s.all[manifest.Modules]) { // else settingsIn has them
			files = append(files, s.templates(folder)...)
		}
	}
	return files, nil
}

// settingsIn returns those of one folder.
func (s *selection) settingsIn(folder string) []string {
	names := slices.Clone(manifest.Module)
	if folder == "" {
		names = append(names, manifest.Root...)
	}
	if !s.all[path.Join(folder, manifest.Tokenizer)] {
		names = append(append(names, manifest.Vocabularies...), manifest.Merges)
	}
	files := s.first(folder, manifest.Settings)
	for _, name := range names {
		if file := path.Join(folder, name); s.all[file] {
			files = append(files, file)
		}
	}
	if folder == "" && !s.all[manifest.Modules] {
		files = append(files, s.templates(folder)...)
		files = append(files, s.first(folder, []string{manifest.ColBERT})...)
	}
	return files
}

// templates returns the chat templates in folder.
func (s *selection) templates(folder string) (files []string) {
	for file := range s.all {
		within := file
		if folder != "" {
			var ok bool
			if within, ok = strings.CutPrefix(file, folder+"/"); !ok {
				continue
			}
		}
		if slices.ContainsFunc(manifest.Templates, func(p string) bool { ok, _ := path.Match(p, within); return ok }) {
			files = append(files, file)
		}
	}
	return files
}

// first returns the first of the names that there is in folder.
func (s *selection) first(folder string, names []string) []string {
	for _, name := range names {
		if file := path.Join(folder, name); s.all[file] {
			return []string{file}
		}
	}
	return nil
}

// addFolders adds the folders of the modules and of the base model that files in
// folder name, and sees whether its texts are messages.
func (s *selection) addFolders(folder string) error {
	for _, file := range s.first(folder, manifest.Settings) {
		var settings struct {
			Modality map[string]any `json:"modality_config"`
		}
		if err := s.decode(file, &settings); err != nil {
			return err
		}
		_, messages := settings.Modality["message"]
		s.chats = s.chats || messages
	}
	if folder == "" && s.all[manifest.Modules] {
		if err := s.addModules(); err != nil {
			return err
		}
	}
	if folder == "" && s.all[manifest.Config] {
		if err := s.addTasks(); err != nil {
			return err
		}
	}
	adapter := path.Join(folder, manifest.Adapter)
	if !s.all[adapter] || s.all[path.Join(folder, manifest.Config)] {
		return nil
	}
	var content struct {
		Base string `json:"base_model_name_or_path"`
	}
	if err := s.decode(adapter, &content); err != nil {
		return err
	}
	// Where it is no folder of the repository there is nothing to download here.
	if base := path.Join(folder, content.Base); !path.IsAbs(content.Base) && s.all[path.Join(base, manifest.Config)] {
		return s.add(adapter, base)
	}
	return nil
}

// addTasks adds the folders of adapters that config.json names.
func (s *selection) addTasks() error {
	var config struct {
		TaskNames []string `json:"task_names"`
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(s.all)), func(file string) bool { return strings.HasPrefix(file, manifest.TaskAdapters+"/") }) {
		return nil
	}
	if err := s.decode(manifest.Config, &config); err != nil {
		return err
	}
	for _, name := range config.TaskNames {
		if err := s.add(manifest.Config, path.Join(manifest.TaskAdapters, name)); err != nil {
			return err
		}
	}
	return nil
}

// addModules adds those that modules.json names, and those of its Routers.
func (s *selection) addModules() error {
	var modules []struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	if err := s.decode(manifest.Modules, &modules); err != nil {
		return err
	}
	for _, m := range modules {
		if err := s.add(manifest.Modules, m.Path); err != nil {
			return err
		}
		switch m.Type[strings.LastIndexByte(m.Type, '.')+1:] {
		case "Router", "Asym":
			if err := s.addRoutes(path.Clean(m.Path)); err != nil {
				return err
			}
		case "LogitScore":
			s.chats = true
		}
	}
	return nil
}

// addRoutes adds the modules of a Router in folder, which was called Asym.
func (s *selection) addRoutes(folder string) error {
	file := path.Join(folder, manifest.Router)
	if !s.all[file] {
		file = path.Join(folder, manifest.Config)
	}
	if !s.all[file] {
		return nil // embed.Load says so
	}
	var router struct {
		Structure map[string][]string `json:"structure"`
	}
	if err := s.decode(file, &router); err != nil {
		return err
	}
	for _, route := range slices.Sorted(maps.Keys(router.Structure)) {
		for _, module := range router.Structure[route] {
			if err := s.add(file, path.Join(folder, module)); err != nil {
				return err
			}
		}
	}
	return nil
}

// decode reads a file that is JSON.
func (s *selection) decode(file string, v any) error {
	data, err := s.read(file)
	if err == nil {
		if err = json.Unmarshal(data, v); err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}
	return err
}

// mostFolders is how many folders the modules of a model may be in.
const mostFolders = 1000

// add adds a folder that file names.
func (s *selection) add(file, folder string) error {
	folder = path.Clean(folder)
	if folder == "." || slices.Contains(s.folders, folder) {
		return nil
	}
	if err := checkFile(folder); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if s.folders = append(s.folders, folder); len(s.folders) > mostFolders {
		return fmt.Errorf("%s: %d folders, expected at most %d", file, len(s.folders), mostFolders)
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
		// Those of the base model, where it is in the folder of its adapter.
		files = append(files, s.first(folder, manifest.Weights)...)
		if s.all[path.Join(folder, manifest.Adapter)] {
			files = append(files, s.first(folder, manifest.AdapterWeights)...)
		}
	}
	return files
}

// shards returns the files that an index names.
func (s *selection) shards(index string) ([]string, error) {
	var content struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := s.decode(index, &content); err != nil {
		return nil, err
	}
	var files []string
	for _, name := range content.WeightMap {
		file := path.Join(path.Dir(index), name)
		if err := checkFile(file); err != nil || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%s: shard %.100q, expected a file beside it", index, name)
		}
		if !s.all[file] {
			return nil, fmt.Errorf("%s: shard %s, which the repository lacks", index, name)
		}
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// checkDistinct returns an error where two files are one on systems that do not
// tell capitals from small letters.
func checkDistinct(files []string) error {
	seen := map[string]string{}
	for _, file := range files {
		folded := strings.ToLower(file)
		if other, ok := seen[folded]; ok && other != file {
			return fmt.Errorf("files %s and %s, expected names that differ in more than capitals", other, file)
		}
		seen[folded] = file
	}
	return nil
}
