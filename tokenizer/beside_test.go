package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// besideFolders are the folders of beside.json.gz, see generate_beside.py.
type besideFolders struct {
	Texts   []string
	Folders []struct {
		Files map[string]json.RawMessage
		Four  json.RawMessage `json:"4"` // ids, or an error's name
		Five  json.RawMessage `json:"5"`
	}
}

func readBeside(t testing.TB) (all besideFolders) {
	t.Helper()
	require.NoError(t, json.Unmarshal(gunzip(t, "beside.json.gz"), &all))
	require.Greater(t, len(all.Folders), 300)
	return all
}

// TestBeside compares folders with added tokens in tokenizer_config.json,
// special_tokens_map.json and added_tokens.json with what either version of
// transformers makes of them.
func TestBeside(t *testing.T) {
	all := readBeside(t)
	compared := 0
	for i, f := range all.Folders {
		for version, data := range map[string]json.RawMessage{"4.57.6": f.Four, "5.23.0": f.Five} {
			var want [][]int32
			if json.Unmarshal(data, &want) != nil {
				continue
			}
			t.Run(fmt.Sprintf("%d/%s", i, version), func(t *testing.T) {
				files := fstest.MapFS{}
				for name, data := range f.Files {
					files[name] = &fstest.MapFile{Data: data}
				}
				files["config.json"] = &fstest.MapFile{Data: []byte(`{"transformers_version": "` + version + `"}`)}
				tok, err := LoadFS(files)
				require.NoError(t, err)
				for k, text := range all.Texts {
					sameIDs(t, want[k], encode(t, tok, text, Options{}), "%q", text)
				}
				if t.Failed() {
					for name, data := range f.Files {
						if name != "tokenizer.json" {
							t.Logf("%s: %s", name, data)
						} else {
							_, data, _ := strings.Cut(string(data), "added_tokens")
							t.Log(strings.Split(data, "normalizer\"")[0])
						}
					}
				}
			})
			compared++
		}
	}
	assert.Greater(t, compared, 600)
}
