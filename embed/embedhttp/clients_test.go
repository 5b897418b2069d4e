package embedhttp

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// The vendors' own clients get the library's vectors, and the errors they know.
// They are installed from the registries, in the versions of testdata/clients.
func TestClients(t *testing.T) {
	if os.Getenv("RHUMB_CLIENTS") == "" {
		t.Skip("NOT RUN: the vendors' clients. RHUMB_CLIENTS=1 installs them with pip, npm and go, and runs them")
	}
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h, _ := served(t, func(c *Config) { c.Keys = keys })
	server := httptest.NewServer(h)
	defer server.Close()

	texts := []string{"The food was delicious", "Das Essen war köstlich 😀", " ", "a\tb\n\"c\""}
	want := library(t, embed.Options{Formats: []encoding.Format{encoding.Base64, encoding.Int8}}, texts...)
	var vectors []string
	var int8s [][]int8
	tokens := 0
	for _, e := range want.Embeddings {
		vectors, int8s = append(vectors, e.Base64), append(int8s, e.Int8)
		tokens += e.Tokens
	}
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/clients")))
	content, err := json.Marshal(map[string]any{"texts": texts, "vectors": vectors, "int8": int8s, "tokens": tokens})
	require.NoError(t, err)
	expected := filepath.Join(folder, "expected.json")
	require.NoError(t, os.WriteFile(expected, content, 0o666))
	python := filepath.Join(folder, "venv", "bin", "python")
	if runtime.GOOS == "windows" {
		python = filepath.Join(folder, "venv", "Scripts", "python.exe")
	}
	run := func(command []string) ([]byte, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = folder
		return cmd.CombinedOutput()
	}
	for name, c := range map[string]struct {
		install [][]string
		client  []string
	}{
		"Python": {
			[][]string{{"python3", "-m", "venv", "venv"}, {python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"}},
			[]string{python, "clients.py", server.URL, expected},
		},
		"Node": {[][]string{{"npm", "install", "--silent", "--no-audit", "--no-fund"}}, []string{"node", "client.mjs", server.URL, expected}},
		"Go":   {[][]string{{"go", "-C", "gosdk", "mod", "download"}}, []string{"go", "-C", "gosdk", "run", ".", server.URL, expected}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range c.install {
				if output, err := run(command); err != nil {
					t.Skipf("NOT RUN: %v: %v\n%s", command, err, output)
				}
			}
			output, err := run(c.client)
			require.NoError(t, err, "%v\n%s", c.client, output)
			t.Logf("%s", output)
		})
	}
}
