package embed

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/tensor"
)

const (
	adapters       = "../testdata/adapters"
	adapterWeights = "adapter_model.safetensors"
)

// adapted returns the files of a golden folder with an adapter in place of
// config.json and the weights, whose base is at the given path.
func adapted(t testing.TB, name, golden, base string) fstest.MapFS {
	files := readModel(t, golden)
	for path := range files {
		if path == "config.json" || strings.HasPrefix(path, "model") && path != "modules.json" {
			delete(files, path)
		}
	}
	for _, path := range []string{manifest.Adapter, adapterWeights} {
		data, err := os.ReadFile(filepath.Join(adapters, name, path))
		require.NoError(t, err)
		files[path] = &fstest.MapFile{Data: data}
	}
	old := fmt.Sprintf(`"../../goldens/%s/model"`, golden)
	new, err := json.Marshal(base)
	require.NoError(t, err)
	replace(t, files, manifest.Adapter, old, string(new))
	return files
}

// onDisk writes files to a new folder under dir, and returns its path.
func onDisk(t testing.TB, dir, name string, files fstest.MapFS) string {
	dir = filepath.Join(dir, name)
	require.NoError(t, os.CopyFS(dir, files))
	return dir
}

// adapterInputs are the token ids of an adapter's golden.safetensors, and the sentence vectors.
func adapterInputs(t testing.TB, name string) (ids [][]int32, want [][]float32) {
	g := readTensors(t, filepath.Join("..", "adapters", name), "golden.safetensors")
	for i, row := range g["input_ids"] {
		var list []int32
		for j, id := range row {
			if g["attention_mask"][i][j] != 0 {
				list = append(list, int32(id))
			}
		}
		ids = append(ids, list)
	}
	return ids, g["sentence"]
}

// An adapter that torch.save wrote, as PEFT did before it wrote safetensors, is the same.
func TestAdapterOfTorch(t *testing.T) {
	files := adapted(t, "bert", "bert", "base")
	for path, f := range readModel(t, "bert") {
		files["base/"+path] = f
	}
	want, ids := loadFiles(t, files, Config{}), [][]int32{{1, 2, 3, 4, 5}}
	f, err := tensor.Parse(files[adapterWeights].Data)
	require.NoError(t, err)
	var list []tensor.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		list = append(list, x)
	}
	delete(files, adapterWeights)
	files["adapter_model.bin"] = &fstest.MapFile{Data: stateDict(t, list...)}
	got := loadFiles(t, files, Config{})
	require.Equal(t, embedIDs(t, want, ids, Options{}), embedIDs(t, got, ids, Options{}))
}

// An adapter is merged, wherever its base model lies.
func TestAdapters(t *testing.T) {
	for name, golden := range map[string]string{"bert": "bert", "qwen3": "qwen3-bf16-sharded"} {
		ids, want := adapterInputs(t, name)
		check := func(t *testing.T, m *Model, err error) {
			require.NoError(t, err)
			requireClose(t, want, embedIDs(t, m, ids, Options{}), goldenTolerance)
			require.NoError(t, m.Close())
		}
		t.Run(name+"/beside the weights", func(t *testing.T) {
			files := readModel(t, golden)
			for path, f := range adapted(t, name, golden, "an/id") { // not looked up
				files[path] = f
			}
			m, err := LoadFS(t.Context(), files, Config{})
			check(t, m, err)
		})
		t.Run(name+"/in a folder of the base", func(t *testing.T) {
			files := adapted(t, name, golden, "base")
			for path, f := range readModel(t, golden) {
				files["base/"+path] = f
			}
			m, err := LoadFS(t.Context(), files, Config{})
			check(t, m, err)
		})
		t.Run(name+"/beside the base's folder", func(t *testing.T) {
			dir := t.TempDir()
			onDisk(t, dir, "base", readModel(t, golden))
			m, err := Load(t.Context(), onDisk(t, dir, "adapter", adapted(t, name, golden, "../base")), Config{})
			check(t, m, err)
		})
		t.Run(name+"/anywhere", func(t *testing.T) {
			base := onDisk(t, t.TempDir(), "base", readModel(t, golden))
			m, err := Load(t.Context(), onDisk(t, t.TempDir(), "adapter", adapted(t, name, golden, base)), Config{})
			check(t, m, err)
		})
	}
}

// bare returns the files of an adapter's folder without a modules.json, with the tokenizer of
// the golden folder.
func bare(t testing.TB, name, golden, base string) fstest.MapFS {
	files := adapted(t, name, golden, base)
	for path := range files {
		if !strings.HasPrefix(path, "adapter_") && !strings.HasPrefix(path, "tokenizer") {
			delete(files, path)
		}
	}
	return files
}

// Without a modules.json texts are pooled as the base model says, whoever names that.
func TestBareAdapters(t *testing.T) {
	for name, golden := range map[string]string{"bert": "bert", "qwen3": "qwen3-bf16-sharded"} {
		ids, _ := adapterInputs(t, name)
		want := readTensors(t, filepath.Join("..", "adapters", name), "golden.safetensors")["plain"]
		base := onDisk(t, t.TempDir(), "base", readModel(t, golden))
		check := func(files fstest.MapFS, cfg Config) {
			dir := onDisk(t, t.TempDir(), "adapter", files)
			m, err := Load(t.Context(), dir, cfg)
			require.NoError(t, err)
			i := m.Info()
			require.Equal(t, []string{map[string]string{"bert": "mean", "qwen3": "lasttoken"}[name]}, i.Pooling)
			requireClose(t, want, embedIDs(t, m, ids, Options{Unnormalized: true}), goldenTolerance)
			looked, err := Inspect(t.Context(), dir, cfg)
			require.NoError(t, err)
			require.Equal(t, i, looked)
			require.NoError(t, m.Close())
		}
		check(bare(t, name, golden, base), Config{})
		check(bare(t, name, golden, "owner/base"), Config{Base: base})
		check(bare(t, name, golden, ""), Config{Base: base})

		// The base model's tokenizer stands in for one that the adapter has not.
		files := bare(t, name, golden, "owner/base")
		texts := []string{"river", "the mountain and the river"}
		m, err := LoadFS(t.Context(), files, Config{Base: base})
		require.NoError(t, err)
		for path := range files {
			if strings.HasPrefix(path, "tokenizer") {
				delete(files, path)
			}
		}
		check(files, Config{Base: base})
		without, err := LoadFS(t.Context(), files, Config{Base: base})
		require.NoError(t, err)
		require.Equal(t, embedTexts(t, m, texts, Options{}), embedTexts(t, without, texts, Options{}))
		require.Equal(t, printOf(t, m), printOf(t, without))
	}
}

// Config.Base goes before what the folder says, its own config.json too.
func TestAnotherBase(t *testing.T) {
	ids, want := adapterInputs(t, "bert")
	base := onDisk(t, t.TempDir(), "base", readModel(t, "bert"))
	files := readModel(t, "bert")
	for path, f := range adapted(t, "bert", "bert", "") {
		files[path] = f
	}
	files["model.safetensors"].Data = files["model.safetensors"].Data[:100]
	m, err := LoadFS(t.Context(), files, Config{Base: base})
	require.NoError(t, err)
	requireClose(t, want, embedIDs(t, m, ids, Options{}), goldenTolerance)
	dirs := map[string]string{"none": filepath.Join(t.TempDir(), "none"), "adapter": onDisk(t, t.TempDir(), "adapter", files), "empty": t.TempDir(),
		"file": filepath.Join(base, "config.json")}
	for _, golden := range []string{"roberta", "qwen3"} {
		dirs[golden] = onDisk(t, t.TempDir(), golden, readModel(t, golden))
	}
	for name, want := range map[string]string{
		"none": "base: stat ", "adapter": "the folder of an adapter, expected a model's", "empty": "a folder without config.json, expected the base model's",
		"file":    "a file, expected the folder of the base model",
		"qwen3":   "tensor base_model.model.encoder.layer.0.attention.output.dense.lora_A.weight: fits no weight of the base model",
		"roberta": "tensor base_model.model.embeddings.LayerNorm.bias: shape [24], expected [",
	} {
		_, err := LoadFS(t.Context(), files, Config{Base: dirs[name]})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, dirs[name])
	}
	_, err = LoadFS(t.Context(), readModel(t, "bert"), Config{Base: base})
	require.ErrorContains(t, err, `given, expected none: the folder has no adapter_config.json`)
}

func TestAdapterErrors(t *testing.T) {
	none := func(fstest.MapFS) {}
	for _, c := range []struct {
		what, base string
		change     func(fstest.MapFS)
		want       string
	}{
		{"a hub id", "intfloat/e5-mistral-7b-instruct", none,
			`adapter_config.json: base_model_name_or_path: "intfloat/e5-mistral-7b-instruct", expected the path of the base model's folder, absolute or from this folder on; of an id, hub.Base and hub.Resolve return it for Config.Base`},
		{"no base", "", none, `base_model_name_or_path: "", expected the path`},
		{"a file for the base", adapterWeights, none, `base_model_name_or_path: "adapter_model.safetensors", expected`},
		{"the base of an adapter that is one", "base", func(f fstest.MapFS) { f["base/"+manifest.Adapter] = f[manifest.Adapter] },
			`base_model_name_or_path: "base", the folder of an adapter`},
		{"a base without weights", "base", func(f fstest.MapFS) { delete(f, "base/model.safetensors") },
			"with the base model base: base/model.safetensors: file does not exist"},
		{"another base", "base", func(f fstest.MapFS) {
			replace(t, f, "base/config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": 1`)
		}, "with the base model base: base: base/model.safetensors: tensor encoder.layer.1."},
		{"no weights", "base", func(f fstest.MapFS) { delete(f, adapterWeights) },
			"adapter_model.safetensors: file does not exist, expected it or adapter_model.bin beside adapter_config.json"},
		{"a pickle that runs something", "base", func(f fstest.MapFS) {
			delete(f, adapterWeights)
			write(f, "adapter_model.bin", "\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
		}, "adapter_model.bin: magic number: byte 2: opcode GLOBAL"},
		{"weights cut short", "base", func(f fstest.MapFS) { f[adapterWeights].Data = f[adapterWeights].Data[:9000] }, "adapter_model.safetensors: header:"},
		{"no bytes", "base", func(f fstest.MapFS) { write(f, adapterWeights, "") }, "adapter_model.safetensors: file: 0 bytes"},
		{"a configuration that is no JSON", "base", func(f fstest.MapFS) { write(f, manifest.Adapter, "{") }, "adapter_config.json: unexpected end"},
		{"an empty configuration", "base", func(f fstest.MapFS) { write(f, manifest.Adapter, "") }, "adapter_config.json:"},
		{"a list", "base", func(f fstest.MapFS) { write(f, manifest.Adapter, "[]") }, "adapter_config.json: found array, expected object"},
		{"null", "base", func(f fstest.MapFS) { write(f, manifest.Adapter, "null") }, `adapter_config.json: base_model_name_or_path: "", expected the path`},
		{"DoRA", "base", func(f fstest.MapFS) { replace(t, f, manifest.Adapter, `"use_dora": false`, `"use_dora": true`) }, "adapter_config.json: use_dora: found true"},
	} {
		t.Run(c.what, func(t *testing.T) {
			files := adapted(t, "bert", "bert", c.base)
			for path, f := range readModel(t, "bert") {
				files["base/"+path] = f
			}
			c.change(files)
			_, err := LoadFS(t.Context(), files, Config{})
			require.ErrorContains(t, err, c.want)
			_, err = Load(t.Context(), onDisk(t, t.TempDir(), "adapter", files), Config{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// jinaCases is the cases.json of jina-v3-lora.
type jinaCases struct {
	Texts   []string             `json:"texts"`
	Tasks   []string             `json:"tasks"`
	Prompts map[string]string    `json:"prompts"`
	IDs     map[string][][]int32 `json:"ids"`
}

func readJina(t testing.TB) (c jinaCases, files fstest.MapFS, want map[string][][]float32) {
	data, err := os.ReadFile(filepath.Join(adapters, "jina-v3-lora", "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &c))
	files = readFolder(t, filepath.Join(adapters, "jina-v3-lora", "model"))
	return c, files, readTensors(t, filepath.Join("..", "adapters", "jina-v3-lora"), "golden.safetensors")
}

// The name of a prompt chooses the task's adapter; without one, there is none.
func TestTasks(t *testing.T) {
	c, files, want := readJina(t)
	m := loadFiles(t, files, Config{Workers: 2})
	require.Equal(t, c.Tasks, m.Info().Tasks)
	require.Equal(t, []int{8, 16, 24}, m.Info().MatryoshkaDimensions)
	tokens := func(r *Result, ids [][]int32) {
		for i, e := range r.Embeddings {
			require.Equal(t, len(ids[i]), e.Tokens)
		}
	}
	for i, name := range c.Tasks {
		r := embedTexts(t, m, c.Texts, Options{PromptName: name})
		requireClose(t, want[fmt.Sprintf("sentence_%d", i)], r, goldenTolerance)
		tokens(r, c.IDs[fmt.Sprint(i)])
	}
	none := embedTexts(t, m, c.Texts, Options{})
	requireClose(t, want["sentence_none"], none, goldenTolerance)
	tokens(none, c.IDs["none"])
	requireClose(t, want["sentence_none"], embedIDs(t, m, c.IDs["none"], Options{}), goldenTolerance)

	// A prompt of the request's own is no task's.
	bare := embedTexts(t, m, c.Texts[1:2], Options{})
	with := embedTexts(t, m, []string{"and the river"}, Options{Prompt: "the mountain "})
	require.Equal(t, bare.Embeddings[0].Float32, with.Embeddings[0].Float32)
	_, err := m.Embed(t.Context(), c.Texts, Options{PromptName: "clustering"})
	require.ErrorContains(t, err, `prompt name: unknown "clustering", expected one of: classification, document, query, retrieval.passage`)
}

// A folder as jina-embeddings-v5 has it: adapters in folders of their own, of which the name of a prompt
// or of a task chooses one, and a module that pools by itself.
func TestTasksInFolders(t *testing.T) {
	for _, name := range []string{"jina-v5-nano", "jina-v5-small"} {
		data, err := os.ReadFile(filepath.Join(adapters, name, "cases.json"))
		require.NoError(t, err)
		var c jinaCases
		require.NoError(t, json.Unmarshal(data, &c))
		want := readTensors(t, filepath.Join("..", "adapters", name), "golden.safetensors")
		m, err := Load(t.Context(), filepath.Join(adapters, name, "model"), Config{})
		require.NoError(t, err)
		i := m.Info()
		require.Equal(t, append(c.Tasks[:3:3], "query", "document"), i.Tasks)
		require.Equal(t, []string{"lasttoken"}, i.Pooling)
		require.True(t, i.Normalized)
		require.Equal(t, 40, i.MaxTokens)
		for request, ids := range c.IDs {
			r := embedTexts(t, m, c.Texts, Options{PromptName: request})
			requireClose(t, want["sentence_"+request], r, goldenTolerance)
			for i, e := range r.Embeddings {
				require.Equal(t, len(ids[i]), e.Tokens, "%s: %s", name, request)
			}
		}
		requireClose(t, want["sentence_document"], embedTexts(t, m, c.Texts, Options{}), goldenTolerance)
		require.NoError(t, m.Close())
	}
	files := readFolder(t, filepath.Join(adapters, "jina-v5-nano", "model"))
	before := printOf(t, loadFiles(t, files, Config{}))
	replace(t, files, "adapters/clustering/adapter_config.json", `"lora_alpha": 5`, `"lora_alpha": 6`)
	require.NotEqual(t, before, printOf(t, loadFiles(t, files, Config{})))
	delete(files, "adapters/clustering/adapter_config.json")
	_, err := LoadFS(t.Context(), files, Config{})
	require.ErrorContains(t, err, "adapters/clustering/adapter_config.json")
}

func TestTaskOfTheDefaultPrompt(t *testing.T) {
	c, files, want := readJina(t)
	replace(t, files, "config_sentence_transformers.json", `"default_prompt_name": null`, `"default_prompt_name": "separation"`)
	m := loadFiles(t, files, Config{})
	requireClose(t, want["sentence_2"], embedTexts(t, m, c.Texts, Options{}), goldenTolerance)
}

func TestTaskWithoutPrompt(t *testing.T) {
	c, files, want := readJina(t)
	delete(files, "config_sentence_transformers.json")
	m := loadFiles(t, files, Config{})
	require.Equal(t, "", m.Info().Prompts["text-matching"])
	requireClose(t, want["sentence_4"], embedTexts(t, m, c.Texts, Options{PromptName: "text-matching"}), goldenTolerance)
}

// Calls for different tasks at the same time get what they get one by one.
func TestTasksAtTheSameTime(t *testing.T) {
	c, files, _ := readJina(t)
	m := loadFiles(t, files, Config{Workers: 2})
	want := make([]*Result, len(c.Tasks))
	for i, name := range c.Tasks {
		want[i] = embedTexts(t, m, c.Texts, Options{PromptName: name})
	}
	done := make(chan error)
	const calls = 20
	for i := range calls {
		go func() {
			r, err := m.Embed(t.Context(), c.Texts, Options{PromptName: c.Tasks[i%5]})
			if err == nil && fmt.Sprint(r.Embeddings) != fmt.Sprint(want[i%5].Embeddings) {
				err = fmt.Errorf("call %d: other bits", i)
			}
			done <- err
		}()
	}
	for range calls {
		require.NoError(t, <-done)
	}
}

// Inspect says what Load does, and finds the same faults.
func TestInspect(t *testing.T) {
	base, err := filepath.Abs(filepath.Join(goldens, "bert", "model"))
	require.NoError(t, err)
	dirs := []string{
		filepath.Join(adapters, "jina-v3-lora", "model"),
		onDisk(t, t.TempDir(), "adapter", adapted(t, "bert", "bert", base)),
	}
	for _, name := range families {
		dirs = append(dirs, filepath.Join(goldens, name, "model"))
	}
	for _, dir := range dirs {
		m, err := Load(t.Context(), dir, Config{})
		if err != nil {
			_, other := Inspect(t.Context(), dir, Config{})
			require.EqualError(t, other, err.Error())
			continue
		}
		info, err := Inspect(t.Context(), dir, Config{})
		require.NoError(t, err)
		require.Equal(t, m.Info(), info)
		print, err := Fingerprint(t.Context(), dir, Config{})
		require.NoError(t, err)
		require.Equal(t, printOf(t, m), print)
		require.Positive(t, info.MemoryBytes)
		require.NoError(t, m.Close())
	}
	for name, change := range map[string]func(fstest.MapFS){
		"no weights":        func(f fstest.MapFS) { delete(f, "model.safetensors") },
		"weights cut short": func(f fstest.MapFS) { f["model.safetensors"].Data = f["model.safetensors"].Data[:70000] },
		"another size": func(f fstest.MapFS) {
			replace(t, f, "config.json", `"intermediate_size": 30`, `"intermediate_size": 31`)
		},
		"a layer less": func(f fstest.MapFS) { replace(t, f, "config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": 1`) },
	} {
		files := readModel(t, "bert")
		change(files)
		dir := onDisk(t, t.TempDir(), "model", files)
		_, err := Load(t.Context(), dir, Config{})
		require.Error(t, err, name)
		_, other := Inspect(t.Context(), dir, Config{})
		require.EqualError(t, other, err.Error(), name)
	}
	_, err = Inspect(t.Context(), filepath.Join(t.TempDir(), "none"), Config{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// The base model of an adapter, which whoever wrote it names, is on no other machine:
// Windows would log in there.
func TestAdapterOfAnotherMachine(t *testing.T) {
	for _, base := range []string{`\\host\share\model`, `//host/share/model`, `\/host/share`, `/\host\share`, `\\?\UNC\host\share`, `\\.\pipe\x`, `//?/UNC/h/s`, `\??\UNC\h\s`} {
		files := adapted(t, "bert", "bert", base)
		_, err := LoadFS(t.Context(), files, Config{})
		require.ErrorContains(t, err, "adapter_config.json: base_model_name_or_path: ")
		require.ErrorContains(t, err, "a folder of another machine")
		_, err = Load(t.Context(), onDisk(t, t.TempDir(), "model", files), Config{})
		require.ErrorContains(t, err, "a folder of another machine")
	}
}
