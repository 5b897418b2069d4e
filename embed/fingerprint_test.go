package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
)

func fingerprint(t testing.TB, files fstest.MapFS, cfg Config) string {
	t.Helper()
	f := printOf(t, loadFiles(t, files, cfg))
	require.Regexp(t, "^[0-9a-f]{32}$", f)
	return f
}

// indent gives each JSON file of a folder white space.
func indent(t *testing.T, files fstest.MapFS) {
	for name, f := range files {
		if strings.HasSuffix(name, ".json") {
			var b bytes.Buffer
			require.NoError(t, json.Indent(&b, f.Data, "", "\t"))
			write(files, name, b.String())
		}
	}
}

// What does not change a vector does not change the fingerprint.
func TestSameFingerprint(t *testing.T) {
	want := fingerprint(t, readModel(t, "bert-cls-dense"), Config{})
	for name, cfg := range map[string]Config{
		"name": {Name: "other"}, "workers": {Workers: 3}, "kernels": {Kernels: "generic"}, "batches": {BatchTokens: 7}, "limit": {MaxTokens: 9},
	} {
		assert.Equal(t, want, fingerprint(t, readModel(t, "bert-cls-dense"), cfg), name)
	}
	for name, change := range map[string]func(t *testing.T, f fstest.MapFS){
		"white space":          indent,
		"shards":               func(t *testing.T, f fstest.MapFS) { shard(t, f, safetensors, "model.safetensors") },
		"state dict":           func(t *testing.T, f fstest.MapFS) { toStateDict(t, f, "") },
		"of a module":          func(t *testing.T, f fstest.MapFS) { toStateDict(t, f, "2_Dense/") },
		"version":              changeFile("config.json", `"transformers_version"`, `"_name_or_path": "a", "transformers_version"`),
		"tokenizer's settings": putFile("tokenizer_config.json", `{"unk_token": "[UNK]", "chat_template": "x"}`),
		"limit":                putFile("sentence_bert_config.json", `{"max_seq_length": 20, "do_lower_case": false}`),
		"ranges": putFile(quant.RangesFile, fmt.Sprintf(`{"min": [%s0], "max": [%[1]s1], "dimensions": 40, "normalized": true}`,
			strings.Repeat("0,", 39))),
	} {
		t.Run(name, func(t *testing.T) {
			files := readModel(t, "bert-cls-dense")
			change(t, files)
			assert.Equal(t, want, fingerprint(t, files, Config{}))
		})
	}
}

// What changes a vector changes the fingerprint.
func TestOtherFingerprints(t *testing.T) {
	seen := map[string]string{fingerprint(t, readModel(t, "bert-cls-dense"), Config{}): "the model as it is"}
	flip := func(name string) func(t *testing.T, f fstest.MapFS) {
		return func(t *testing.T, f fstest.MapFS) {
			data := bytes.Clone(f[name].Data)
			data[len(data)-4] ^= 1 // the lowest bit of a float32
			write(f, name, string(data))
		}
	}
	for name, change := range map[string]func(t *testing.T, f fstest.MapFS){
		"a bit of the weights": flip("model.safetensors"),
		"a bit of a module":    flip("2_Dense/model.safetensors"),
		"activation":           changeFile("2_Dense/config.json", "Tanh", "GELU"),
		"config.json": func(t *testing.T, f fstest.MapFS) {
			var config map[string]any
			require.NoError(t, json.Unmarshal(f["config.json"].Data, &config))
			config["layer_norm_eps"] = 1e-6
			data, err := json.Marshal(config)
			require.NoError(t, err)
			write(f, "config.json", string(data))
		},
		"tokenizer":      changeFile("tokenizer.json", `"continuing_subword_prefix": "##"`, `"continuing_subword_prefix": "@@"`),
		"added token":    putFile("tokenizer_config.json", `{"extra_special_tokens": ["<q>"]}`),
		"lowercase":      putFile("sentence_bert_config.json", `{"max_seq_length": 32, "do_lower_case": true}`),
		"pooling":        putFile("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode": "max"}`),
		"prompt":         putFile("config_sentence_transformers.json", `{"prompts": {"query": "q: "}}`),
		"default prompt": putFile("config_sentence_transformers.json", `{"prompts": {"query": "q: "}, "default_prompt_name": "query"}`),
	} {
		files := readModel(t, "bert-cls-dense")
		change(t, files)
		f := fingerprint(t, files, Config{})
		assert.Emptyf(t, seen[f], "%s: same fingerprint", name)
		seen[f] = name
	}
	for _, name := range []string{"router", "router-dense", "router-shared", "static", "model2vec", "plain", "layers"} {
		f := fingerprint(t, moduleFiles(t, name), Config{})
		assert.Emptyf(t, seen[f], "%s: same fingerprint", name)
		seen[f] = name
	}
}

func TestFingerprintOfAClosedModel(t *testing.T) {
	before, err := LoadFS(t.Context(), readModel(t, "bert"), Config{})
	require.NoError(t, err)
	want := printOf(t, before)
	require.NoError(t, before.Close())
	assert.Equal(t, want, printOf(t, before))
	never, err := LoadFS(t.Context(), readModel(t, "bert"), Config{})
	require.NoError(t, err)
	require.NoError(t, never.Close())
	_, err = never.Fingerprint(t.Context())
	assert.ErrorIs(t, err, ErrClosed)
}

// Ranges that name a model serve it alone.
func TestRangesOfAnotherModel(t *testing.T) {
	files := readModel(t, "bert")
	m := loadFiles(t, files, Config{})
	opts := Options{Formats: []encoding.Format{encoding.Int8}, Ranges: &quant.Ranges{Min: make([]float32, 24), Max: make([]float32, 24), Normalized: true}}
	want := embedTexts(t, m, []string{"a"}, opts)
	opts.Ranges.Fingerprint = printOf(t, m)
	assert.Equal(t, want, embedTexts(t, m, []string{"a"}, opts))
	opts.Ranges.Fingerprint = "another"
	_, err := m.Embed(t.Context(), []string{"a"}, opts)
	requireOptionError(t, err, fmt.Sprintf("ranges: measured with a model of fingerprint %q, this one has %q", "another", printOf(t, m)))

	var b strings.Builder
	require.NoError(t, opts.Ranges.Write(&b))
	write(files, quant.RangesFile, b.String())
	m = loadFiles(t, files, Config{})
	embedTexts(t, m, []string{"a"}, Options{})
	_, err = m.Embed(t.Context(), []string{"a"}, Options{Formats: opts.Formats})
	require.ErrorContains(t, err, `ranges: quantization_ranges.json: measured with a model of fingerprint "another"`)
}

// printOf returns the fingerprint of m.
func printOf(t testing.TB, m *Model) string {
	print, err := m.Fingerprint(t.Context())
	require.NoError(t, err)
	require.Len(t, print, 32)
	return print
}

// Nobody waits for the weights once the context has ended.
func TestFingerprintIsCanceled(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Fingerprint(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, printOf(t, loadGolden(t, "bert", Config{})), printOf(t, m)) // not of what had been read
}
