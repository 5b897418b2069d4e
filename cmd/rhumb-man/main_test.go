package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/command"
)

// There is a page of every command, which names its flags.
func TestPages(t *testing.T) {
	t.Setenv("RHUMB_MODEL", "not in a page")
	dir := filepath.Join(t.TempDir(), "man")
	require.NoError(t, run([]string{dir}))
	commands := command.Root().Commands()
	require.Greater(t, len(commands), 15)
	for _, cmd := range commands {
		if cmd.Name() == "help" {
			continue // which the generator leaves out
		}
		data, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		require.NoError(t, err)
		page := strings.ReplaceAll(string(data), `\-`, "-")
		assert.Contains(t, page, ".SH NAME")
		assert.Contains(t, page, cmd.Short)
		assert.NotContains(t, page, "not in a page")
		for _, name := range []string{"model", "output", "json"} {
			if cmd.Flags().Lookup(name) != nil {
				assert.Contains(t, page, "--"+name, cmd.Name())
			}
		}
	}
	assert.FileExists(t, filepath.Join(dir, "rhumb.1"))
	assert.ErrorContains(t, run(nil), "expected one argument")
	assert.Error(t, run([]string{filepath.Join(dir, "rhumb.1")}))
}
