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

// docs/speed.svg is what speed.json has, and is well-formed.
func TestSpeed(t *testing.T) {
	data, err := os.ReadFile("speed.json")
	require.NoError(t, err)
	want, err := draw(data)
	require.NoError(t, err)
	have, err := os.ReadFile("../../docs/speed.svg")
	require.NoError(t, err)
	require.Equal(t, string(want), strings.ReplaceAll(string(have), "\r", ""), "go generate ./internal/plot")
	d := xml.NewDecoder(strings.NewReader(string(have)))
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
