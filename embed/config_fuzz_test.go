package embed

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rhumb-go/rhumb/internal/mutate"
)

// fuzzValues are what a fuzzer may put in the place of a value; "" takes it out.
var fuzzValues = []string{
	``, `null`, `true`, `false`, `0`, `-1`, `1`, `2`, `3`, `7`, `16`, `64`, `128`, `513`, `65536`, `10000000`, `2147483647`, `4294967296`, `9223372036854775807`,
	`0.5`, `1e-45`, `1e-300`, `1e30`, `1e308`, `-1e308`, `1000000000000000019884624838656`,
	`""`, `"x"`, `"default"`, `"linear"`, `"dynamic"`, `"ntk"`, `"yarn"`, `"llama3"`, `"gelu"`, `"relu"`, `"geglu"`, `"gated-gelu"`, `"alibi"`, `"rope"`, `"rotary"`,
	`"full_attention"`, `"sliding_attention"`, `"mean"`, `"lasttoken"`, `"token_embeddings"`, `"Left"`, `"../x"`, `"torch.nn.modules.linear.Identity"`,
	`"sentence_transformers.models.Dense"`, `"sentence_transformers.models.Pooling"`, `"sentence_transformers.models.Router"`,
	`"sentence_transformers.models.StaticEmbedding"`, `"sentence_transformers.models.Transformer"`,
	`[]`, `[null]`, `[1, 2]`, `["x"]`, `["full_attention", "sliding_attention", "full_attention"]`, `{}`, `{"x": 1}`, `{"rope_type": "yarn", "factor": 4.0}`,
	`{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}`,
}

// FuzzConfig changes values in the JSON files of a folder, of a family, a module or an
// adapter each. In changes each value is three bytes: the file, the place and what
// is put there, own for the last of all.
func FuzzConfig(f *testing.F) {
	folders := tinyFolders(f)
	names := slices.Sorted(maps.Keys(folders))
	for i := range names {
		f.Add(byte(i), []byte{0, 3, 16}, `1`)
		f.Add(byte(i), []byte{0, 9, 14, 1, 2, 0}, `"bert"`)
		f.Add(byte(i), []byte{2, 1, 54, 0, 200, 255}, `{"rope_theta": 3.0}`)
	}
	f.Fuzz(func(t *testing.T, which byte, changes []byte, own string) {
		files := maps.Clone(folders[names[int(which)%len(names)]])
		var texts []string
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if path.Ext(name) == ".json" {
				texts = append(texts, name)
			}
		}
		if len(changes) > 3*8 {
			changes = changes[:3*8]
		}
		for ; len(changes) >= 3; changes = changes[3:] {
			name := texts[int(changes[0])%len(texts)]
			doc, err := mutate.Parse(files[name].Data)
			if err != nil {
				return
			}
			places := slices.DeleteFunc(doc.Places(), func(p mutate.Place) bool {
				return strings.Contains(p.Path, ".vocab") || strings.Contains(p.Path, ".merges")
			})
			place := places[int(changes[1])%len(places)]
			value := own
			if i := int(changes[2]); i < len(fuzzValues) {
				value = fuzzValues[i]
			}
			switch {
			case value == "":
				place.Remove()
			case json.Valid([]byte(value)):
				place.Set(value)
			default:
				return
			}
			data, err := doc.JSON()
			if err != nil {
				return
			}
			write(files, name, string(data))
		}
		before := allocated()
		_ = survive(files)
		if n := allocated() - before; n > 512<<20 {
			t.Errorf("%d MiB allocated", n>>20)
		}
	})
}
