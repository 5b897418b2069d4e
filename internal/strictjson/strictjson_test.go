package strictjson

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

type inner struct {
	Size int `json:"size"`
}

type outer struct {
	Name  string  `json:"name"`
	Parts []inner `json:"parts"`
	Own   inner   `json:"own"`
}

// Errors say in the words of the file what is wrong, and whether it is damaged.
func TestErrors(t *testing.T) {
	known := func(data []byte, v *outer) error { return UnmarshalKnown(data, v) }
	any := func(data []byte, v *outer) error { return Unmarshal(data, v) }
	null := func(data []byte, v *outer) error { return Unmarshal(data, &v) } // which null sets to nil
	list := func(data []byte, v *outer) error { return Unmarshal(data, &v.Parts) }
	for _, c := range []struct {
		read      func([]byte, *outer) error
		data      string
		want      string // "" for no error
		supported bool   // the error is an *Error, not unsupported.Err
	}{
		{any, `{"name": "a", "parts": [{"size": 1}], "more": 2}`, "", true},
		{known, ` {"name": "a", "parts": [{"size": 1}]} `, "", true},
		{any, `{"name": 1}`, "name: found number, expected string", true},
		{any, `{"own": {"size": "s"}}`, "own.size: found string, expected int", true},
		{null, `null`, "", true},
		{null, `5`, "found number, expected object", true},
		{null, `{"own": {"size": "s"}}`, "own.size: found string, expected int", true},
		{list, `5`, "found number, expected list", true},
		{list, `[{"size": "s"}]`, "size: found string, expected int", true},
		{any, `{"own": []}`, "own: found array, expected object", true},
		{any, `{"parts": {}}`, "parts: found object, expected list", true},
		{any, `{"Name": "a"}`, `key "Name", expected "name"`, true},
		{any, `{"parts": [{"SIZE": 1}]}`, `parts: key "SIZE", expected "size"`, true},
		{any, `{"name": `, "unexpected end of JSON input", true},
		{any, `{} {}`, "invalid character '{' after top-level value", true},
		{known, ``, "an empty file, expected JSON", true},
		{known, `{"name": `, "unexpected EOF", true},
		{known, `{} {}`, "more after the JSON value, which ends at byte 2", true},
		{known, `{"name": "a", "more": 2}`, `unknown key "more"`, false},
	} {
		err := c.read([]byte(c.data), new(outer))
		if c.want == "" {
			require.NoError(t, err, c.data)
			continue
		}
		require.EqualError(t, err, c.want, c.data)
		var damaged *Error
		assert.Equal(t, c.supported, errors.As(err, &damaged), c.data)
		assert.Equal(t, !c.supported, errors.Is(err, unsupported.Err), c.data)
	}
}

func TestMembers(t *testing.T) {
	list, err := Members([]byte(` {"b": [1, {"c": 2}], "a": null, "b": "\u0061"} `))
	require.NoError(t, err)
	require.Len(t, list, 3)
	for i, want := range []Member{{"b", []byte(`[1, {"c": 2}]`)}, {"a", []byte(`null`)}, {"b", []byte(`"\u0061"`)}} {
		assert.Equal(t, want.Key, list[i].Key)
		assert.Equal(t, string(want.Value), string(list[i].Value))
	}
	list, err = Members([]byte(`{}`))
	require.NoError(t, err)
	assert.Empty(t, list)
	for _, bad := range []string{``, `[]`, `"a"`, `{"a" 1}`, `{"a": }`, `{1: 2}`, `{"a": 1`} {
		_, err := Members([]byte(bad))
		assert.Error(t, err, bad)
	}
}
