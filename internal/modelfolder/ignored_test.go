package modelfolder

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file of arguments has known keys alone, and those whose value says that there is nothing.
func TestReadJSON(t *testing.T) {
	for value, harmless := range map[string]bool{
		`null`: true, `false`: true, `""`: true, `[ ]`: true, `{}`: true,
		`true`: false, `0`: false, `1`: false, `"x"`: false, `[null]`: false, `{"a": null}`: false,
	} {
		f := Folder{FS: fstest.MapFS{"m/a.json": {Data: []byte(`{"known": 1, "more": ` + value + `}`)}}, Path: "m", ignored: new(Ignored)}
		var v struct {
			Known int `json:"known"`
		}
		_, err := f.ReadJSON("a.json", &v)
		if harmless {
			require.NoError(t, err, value)
			assert.Equal(t, []string{"m/a.json: more"}, f.ignored.List())
		} else {
			require.EqualError(t, err, `m/a.json: unknown key "more"`, value)
		}
		_, err = f.ReadSome("a.json", &v)
		require.NoError(t, err, value)
		assert.Equal(t, []string{"m/a.json: more"}, f.ignored.List())
	}
}

// However many keys there are and however long, few bytes are kept.
func TestIgnoredIsBounded(t *testing.T) {
	i := new(Ignored)
	for n := range 1000 {
		i.Add(Folder{}, "a", fmt.Sprint(n, strings.Repeat("x", 1000)))
	}
	list := i.List()
	require.Len(t, list, mostIgnored+1)
	assert.Equal(t, "and 936 more", list[mostIgnored])
	assert.Less(t, len(list[0]), 120)
}
