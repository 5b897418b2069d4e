package command

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/cache/disk"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0B": 0, "17b": 17, "3kB": 3000, "3KiB": 3072, "512MB": 512e6, "4GiB": 4 << 30, "2tb": 2e12, "8TiB": 8 << 40, "9223372036854775807B": math.MaxInt64,
	} {
		n, err := parseSize(s)
		assert.NoError(t, err, s)
		assert.Equal(t, want, n, s)
	}
	for _, s := range []string{"", "1", "MB", "-1MB", "1.5GB", "1 MB", "1iB", "1MBs", "1PB", "9223372036854775808B", "8388608TiB", "99999999TB"} {
		_, err := parseSize(s)
		assert.Error(t, err, s)
	}
}

// A job with a cache writes the bytes of one without, and the next one computes nothing.
func TestBatchCache(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	require.NoError(t, os.WriteFile(in, []byte("summer\nwinter\nautumn\n"), 0o600))
	file := filepath.Join(dir, "rows.cache")
	out := filepath.Join(dir, "plain.jsonl")
	code, stdout, stderr := rhumb(t, "", "batch", in, out, "--model", tiny)
	require.Zero(t, code, stderr)
	assert.Equal(t, out+": 3 rows\n", stdout)
	want, err := os.ReadFile(out)
	require.NoError(t, err)
	for k, said := range []string{"cache: 0 hits, 3 misses", "cache: 3 hits, 0 misses"} {
		out := filepath.Join(dir, []string{"first.jsonl", "second.jsonl"}[k])
		code, stdout, stderr := rhumb(t, "", "batch", in, out, "--model", tiny, "--cache", file, "--cache-size", "16MiB")
		require.Zero(t, code, stderr)
		assert.Equal(t, out+": 3 rows; "+said+"\n", stdout)
		got, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
	code, stdout, stderr = rhumb(t, "", "batch", in, filepath.Join(dir, "memory.jsonl"), "--model", tiny, "--cache", "1MB")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "0 hits, 3 misses")

	open, err := disk.Open(file, disk.Config{})
	require.NoError(t, err)
	defer open.Close() //nolint:errcheck
	for _, c := range []struct {
		code    int
		message string
		flags   []string
	}{
		{1, "in use by another process", []string{"--cache", file}},
		{1, "not a cache", []string{"--cache", in}},
		{2, "as ./5", []string{"--cache", "5"}},
		{2, "--cache-size 1MB: must be 16 MiB or more", []string{"--cache", filepath.Join(dir, "new"), "--cache-size", "1MB"}},
		{2, "--cache with --late", []string{"--cache", file, "--chunk-tokens", "20", "--late"}},
		{2, "--cache: expected a model that makes an embedding of a text", []string{"--cache", "1MB", "--model", splade}},
		{2, "which names none", []string{"--cache-size", "1GB"}},
		{2, "which names none", []string{"--cache", "1GB", "--cache-size", "1GB"}},
		{2, "--cache-size big: expected a size", []string{"--cache-size", "big"}},
	} {
		code, _, stderr := rhumb(t, "", append([]string{"batch", in, filepath.Join(dir, "refused.jsonl"), "--model", tiny}, c.flags...)...)
		assert.Equal(t, c.code, code, "%v", c.flags)
		assert.Contains(t, stderr, c.message)
	}
	code, _, stderr = rhumb(t, "", "batch", in, "-", "--cache", "1MB", "--model", splade)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--cache: expected a model that makes an embedding of a text")
}

// A service with a cache answers the same bytes for the same text, tells what it found, and
// finds it again when it starts again.
func TestServeCache(t *testing.T) {
	needSignals(t)
	data := regexp.MustCompile(`"data":.*`)
	answer := func(s *service) string {
		code, body, err := s.post(`{"model":"tiny","input":["summer","winter"]}`, "")
		require.NoError(t, err)
		require.Equal(t, 200, code)
		return data.FindString(string(body))
	}
	plain := serve(t)
	want := answer(plain)
	plain.end(t, syscall.SIGTERM)
	require.NotEmpty(t, want)

	file := filepath.Join(t.TempDir(), "rows.cache")
	for round, place := range []string{"64MB", file, file} {
		s := serve(t, "--cache", place)
		assert.Equal(t, want, answer(s))
		assert.Equal(t, want, answer(s))
		metrics := s.get(t, "/metrics")
		hits, misses := "2", "3" // one to be ready
		if round == 2 {
			hits, misses = "5", "0"
			assert.Contains(t, s.line(t, "cached"), "cached=2")
		}
		assert.Contains(t, metrics, "\nrhumb_cache_hits_total "+hits+"\n")
		assert.Contains(t, metrics, "\nrhumb_cache_misses_total "+misses+"\n")
		assert.Regexp(t, `\nrhumb_cache_bytes [1-9]`, metrics)
		s.client.CloseIdleConnections()
		s.end(t, syscall.SIGTERM)
	}
	code, _, stderr := rhumb(t, "", "serve", "--addr", "127.0.0.1:0", "--model", tiny, "--cache", t.TempDir())
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "--cache ")
}
