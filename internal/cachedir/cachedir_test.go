package cachedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	path, err := Path("index")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "rhumb", "index"), path)

	t.Setenv("XDG_CACHE_HOME", "relative") // is none, as its specification says
	user, err := os.UserCacheDir()
	if err != nil {
		t.Skip("no cache of the user: ", err)
	}
	path, err = Path("index")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(user, "rhumb", "index"), path)
}
