package hub

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/manifest"
)

const testdata = "../../testdata"

// A recordedFolder remembers which of its files were looked at.
type recordedFolder struct {
	dir  fs.FS
	mu   sync.Mutex
	seen map[string]bool
}

func (f *recordedFolder) see(name string) {
	if info, err := fs.Stat(f.dir, name); err == nil && !info.IsDir() {
		f.mu.Lock()
		f.seen[name] = true
		f.mu.Unlock()
	}
}

func (f *recordedFolder) Open(name string) (fs.File, error) {
	f.see(name)
	return f.dir.Open(name)
}

func (f *recordedFolder) Stat(name string) (fs.FileInfo, error) {
	f.see(name)
	return fs.Stat(f.dir, name)
}

// addFolder adds the files of a folder under dir.
func addFolder(t testing.TB, files fstest.MapFS, dir, folder string) {
	t.Helper()
	for _, name := range filesIn(t, folder) {
		data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		require.NoError(t, err)
		files[path.Join(dir, name)] = &fstest.MapFile{Data: data}
	}
}

// loadable returns folders of every kind that this repository has, by name.
func loadable(t testing.TB) map[string]fstest.MapFS {
	all := map[string]fstest.MapFS{}
	folder := func(name string) fstest.MapFS {
		if all[name] == nil {
			all[name] = fstest.MapFS{}
		}
		return all[name]
	}
	models, err := filepath.Glob(testdata + "/*/*/model")
	require.NoError(t, err)
	require.Greater(t, len(models), 20)
	for _, dir := range models {
		if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err == nil {
			addFolder(t, folder(filepath.Base(filepath.Dir(dir))), "", dir)
		}
	}
	addModules(t, folder)
	addTokenizers(t, folder)
	for _, name := range manifest.Settings {
		files := folder("settings/" + name)
		addFolder(t, files, "", testdata+"/goldens/bert/model")
		delete(files, manifest.Settings[0])
		files[name] = &fstest.MapFile{Data: []byte(`{"max_seq_length": 7}`)}
	}
	for i, golden := range []string{"bert", "qwen3-bf16-sharded"} { // as PyTorch names them
		files := folder("weights/" + golden)
		addFolder(t, files, "", testdata+"/goldens/"+golden+"/model")
		files[manifest.Weights[2+i]] = files[manifest.Weights[i]]
		delete(files, manifest.Weights[i])
	}
	for name, golden := range map[string]string{"bert": "bert", "qwen3": "qwen3-bf16-sharded"} {
		for _, weights := range manifest.AdapterWeights {
			for _, base := range []string{"", "base"} {
				files := folder(path.Join("adapter", name, weights, base))
				addFolder(t, files, "", testdata+"/goldens/"+golden+"/model")
				config, err := os.ReadFile(filepath.Join(testdata, "adapters", name, manifest.Adapter))
				require.NoError(t, err)
				data, err := os.ReadFile(filepath.Join(testdata, "adapters", name, manifest.AdapterWeights[0]))
				require.NoError(t, err)
				old := `"../../goldens/` + golden + `/model"`
				require.Contains(t, string(config), old)
				files[manifest.Adapter] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(config), old, `"`+base+`"`))}
				files[weights] = &fstest.MapFile{Data: data} // the content says which format it is
				if base == "" {
					continue
				}
				addFolder(t, files, base, testdata+"/goldens/"+golden+"/model")
				for file := range files {
					if file == manifest.Config || strings.HasPrefix(file, "model") && strings.Contains(file, ".safetensors") {
						delete(files, file)
					}
				}
			}
		}
	}
	return all
}

// addModules adds the folders of testdata/goldens/modules, around goldens/bert.
func addModules(t testing.TB, folder func(string) fstest.MapFS) {
	data, err := os.ReadFile(testdata + "/goldens/modules/cases.json")
	require.NoError(t, err)
	var list struct {
		Cases []struct {
			Name                     string
			Transformers, Tokenizers []string
		}
	}
	require.NoError(t, json.Unmarshal(data, &list))
	bert := fstest.MapFS{}
	addFolder(t, bert, "", testdata+"/goldens/bert/model")
	for _, c := range list.Cases {
		files := folder("modules/" + c.Name)
		for _, dir := range c.Transformers {
			for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"} {
				files[path.Join(dir, name)] = bert[name]
			}
		}
		for _, dir := range c.Tokenizers {
			files[path.Join(dir, "tokenizer.json")] = bert["tokenizer.json"]
		}
		addFolder(t, files, "", testdata+"/goldens/modules/"+c.Name)
	}
}

// addTokenizers adds folders with the files that older tokenizers are in, around
// the weights of goldens/bert.
func addTokenizers(t testing.TB, folder func(string) fstest.MapFS) {
	f, err := os.Open("../../tokenizer/testdata/fallback.json.gz")
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var list struct {
		Files   []string
		Folders []struct {
			Name  string
			Files map[string]int
		}
	}
	require.NoError(t, json.NewDecoder(z).Decode(&list))
	for _, name := range []string{"tiktoken.model", "tekken.json"} { // which are not read
		files := folder("tokenizer/" + name)
		addFolder(t, files, "", testdata+"/goldens/bert/model")
		delete(files, "tokenizer.json")
		files[name] = &fstest.MapFile{Data: []byte("{}")}
	}
	for _, c := range list.Folders {
		files := folder("tokenizer/" + c.Name)
		addFolder(t, files, "", testdata+"/goldens/bert/model")
		delete(files, "tokenizer.json")
		for name, at := range c.Files {
			if name == manifest.Config {
				continue // the model's stays
			}
			data := []byte(list.Files[at])
			if text, ok := strings.CutPrefix(list.Files[at], "base64:"); ok {
				data, err = base64.StdEncoding.DecodeString(text)
				require.NoError(t, err)
			}
			files[name] = &fstest.MapFile{Data: data}
		}
	}
}

// given returns what a folder gives: vectors of ids, those of tokens, or logits of a reranker
// or a classifier, and its fingerprint; else the error.
func given(t testing.TB, fsys fs.FS, cfg embed.Config) (result any, print string, err error) {
	ctx := context.Background()
	m, err := embed.LoadFS(ctx, fsys, cfg)
	other := (*embed.KindError)(nil)
	if errors.As(err, &other) && other.Kind == "multi-vector model" {
		m, err := multivector.LoadFS(ctx, fsys, cfg)
		if err != nil {
			return nil, err.Error(), err
		}
		defer m.Close() //nolint:errcheck
		result, err = m.EmbedQueries(ctx, []string{"a query"}, multivector.Options{})
		require.NoError(t, err)
		print, err = m.Fingerprint(ctx)
		require.NoError(t, err)
		return result, print, nil
	}
	if errors.As(err, &other) {
		m, err := rerank.LoadFS(ctx, fsys, cfg)
		if err != nil {
			return nil, err.Error(), err
		}
		defer m.Close() //nolint:errcheck
		result, err = m.ClassifyPairs(ctx, [][2]string{{"a query", "a document"}}, rerank.Options{Raw: true})
		require.NoError(t, err)
		print, err = m.Fingerprint(ctx)
		require.NoError(t, err)
		return result, print, nil
	}
	if err != nil {
		return nil, err.Error(), err
	}
	defer m.Close() //nolint:errcheck
	var o embed.Options
	if slices.Contains(m.Info().Routes, "query") {
		o.PromptName = "query"
	}
	if result, err = m.EmbedIDs(ctx, [][]int32{{1, 2, 3}, {4, 5}}, o); err != nil { // without the end of a text of CLIP
		result, err = m.Embed(ctx, []string{"a text"}, o)
	}
	require.NoError(t, err)
	print, err = m.Fingerprint(ctx)
	require.NoError(t, err)
	if _, err := fs.Stat(fsys, manifest.SparseLinear); err == nil {
		m, err := m3.LoadFS(ctx, fsys, cfg)
		require.NoError(t, err)
		defer m.Close() //nolint:errcheck
		outputs, err := m.Embed(ctx, []string{"a text"}, m3.Options{})
		require.NoError(t, err)
		result = []any{result, outputs}
	}
	return result, print, nil
}

// Of each folder, all files that embed.Load or one of its like looks at are downloaded, and
// no others but a few settings, and what was downloaded gives what the folder gives.
func TestLoadReadsWhatIsPulled(t *testing.T) {
	withoutEnvironment(t)
	everywhere := map[string]bool{} // names that some folder's loading read
	for name, files := range loadable(t) {
		t.Run(name, func(t *testing.T) {
			for _, more := range []string{"README.md", "onnx/model.onnx", "task_prompts.json", "1_Pooling/README.md", "openvino/model.bin"} {
				files[more] = &fstest.MapFile{Data: []byte("{}")}
			}
			files[manifest.Outliers] = &fstest.MapFile{Data: []byte("{}")}
			files["quantization_ranges.json"] = &fstest.MapFile{Data: []byte(`{"min": [0], "max": [1], "dimensions": 1, "normalized": true}`)}
			if files["model.safetensors"] != nil {
				files["pytorch_model.bin"] = files["model.safetensors"]
			}
			if files["tokenizer.json"] != nil {
				files["vocab.txt"] = &fstest.MapFile{Data: []byte("[UNK]")}
			}
			if strings.HasPrefix(name, "settings/") {
				files["sentence_xlnet_config.json"] = &fstest.MapFile{Data: []byte(`{"max_seq_length": 7}`)}
			}
			content := map[string]string{}
			for file, f := range files {
				content[file] = string(f.Data)
			}
			h := newFakeHub(t, "owner/model", content)
			dir, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: t.TempDir(), Endpoint: h.URL})
			require.NoError(t, err)

			whole := t.TempDir()
			require.NoError(t, os.CopyFS(whole, files))
			recorded := &recordedFolder{dir: os.DirFS(whole), seen: map[string]bool{}}
			failed := true
			for _, p := range []embed.Precision{embed.Float32, embed.Int8} {
				want, print, err := given(t, recorded, embed.Config{Precision: p})
				failed = err != nil
				got, gotPrint, _ := given(t, os.DirFS(dir), embed.Config{Precision: p})
				require.Equal(t, print, gotPrint)
				require.Equal(t, want, got)
			}
			pulled := filesIn(t, dir)
			require.Subset(t, pulled, slices.Sorted(maps.Keys(recorded.seen)))
			for _, file := range pulled { // settings may be there that this folder's loading does not come to
				if !failed && !recorded.seen[file] {
					require.True(t, slices.Contains(manifest.Module, path.Base(file)) || slices.Contains(manifest.Settings, path.Base(file)), file)
				}
			}
			for file := range recorded.seen {
				everywhere[path.Base(file)] = true
			}
		})
	}
	for _, list := range [][]string{manifest.Root, manifest.Module, manifest.Settings, manifest.Vocabularies, {manifest.Merges},
		manifest.AdapterWeights, manifest.Weights} {
		for _, name := range list {
			require.True(t, everywhere[name], "%s: read by no model of these", name)
		}
	}
}
