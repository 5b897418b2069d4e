package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noise returns bytes that no window has twice.
func noise(n int) []byte {
	data, r := make([]byte, n), rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(data) // has no error
	return data
}

func TestStore(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service, store := start(t), newStore()
			data := noise(9<<20 + 12345) // two parts of an upload
			big := service.name("bucket/a b/ü.bin")
			put(t, big, data)
			o, err := store.Open(t.Context(), big)
			require.NoError(t, err)
			info, err := o.Stat()
			require.NoError(t, err)
			assert.EqualValues(t, len(data), info.Size())
			assert.False(t, info.ModTime().IsZero())
			assert.True(t, info.Mode().IsRegular())
			assert.NotEmpty(t, info.Sys())
			read, err := io.ReadAll(o)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, read))
			_, err = o.Seek(-10, io.SeekEnd)
			require.NoError(t, err)
			read, err = io.ReadAll(o)
			require.NoError(t, err)
			assert.Equal(t, data[len(data)-10:], read)
			for range 100 {
				at, n := rand.IntN(len(data)), rand.IntN(300<<10)
				p := make([]byte, n)
				n, err := o.ReadAt(p, int64(at))
				assert.Equal(t, err == io.EOF, at+len(p) > len(data))
				require.True(t, bytes.Equal(data[at:min(at+len(p), len(data))], p[:n]))
			}
			require.NoError(t, o.Close())

			empty := service.name("bucket/empty")
			put(t, empty, nil)
			assert.Empty(t, get(t, empty))
			require.NoError(t, store.Remove(t.Context(), empty))
			_, err = store.Open(t.Context(), empty)
			assert.ErrorIs(t, err, fs.ErrNotExist)
			assert.ErrorContains(t, err, empty)
			assert.ErrorIs(t, store.Remove(t.Context(), service.name("bucket/no")), fs.ErrNotExist)

			away := service.name("nowhere/in.txt")
			file, err := os.Open(os.DevNull)
			require.NoError(t, err)
			defer file.Close()
			_, open := store.Open(t.Context(), away)
			_, glob := store.Glob(t.Context(), service.name("nowhere/*.txt"))
			for _, err := range []error{open, glob, store.Put(t.Context(), away, file)} {
				require.ErrorContains(t, err, ".txt"+service.parameters+": there is no "+service.scheme+"://nowhere")
				assert.NotErrorIs(t, err, fs.ErrNotExist)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			for _, key := range []string{"a/2.jsonl", "a/10.jsonl", "a/x.csv", "a/b/1.jsonl", "b/c/1.jsonl", "b/d/1.jsonl", "a/[.jsonl"} {
				put(t, service.name("bucket/"+key), []byte(key))
			}
			for pattern, want := range map[string]string{
				"a/*.jsonl":     "a/10.jsonl a/2.jsonl a/[.jsonl",
				"a/?.jsonl":     "a/2.jsonl a/[.jsonl",
				`a/\[.jsonl`:    "a/[.jsonl",
				"a/[0-9].jsonl": "a/2.jsonl",
				"b/*/1.jsonl":   "b/c/1.jsonl b/d/1.jsonl",
				"*/*":           "a/10.jsonl a/2.jsonl a/[.jsonl a/x.csv",
				"c/*":           "",
			} {
				names, err := newStore().Glob(t.Context(), service.name("bucket/"+pattern))
				require.NoError(t, err)
				for i, n := range names {
					assert.Equal(t, service.name("bucket/"+strings.Fields(want + " .")[i]), n)
				}
				assert.Len(t, names, len(strings.Fields(want)), pattern)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"ftp://bucket/key":            `ftp://bucket/key: scheme "ftp", expected s3, gs or azblob`,
		"s3://bucket":                 "s3://bucket: expected s3://BUCKET/KEY",
		"gs:///key":                   "gs:///key: expected gs://BUCKET/KEY",
		"s3://bucket/key?color=red":   `unknown query parameter "color"`,
		"gs://bucket/key?color=red":   `invalid query parameter "color"`,
		"s3://bucket/key?fips=maybe":  "s3://bucket/key?fips=maybe: ",
		"azblob://container/key?a=b":  "azblob://container/key?a=b: ",
		"gs://b/k?universe_domain=ab": "gs://b/k?universe_domain=ab: parameter universe_domain, expected GOOGLE_CLOUD_UNIVERSE_DOMAIN in the environment",
	} {
		t.Setenv("STORAGE_EMULATOR_HOST", "localhost:1")
		_, err := newStore().Open(t.Context(), name)
		assert.ErrorContains(t, err, want)
	}
}

// Without credentials there is an error, not a line on standard output.
func TestNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "none.json")
	_, err := newStore().Open(t.Context(), "gs://bucket/key")
	assert.ErrorContains(t, err, "gs://bucket/key: ")
	assert.ErrorContains(t, err, "none.json")
}

// TestChanged has an object change between two reads of it, its size and, by the second, its time
// staying what they were.
func TestChanged(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			object := service.name("bucket/in.bin")
			put(t, object, noise(1<<20))
			o, err := newStore().Open(t.Context(), object)
			require.NoError(t, err)
			var p [10]byte
			_, err = o.ReadAt(p[:], 0)
			require.NoError(t, err)
			put(t, object, make([]byte, 1<<20))
			_, err = o.ReadAt(p[:], 0)
			require.NoError(t, err, "of a window")
			_, err = o.ReadAt(p[:], 1<<19)
			assert.EqualError(t, err, "read "+object+": the object has changed since it was opened")
		})
	}
}

// TestRetries has requests fail, and answers break off.
func TestRetries(t *testing.T) {
	hasten(t)
	service, data := newS3(t), noise(3<<20)
	object := service.name("bucket/in.bin")
	var n atomic.Int32
	service.answer(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		switch k := n.Add(1); {
		case k%2 == 0:
			return w
		case r.Method == http.MethodGet && k%4 == 1:
			return &cut{w, 1000}
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	})
	put(t, object, data)
	assert.True(t, bytes.Equal(data, get(t, object)))

	service.answer(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if r.Method == http.MethodGet {
			return &cut{w, 1000}
		}
		return w
	})
	o, err := newStore().Open(t.Context(), object)
	require.NoError(t, err)
	_, err = o.ReadAt(make([]byte, 1), 0)
	assert.ErrorContains(t, err, "read "+object+": ")

	ctx, cancel := context.WithCancel(t.Context())
	o, err = newStore().Open(ctx, object)
	require.NoError(t, err)
	cancel()
	_, err = o.Read(make([]byte, 1))
	assert.ErrorIs(t, err, context.Canceled)
}

// TestWindows counts requests.
func TestWindows(t *testing.T) {
	service, size := newS3(t), 40<<20
	name := service.name("bucket/in.bin")
	put(t, name, noise(size))
	service.count("")
	for what, test := range map[string]struct {
		most int // requests
		read func(o io.ReaderAt)
	}{
		"one after another": {16, func(o io.ReaderAt) {
			for p, at := make([]byte, 4096), 0; at < size; at += len(p) {
				_, err := o.ReadAt(p, int64(at))
				require.NoError(t, err)
			}
		}},
		"columns in turn": {60, func(o io.ReaderAt) {
			for p, at, columns := make([]byte, 4096), 0, 5; at < size/columns; at += len(p) {
				for c := range columns {
					_, err := o.ReadAt(p, int64(c*size/columns+at))
					require.NoError(t, err)
				}
			}
		}},
		"many columns in turn": {600, func(o io.ReaderAt) {
			for p, at, columns := make([]byte, 4096), 0, 160; at < size/columns; at += len(p) {
				for c := range columns {
					_, err := o.ReadAt(p, int64(c*size/columns+at))
					require.NoError(t, err)
				}
			}
		}},
		"the end": {1, func(o io.ReaderAt) {
			_, err := o.ReadAt(make([]byte, 8), int64(size-8))
			require.NoError(t, err)
			_, err = o.ReadAt(make([]byte, 4096), int64(size-100_000))
			require.NoError(t, err)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			o, err := newStore().Open(t.Context(), name)
			require.NoError(t, err)
			test.read(o)
			kept := 0
			for _, w := range o.(*object).windows {
				kept += len(w.data)
			}
			assert.LessOrEqual(t, kept, maxWindows)
			n := service.count("GET")
			assert.LessOrEqual(t, n, test.most)
		})
	}
}
