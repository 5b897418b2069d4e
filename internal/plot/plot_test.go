package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file returns what a file has.
func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r", "")
}

// docs/speed.svg is what speed.json has.
func TestSpeed(t *testing.T) {
	want, err := draw([]byte(file(t, "speed.json")))
	require.NoError(t, err)
	require.Equal(t, string(want), file(t, "../../docs/speed.svg"), "go generate ./internal/plot")
}

// docs/benchmarks.md and docs/backends.svg have what runs.jsonl has.
func TestRuns(t *testing.T) {
	all, err := parse([]byte(file(t, "runs.jsonl")))
	require.NoError(t, err)
	text := file(t, "../../docs/benchmarks.md")
	want, err := fill(text, all.tables())
	require.NoError(t, err)
	require.True(t, want == text, "docs/benchmarks.md: go generate ./internal/plot")
	require.Equal(t, string(all.machines()[0].chart().draw()), file(t, "../../docs/backends.svg"), "go generate ./internal/plot")
}

// The pictures are well-formed.
func TestPictures(t *testing.T) {
	for _, name := range []string{"speed", "backends"} {
		wellFormed(t, file(t, "../../docs/"+name+".svg"))
	}
}

func wellFormed(t *testing.T, have string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(have))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}

// A bar is as long as its value by the largest of its panel, and names are escaped.
func TestDraw(t *testing.T) {
	image, err := draw([]byte(`{"Panels": [{"Bars": [{"Name": "a<b", "Value": 4, "Own": true}, {"Name": "c", "Value": 1}]}]}`))
	require.NoError(t, err)
	assert.Contains(t, string(image), "a&lt;b")
	assert.Contains(t, string(image), `width="370" height="14" fill="#0b7a75"`)
	assert.Contains(t, string(image), `width="93" height="14" fill="#9aa7b4"`)
	_, err = draw([]byte(`{"Panels": [{"Title": "x"}]}`))
	require.ErrorContains(t, err, `panel "x": no value above 0`)
}
