package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// readingFolders are the folders of readings.json.gz, see generate_readings.py.
type readingFolders struct {
	Texts    []string
	Contents []string
	Folders  []readingFolder
}

type readingFolder struct {
	Name  string
	Files map[string]int
	Patch map[string]json.RawMessage // of tokenizer.json
	Four  json.RawMessage            `json:"4"` // ids, or an error's name
	Five  json.RawMessage            `json:"5"`
}

// files returns the files of f.
func (all *readingFolders) files(t testing.TB, f readingFolder) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for name, at := range f.Files {
		data := []byte(all.Contents[at])
		if text, ok := strings.CutPrefix(all.Contents[at], "base64:"); ok {
			var err error
			data, err = base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
		}
		if name == "tokenizer.json" && len(f.Patch) > 0 {
			var o map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(data, &o))
			for key, section := range f.Patch {
				o[key] = section
			}
			var err error
			data, err = json.Marshal(o)
			require.NoError(t, err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// TestReadings compares folders as either version of transformers reads them.
func TestReadings(t *testing.T) {
	var all readingFolders
	require.NoError(t, json.Unmarshal(gunzip(t, "readings.json.gz"), &all))
	require.Greater(t, len(all.Folders), 500)
	compared, refused := 0, 0
	for _, f := range all.Folders {
		for version, data := range map[int]json.RawMessage{4: f.Four, 5: f.Five} {
			var want [][]int32
			if version == 4 && strings.HasPrefix(f.Name, "slow") {
				continue // read as 5.23 does
			}
			if json.Unmarshal(data, &want) != nil {
				continue
			}
			compared++
			t.Run(f.Name+"/"+string(rune('0'+version)), func(t *testing.T) {
				files := all.files(t, f)
				tok, err := LoadAs(files, version)
				if errors.Is(err, unsupported.Err) {
					refused++
					t.Skip(err)
				}
				require.NoError(t, err, "%s", files["tokenizer_config.json"])
				for k, text := range all.Texts {
					sameIDs(t, want[k], encode(t, tok, text, Options{}), "%q", text)
				}
				if t.Failed() {
					for name, file := range files {
						if data := string(file.Data); name != "tokenizer.json" {
							t.Logf("%s: %.1500s", name, data)
						}
					}
					t.Logf("%s", f.Patch)
				}
			})
		}
	}
	assert.Greater(t, compared, 900)
	assert.Less(t, refused, 8)
}

// A folder is read as the version of transformers that it names.
func TestVersionOfFolder(t *testing.T) {
	for _, c := range []struct {
		config, tokenizerConfig string
		want                    int
	}{
		{`{}`, `{}`, 4},
		{`{"transformers_version": "4.57.6"}`, `{}`, 4},
		{`{"transformers_version": "5.0.0.dev0"}`, `{}`, 5},
		{`{"transformers_version": "10.1"}`, `{}`, 5},
		{`{"transformers_version": 5}`, `{}`, 4},
		{`{"transformers_version": "5.23.0"}`, `{"tokenizer_class": "BertTokenizer"}`, 5},
		{`{"transformers_version": "4.40.0"}`, `{"tokenizer_class": "TokenizersBackend"}`, 5},
	} {
		files := fstest.MapFS{
			"config.json":           {Data: []byte(c.config)},
			"tokenizer_config.json": {Data: []byte(c.tokenizerConfig)},
			"tokenizer.json":        {Data: []byte(wordPieceFile(""))},
		}
		tok, err := LoadFS(files)
		require.NoError(t, err)
		assert.Equal(t, c.want, tok.Version(), c)
	}
	_, err := LoadAs(fstest.MapFS{}, 3)
	assert.EqualError(t, err, "transformers 3, expected 4 or 5")
}

// Of qwen2 the class is built anew that the model type has, whatever the folder names; of qwen2_moe
// the file counts where the folder names TokenizersBackend, as in transformers 5.23.
func TestClassOfQwen2(t *testing.T) {
	dir := os.DirFS("../testdata/goldens/qwen3/model")
	file, err := fs.ReadFile(dir, "tokenizer.json")
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(file, &sections))
	sections["pre_tokenizer"] = json.RawMessage(`{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}`)
	sections["normalizer"] = json.RawMessage(`null`)
	file, err = json.Marshal(sections)
	require.NoError(t, err)
	for kind, want := range map[string][]int32{
		"qwen2_moe": {259, 65, 220, 220, 16, 17, 220, 18, 19, 20, 420},
		"qwen2":     {64, 65, 220, 220, 16, 17, 220, 18, 19, 20, 420},
	} {
		tok, err := LoadFS(fstest.MapFS{
			"config.json":           {Data: []byte(`{"model_type": "` + kind + `", "transformers_version": "5.23.0"}`)},
			"tokenizer_config.json": {Data: []byte(`{"tokenizer_class": "TokenizersBackend"}`)},
			"tokenizer.json":        {Data: file},
		})
		require.NoError(t, err)
		got, err := tok.Encode("ab  12 345", Options{})
		require.NoError(t, err)
		assert.Equal(t, want, got.IDs, kind)
	}
}

// Added tokens that are empty, there twice, or the same once normalized: ids of tokenizers
// 0.23.3, which takes one of the last by chance.
func TestAddedTwice(t *testing.T) {
	const x = `{"id":9,"content":"X","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}`
	normalized := strings.Replace(x, `"normalized":false`, `"normalized":true`, 1)
	for _, c := range []struct {
		sections string
		want     []int32 // of "x y X"
	}{
		{`"added_tokens":[` + x + `,` + x + `]`, []int32{0, 0, 8}},
		{`"added_tokens":[` + strings.Replace(x, `"X"`, `""`, 1) + `,` + x + `]`, []int32{0, 0, 8}},
		{`"added_tokens":[` + strings.Replace(x, `9`, `7`, 1) + `,` + strings.Replace(x, `"X"`, `"y"`, 1) + `]`, []int32{0, 9, 8}},
		{`"normalizer":{"type":"Lowercase"},"added_tokens":[` + normalized + `,` + x + `]`, []int32{0, 0, 8}},
		{`"normalizer":{"type":"Lowercase"},"added_tokens":[` + normalized + `,` + strings.Replace(normalized, `"X"`, `"x"`, 1) + `]`, []int32{8, 0, 8}},
		{`"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
			"added_tokens":[` + strings.Replace(normalized, `"X"`, `"\u0000"`, 1) + `,` + normalized + `]`, []int32{9, 0, 9}},
	} {
		tok, err := Parse([]byte(wordPieceFile(`"pre_tokenizer":{"type":"Whitespace"},` + c.sections)))
		require.NoError(t, err, c.sections)
		assert.Equal(t, c.want, encode(t, tok, "x y X", Options{}), c.sections)
	}
}
