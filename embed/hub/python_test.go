package hub

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What huggingface_hub downloaded is found here, and the other way round.
func TestOneCacheWithPython(t *testing.T) {
	python := os.Getenv("RHUMB_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", `import huggingface_hub as h; assert h.__version__ == "2.4.0"`).Run(); err != nil {
		t.Skipf("NOT RUN: %s has no huggingface_hub 2.4.0 (RHUMB_PYTHON names another interpreter): %v", python, err)
	}
	withoutEnvironment(t)
	h := newFakeHub(t, "owner/model", modelFiles())
	snapshot := func(cache string, more ...string) string {
		cmd := exec.Command(python, append([]string{"testdata/snapshot.py", "owner/model", cache, h.URL}, more...)...)
		cmd.Env = append(os.Environ(), "HF_HUB_DISABLE_XET=1", "HF_HUB_DISABLE_TELEMETRY=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	ours, theirs := t.TempDir(), t.TempDir()

	dir, err := Resolve(context.Background(), "owner/model", Options{Download: true, Cache: ours, Endpoint: h.URL})
	require.NoError(t, err)
	require.Equal(t, dir, snapshot(ours, "--offline"))
	before := h.count("/cdn/")
	require.Equal(t, dir, snapshot(ours))
	require.Equal(t, before, h.count("/cdn/"), "downloaded again")

	dir = snapshot(theirs)
	found, err := Resolve(context.Background(), "owner/model", Options{Cache: theirs})
	require.NoError(t, err)
	require.Equal(t, dir, found)
	before = h.count("/cdn/")
	found, err = Resolve(context.Background(), "owner/model", Options{Download: true, Cache: theirs, Endpoint: h.URL})
	require.NoError(t, err)
	require.Equal(t, dir, found)
	require.Equal(t, before, h.count("/cdn/"), "downloaded again")
	require.Equal(t, needed, filesIn(t, dir))
}
