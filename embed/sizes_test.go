package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// tinyFolders returns folders of all families, modules and kinds of adapters by
// name: of several goldens of a family the first.
func tinyFolders(t testing.TB) map[string]fstest.MapFS {
	folders, seen := map[string]fstest.MapFS{}, map[string]bool{}
	for _, name := range families {
		files := readModel(t, name)
		if files["config.json"] == nil {
			continue
		}
		var config modelfolder.ModelConfig
		require.NoError(t, json.Unmarshal(files["config.json"].Data, &config))
		if !seen[config.ModelType] {
			folders[name], seen[config.ModelType] = files, true
		}
	}
	for _, c := range readModuleCases(t).Cases {
		folders["modules/"+c.Name] = c.files(t)
	}
	folders["adapters/jina-v3-lora"] = readFolder(t, filepath.Join(adapters, "jina-v3-lora", "model"))
	files := adapted(t, "bert", "bert", "base")
	for path, f := range readModel(t, "bert") {
		files["base/"+path] = f
	}
	folders["adapters/bert"] = files
	return folders
}

// survive loads files and embeds a text with each route and task. What that returns
// does not count, but it must not panic.
func survive(files fstest.MapFS) error {
	m, err := LoadFS(context.Background(), files, Config{Workers: 1})
	if err != nil {
		return err
	}
	defer m.Close()
	info := m.Info()
	for _, name := range append([]string{""}, slices.Concat(info.Routes, info.Tasks)...) {
		for _, text := range []string{"a short text", "unknown ✓ words"} {
			if _, e := m.Embed(context.Background(), []string{text}, Options{PromptName: name}); e != nil {
				err = e
			}
		}
	}
	return err
}

// Whatever number a file has in place of one, its folder is an error or a model that
// runs, and takes no more memory than the files do.
func TestSizes(t *testing.T) {
	longOnly(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // packing tiny layers is mostly waiting for other workers
	const most = 128 << 20                          // these folders hold some MB at most
	values := []string{`2147483647`, `10000000`, `9223372036854775807`, `0`, `-1`, `1e308`}
	own := fstest.MapFS{} // the transformer's files of the module cases, which one folder is enough for
	maps.Copy(own, readModel(t, "bert"))
	var slowest time.Duration
	folders := tinyFolders(t)
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		files := folders[folder]
		for _, name := range slices.Sorted(maps.Keys(files)) {
			f := files[name]
			if path.Ext(name) != ".json" || strings.HasSuffix(name, ".index.json") || folder != "bert" && bytes.Equal(f.Data, fileOf(own, name)) {
				continue
			}
			doc, err := mutate.Parse(f.Data)
			require.NoError(t, err)
			for _, p := range doc.Places() {
				if _, number := p.Value.(json.Number); !number || path.Base(name) == "tokenizer.json" && strings.Contains(p.Path, ".vocab") {
					continue
				}
				for _, value := range values {
					p.Set(value)
					data, err := doc.JSON()
					require.NoError(t, err)
					changed := maps.Clone(files)
					write(changed, name, string(data))
					start, before := time.Now(), allocated()
					require.NotPanics(t, func() { _ = survive(changed) }, "%s/%s: %s: %s", folder, name, p.Path, value)
					slowest = max(slowest, time.Since(start))
					require.Less(t, allocated()-before, uint64(most), "%s/%s: %s: %s", folder, name, p.Path, value)
				}
				p.Restore()
			}
		}
	}
	t.Logf("slowest: %v", slowest)
}

// fileOf returns the content of a file of that base name.
func fileOf(files fstest.MapFS, name string) []byte {
	if f := files[path.Base(name)]; f != nil {
		return f.Data
	}
	return nil
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
