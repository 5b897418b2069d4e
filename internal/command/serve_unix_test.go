//go:build unix

package command

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// A pipe is read when somebody writes it, and holds nothing up when nobody does.
func TestKeysPipe(t *testing.T) {
	newPipe := func() string {
		pipe := filepath.Join(t.TempDir(), "keys")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		return pipe
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := readKeys(ctx, newPipe())
	assert.ErrorIs(t, err, context.Canceled)

	pipe, written := newPipe(), make(chan error)
	go func() { written <- os.WriteFile(pipe, []byte("first\n"), 0) }()
	keys, err := readKeys(t.Context(), pipe)
	require.NoError(t, err)
	assert.Equal(t, []embedhttp.Key{{Key: "first"}}, keys)
	require.NoError(t, <-written)
}

// A pipe as the file of the keys ends neither the service nor its end.
func TestServeKeysPipe(t *testing.T) {
	keys := write(t, "keys.txt", "first\n")
	s := serve(t, "--api-keys", keys)
	require.NoError(t, os.Remove(keys))
	require.NoError(t, syscall.Mkfifo(keys, 0o600))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "first")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	f, err := os.OpenFile(keys, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("second\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	s.line(t, "API keys read again")
	code, _, err = s.post(`{"model":"tiny","input":"summer"}`, "second")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	require.NoError(t, s.Process.Signal(syscall.SIGHUP)) // nobody writes
	s.end(t, syscall.SIGTERM)
}
