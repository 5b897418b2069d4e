package main

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const command = "go generate ./internal/kernel"

// Each generated file in the repository is what the generator writes now, to the byte.
func TestFilesAreUpToDate(t *testing.T) {
	const dir = ".." // internal/kernel
	want := files(dir)
	for name, source := range want {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v; expected what %q writes", err, command)
			continue
		}
		assert.True(t, generated.Match(source), "%s: no line says that it is generated", name)
		if line, ok := difference(have, source); ok {
			t.Errorf("internal/kernel/%s:%d: not what %q writes", name, line, command)
		}
	}

	// A file that the generator writes no longer stays where it was.
	internal := os.DirFS(filepath.Join(dir, ".."))
	require.NoError(t, fs.WalkDir(internal, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" && path.Ext(name) != ".s" {
			return err
		}
		source, err := fs.ReadFile(internal, name)
		if err == nil && generated.Match(source) {
			own, here := strings.CutPrefix(name, "kernel/")
			assert.True(t, here && want[own] != nil, "internal/%s: says that it is generated, and is not what %q writes: delete it", name, command)
		}
		return err
	}))
}

// generated is the line by which tools know a generated file.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// difference returns the first line, counted from 1, in which a and b differ.
func difference(a, b []byte) (line int, found bool) {
	left, right := bytes.SplitAfter(a, []byte("\n")), bytes.SplitAfter(b, []byte("\n"))
	for i := range min(len(left), len(right)) {
		if !bytes.Equal(left[i], right[i]) {
			return i + 1, true
		}
	}
	return min(len(left), len(right)) + 1, len(left) != len(right)
}
