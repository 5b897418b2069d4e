package hub

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// put writes a file below dir.
func put(t testing.TB, dir, name, content string) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// A cache with two revisions of owner/base.
func baseCache(t testing.TB) (cache, first, second string) {
	cache = t.TempDir()
	const repo = "models--owner--base/"
	commits := []string{"1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"}
	put(t, cache, repo+"refs/main", commits[0])
	put(t, cache, repo+"refs/v2", commits[1])
	for _, c := range commits {
		put(t, cache, repo+"snapshots/"+c+"/config.json", "{}")
	}
	return cache, filepath.Join(cache, repo, "snapshots", commits[0]), filepath.Join(cache, repo, "snapshots", commits[1])
}

func TestBase(t *testing.T) {
	withoutEnvironment(t)
	cache, first, second := baseCache(t)
	const adapter = "adapter_config.json"
	for what, c := range map[string]struct {
		files    map[string]string
		revision string
		want     string
	}{
		"no adapter":               {map[string]string{"config.json": "{}"}, "", ""},
		"an id":                    {map[string]string{adapter: `{"base_model_name_or_path": "owner/base", "revision": null}`}, "", first},
		"a revision":               {map[string]string{adapter: `{"base_model_name_or_path": "owner/base", "revision": "v2"}`}, "", second},
		"another revision":         {map[string]string{adapter: `{"base_model_name_or_path": "owner/base", "revision": "v2"}`}, "main", first},
		"a module's":               {map[string]string{"modules.json": `[{"path": "0_Transformer"}]`, "0_Transformer/" + adapter: `{"base_model_name_or_path": "owner/base"}`}, "", first},
		"the base beside it":       {map[string]string{"config.json": "{}", adapter: `{"base_model_name_or_path": "owner/base"}`}, "", ""},
		"a folder in it":           {map[string]string{"owner/base/config.json": "{}", adapter: `{"base_model_name_or_path": "owner/base"}`}, "", ""},
		"the path of no folder":    {map[string]string{adapter: `{"base_model_name_or_path": "../base"}`}, "", ""},
		"an absolute path":         {map[string]string{adapter: `{"base_model_name_or_path": "/owner/base"}`}, "", ""},
		"a file that is no object": {map[string]string{adapter: `[`}, "", ""},
		"modules outside":          {map[string]string{"modules.json": `[{"path": "../x"}]`}, "", ""},
	} {
		dir := t.TempDir()
		for name, content := range c.files {
			put(t, dir, name, content)
		}
		got, err := Base(t.Context(), dir, Options{Cache: cache, Revision: c.revision})
		require.NoError(t, err, what)
		require.Equal(t, c.want, got, what)
	}
	dir := t.TempDir()
	put(t, dir, adapter, `{"base_model_name_or_path": "owner/other"}`)
	_, err := Base(t.Context(), dir, Options{Cache: cache})
	require.ErrorIs(t, err, ErrNotCached)
	require.ErrorContains(t, err, filepath.Join(dir, adapter)+": base_model_name_or_path: owner/other: revision main: ")
	put(t, dir, adapter, `{"base_model_name_or_path": "owner/base", "revision": "../v2"}`)
	_, err = Base(t.Context(), dir, Options{Cache: cache})
	require.ErrorContains(t, err, `revision "../v2", expected a branch, a tag or a commit`)
	_, err = Base(t.Context(), filepath.Join(dir, adapter), Options{Cache: cache})
	require.NoError(t, err)
}
