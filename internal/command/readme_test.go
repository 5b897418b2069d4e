package command

import (
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README's command lines do what they say, in its order.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "## Use the command\n\n```\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	o := newOffer(t, "BAAI/bge-small-en-v1.5")
	folders := map[string]fs.FS{"path/to/model": o.files}
	for name, model := range map[string]string{"path/to/reranker": reranker, "path/to/classifier": classifier} {
		dir, err := filepath.Abs(model)
		require.NoError(t, err)
		folders[name] = os.DirFS(dir)
	}
	t.Chdir(t.TempDir())
	for name, files := range folders {
		require.NoError(t, os.CopyFS(filepath.FromSlash(name), files))
	}
	require.NoError(t, os.WriteFile("texts.txt", []byte("summer\nwinter\n"), 0o666))
	for line := range strings.Lines(block) {
		t.Run(line, func(t *testing.T) {
			command, _, ok := strings.Cut(line, "#")
			require.True(t, ok, "a comment says what it does")
			words := csv.NewReader(strings.NewReader(strings.TrimSpace(command))) // as a shell splits such lines
			words.Comma = ' '
			args, err := words.Read()
			require.NoError(t, err)
			require.Equal(t, "rhumb", args[0])
			code, stdout, stderr := rhumb(t, "", args[1:]...)
			assert.Zero(t, code, stderr)
			assert.Empty(t, stderr)
			if strings.Contains(line, "--output ") {
				assert.FileExists(t, args[len(args)-1])
			} else {
				assert.NotEmpty(t, stdout)
			}
		})
	}
}
