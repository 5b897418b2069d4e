package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const adapters = "../../testdata/adapters"

// adapterOf returns a folder with an adapter of testdata alone, which names that base model.
func adapterOf(t *testing.T, name, base, revision string) string {
	dir := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(adapters, name))))
	path := filepath.Join(dir, "adapter_config.json")
	config, err := os.ReadFile(path)
	require.NoError(t, err)
	text := strings.NewReplacer(`"../../goldens/bert/model"`, `"`+base+`"`, `"revision": null`, `"revision": "`+revision+`"`).Replace(string(config))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return dir
}

// The base model of an adapter is the one of --base, or of the cache, in the revision that the
// adapter names.
func TestBase(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	bert, err := filepath.Abs("../../testdata/goldens/bert/model")
	require.NoError(t, err)
	const commit = "0123456789abcdef0123456789abcdef01234567"
	repo := filepath.Join(cache, "models--owner--base")
	snapshot := filepath.Join(repo, "snapshots", commit)
	require.NoError(t, os.CopyFS(snapshot, os.DirFS(bert)))
	require.NoError(t, os.MkdirAll(filepath.Join(repo, "refs"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(repo, "refs", "v2"), []byte(commit), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(repo, "refs", "main"), []byte(commit), 0o600))

	embed := func(args ...string) string {
		code, stdout, stderr := rhumb(t, "the river", append([]string{"embed"}, args...)...)
		require.Zero(t, code, stderr)
		return stdout
	}
	want := embed("--model", adapterOf(t, "bert", filepath.ToSlash(bert), "v2"))
	assert.NotEqual(t, want, embed("--model", bert))
	assert.Equal(t, want, embed("--model", adapterOf(t, "bert", "owner/base", "v2")))
	assert.Equal(t, want, embed("--model", adapterOf(t, "bert", "owner/other", "v3"), "--base", bert))
	assert.Equal(t, want, embed("--model", adapterOf(t, "bert", "owner/other", "v3"), "--base", "owner/base"))

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--model", adapterOf(t, "bert", "owner/base", "v3")},
			"base_model_name_or_path: owner/base: revision v3: not in the cache (" + cache + "): run 'rhumb pull' with that id, or give --download, or --base"},
		{[]string{"--model", adapterOf(t, "bert", "/no/such/folder", "")}, `base_model_name_or_path: "/no/such/folder", expected the path of the base model's folder`},
		{[]string{"--model", adapterOf(t, "bert", "owner/base", "v2"), "--base", "/no/such/folder"}, `--base: model "/no/such/folder": no such folder`},
		{[]string{"--model", adapterOf(t, "bert", "owner/base", "v2"), "--base", "owner/other"}, "--base: model owner/other: revision main: not in the cache"},
		{[]string{"--model", bert, "--base", bert}, "given, expected none: the folder has no adapter_config.json"},
		{[]string{"--base", bert}, "given, expected none: the folder has no adapter_config.json"},
	} {
		code, _, stderr := rhumb(t, "the river", append([]string{"embed"}, c.args...)...)
		assert.NotZero(t, code)
		assert.Contains(t, stderr, c.want)
	}

	code, stdout, stderr := rhumb(t, "the river", "classify", "--model", adapterOf(t, "bert-classifier", "owner/base", "v2"))
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "LABEL_2")
	code, stdout, stderr = rhumb(t, "", "info", "--model", adapterOf(t, "bert-classifier", "owner/base", "v2"))
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "LABEL_2")
}

// A service has adapters beside other models, and below --models-dir.
func TestServedAdapters(t *testing.T) {
	bert, err := filepath.Abs("../../testdata/goldens/bert/model")
	require.NoError(t, err)
	adapter := adapterOf(t, "bert", "owner/base", "v2")
	s := serve(t, "--model", "a="+adapter, "--model", "b="+bert, "--base", bert)
	status, body := s.ask(t, "/v1/embeddings", "", `{"model": "a", "input": "the river"}`)
	require.Equal(t, 200, status, body)
	s = serve(t, "--models-dir", filepath.Dir(adapter), "--base", bert)
	status, body = s.ask(t, "/v1/embeddings", "", `{"model": "bert", "input": "the river"}`)
	require.Equal(t, 200, status, body)
}

// Loading a model of any kind in int8 says how much of it that does not hold.
func TestTellFiner(t *testing.T) {
	folder := func(from string) string {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
		columns := `{"encoder.layer.0.intermediate.dense.weight": null, "encoder.layer.0.output.dense.weight": null}`
		require.NoError(t, os.WriteFile(filepath.Join(dir, "outlier_columns.json"), []byte(columns), 0o600))
		return dir
	}
	const heads = "../../testdata/heads/"
	dir, ranks, multi, sparse := folder(tiny), folder(heads+"rerank-bert/model"), folder(heads+"mv-bert/model"), folder(heads+"sparse-bert-max/model")
	for _, c := range []struct{ precision, want string }{
		{"int8", "rhumb: 2 linear layers in bfloat16, which int8 does not hold well enough\n"},
		{"float32", ""},
	} {
		for _, more := range [][]string{{}, {"--as", "embedding"}} {
			code, _, stderr := rhumb(t, "", append([]string{"embed", "a", "--model", dir, "--precision", c.precision}, more...)...)
			assert.Equal(t, 0, code)
			assert.Equal(t, c.want, stderr)
		}
		for _, args := range [][]string{{"rerank", "--query", "a", "--model", ranks, "a text"}, {"rerank", "--query", "a", "--model", multi, "a text"}, {"embed", "a", "--as", "multi-vector", "--model", multi}, {"embed", "a", "--as", "sparse", "--model", sparse}} {
			code, _, stderr := rhumb(t, "", append(args, "--precision", c.precision)...)
			assert.Equal(t, 0, code, args)
			assert.Equal(t, c.want, stderr, args)
		}
	}
}
