package mutate

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"testing/fstest"
)

// Folder returns the files under dir, for a test to change.
func Folder(dir string) (fstest.MapFS, error) {
	all, files := os.DirFS(dir), fstest.MapFS{}
	return files, fs.WalkDir(all, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(all, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
}

// Values returns some that readers of settings do not expect in most places; "" stands for none.
func Values() []string {
	return []string{
		``, `null`, `true`, `0`, `-1`, `1`, `7`, `2147483647`, `9223372036854775807`, `0.5`, `1e-45`, `1e308`,
		`""`, `"x"`, `[]`, `[null]`, `[1, 2]`, `["query", "document"]`, `{}`, `{"x": 1}`,
	}
}

// Change puts one of the values, number value, in a place of a folder's JSON file, each number
// counted around, and reports whether that was possible. The empty value takes out what is there.
// tokenizer.json is left as it is: its places are nearly all of its vocabulary.
func Change(files fstest.MapFS, values []string, file, place, value uint16) bool {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if ext := path.Ext(name); ext == ".json" && name != "tokenizer.json" || ext == ".metadata" {
			names = append(names, name)
		}
	}
	name := names[int(file)%len(names)]
	doc, err := Parse(files[name].Data)
	if err != nil {
		return false
	}
	places := doc.Places()
	if p, v := places[int(place)%len(places)], values[int(value)%len(values)]; v == "" {
		p.Remove()
	} else {
		p.Set(v)
	}
	data, err := doc.JSON()
	files[name] = &fstest.MapFile{Data: data}
	return err == nil
}
