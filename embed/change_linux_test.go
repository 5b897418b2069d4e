package embed

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// requireChanged requires that err says of the file at path that it has changed, and
// blames no input.
func requireChanged(t testing.TB, path string, err error) {
	t.Helper()
	require.ErrorContains(t, err, "changed since")
	require.ErrorContains(t, err, path)
	var in *InputError
	require.NotErrorAs(t, err, &in)
}

// changes are what may become of weights in use: each changes the file at path.
var changes = map[string]func(t testing.TB, path string){
	"cut to nothing": func(t testing.TB, path string) { require.NoError(t, os.Truncate(path, 0)) },
	"cut in the middle": func(t testing.TB, path string) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()/2))
	},
	"overwritten": func(t testing.TB, path string) { // with NaNs, whatever the dtype
		info, err := os.Stat(path)
		require.NoError(t, err)
		later(t, path, func() { overwrite(t, path, strings.Repeat("\xff", int(info.Size()))) })
	},
	"written anew": func(t testing.TB, path string) { // as cp does
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		later(t, path, func() { require.NoError(t, os.WriteFile(path, data, 0o600)) })
	},
}

// later changes the file at path at another time than its last change, by the
// clock of the file system.
func later(t testing.TB, path string, change func()) {
	info, err := os.Stat(path)
	require.NoError(t, err)
	change()
	now, err := os.Stat(path)
	require.NoError(t, err)
	if now.ModTime().Equal(info.ModTime()) {
		require.NoError(t, os.Chtimes(path, time.Time{}, now.ModTime().Add(time.Millisecond)))
	}
}

// overwrite writes content to the start of a file that is in use.
func overwrite(t testing.TB, path, content string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Rows of weights that changed while they were served are not kept; those that are go on.
func TestChangedWeightsAreNotCached(t *testing.T) {
	rows := cache.NewMemory(1 << 30)
	dir := onDisk(t, t.TempDir(), "model", readModel(t, "bert"))
	m, err := Load(t.Context(), dir, Config{Cache: rows})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	embedTexts(t, m, []string{"a"}, Options{})
	kept := rows.Stats().Bytes
	require.Positive(t, kept)
	path := filepath.Join(dir, "model.safetensors")
	changes["overwritten"](t, path)
	_, err = m.Embed(t.Context(), []string{"b"}, Options{})
	requireChanged(t, path, err)
	assert.Equal(t, kept, rows.Stats().Bytes)
	assert.Equal(t, 1, embedTexts(t, m, []string{"a"}, Options{}).Cached)
}

// Weights that change while they are served are an error of every call from then
// on, and of no input: the process lives.
func TestWeightsChangeWhileServed(t *testing.T) {
	folders := map[string]fstest.MapFS{
		"bert": readModel(t, "bert"), "gemma3": readModel(t, "gemma3"), "static": moduleFiles(t, "static"),
		"qwen3-bf16-sharded": readModel(t, "qwen3-bf16-sharded"),
	}
	for name, files := range folders {
		for change, apply := range changes {
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, change, workers), func(t *testing.T) {
					dir := onDisk(t, t.TempDir(), "model", files)
					m, err := Load(t.Context(), dir, Config{Workers: workers})
					require.NoError(t, err)
					defer m.Close() //nolint:errcheck
					ids := [][]int32{{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}
					embedIDs(t, m, ids, Options{})
					path := m.loaded.Files[0].Files()
					where := filepath.Join(dir, filepath.FromSlash(path[len(path)-1]))
					apply(t, where)

					_, err = m.EmbedIDs(context.Background(), ids, Options{})
					requireChanged(t, where, err)
					q := NewQueue(m, QueueConfig{})
					_, err = q.EmbedIDs(context.Background(), ids, Options{})
					requireChanged(t, where, err)
					require.NoError(t, q.Close(context.Background()))
					for _, err := range m.EmbedSeq(context.Background(), func(yield func(string) bool) { yield("a") }, Options{}) {
						requireChanged(t, where, err)
					}
					_, err = m.Fingerprint(context.Background())
					requireChanged(t, where, err)
				})
			}
		}
	}
}

// Another file under the same name is no change: the model has the old one.
func TestWeightsAreReplacedWhileServed(t *testing.T) {
	dir := onDisk(t, t.TempDir(), "model", readModel(t, "bert"))
	m, err := Load(t.Context(), dir, Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	ids := [][]int32{{1, 2, 3}}
	want := embedIDs(t, m, ids, Options{})
	path := filepath.Join(dir, "model.safetensors")
	require.NoError(t, os.WriteFile(path+".new", []byte("other"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	require.Equal(t, want, embedIDs(t, m, ids, Options{}))
	require.NoError(t, os.Remove(path))
	require.Equal(t, want, embedIDs(t, m, ids, Options{}))
	printOf(t, m)
}

// hookedFolder is a folder on disk in which something happens before a file is read.
type hookedFolder struct {
	fs.FS
	file string
	hook func()
}

// Open is that of fs.FS.
func (f hookedFolder) Open(name string) (fs.File, error) {
	if name == f.file {
		f.hook()
	}
	return f.FS.Open(name)
}

// Weights that change while they are loaded are an error of Load: here once the
// layers are packed, before the module behind them is read.
func TestWeightsChangeWhileLoaded(t *testing.T) {
	for change, apply := range changes {
		t.Run(change, func(t *testing.T) {
			dir := onDisk(t, t.TempDir(), "model", readModel(t, "bert-cls-dense"))
			path := filepath.Join(dir, "model.safetensors")
			done := false
			_, err := LoadFS(t.Context(), hookedFolder{os.DirFS(dir), "2_Dense/model.safetensors", func() {
				if !done {
					done = true
					apply(t, path)
				}
			}}, Config{Precision: Int8, Workers: 2})
			requireChanged(t, path, err)
			require.True(t, done)
		})
	}
}

// Every kernel set's way to pack weights of every dtype ends in an error where the
// file was cut: a fault in assembly is one that the process outlives.
func TestPackingOfWeightsThatWereCut(t *testing.T) {
	longOnly(t)
	for _, name := range []string{"bert", "bert-f16-prefix", "qwen3-bf16-sharded"} {
		for _, stored := range []Precision{Float32, Int8, Int4} {
			dir := filepath.Join(goldens, name, "model")
			if stored != Float32 {
				dir = quantized(t, dir, stored)
			} else {
				dir = onDisk(t, t.TempDir(), "model", readModel(t, name))
			}
			config, err := os.ReadFile(filepath.Join(dir, "config.json"))
			require.NoError(t, err)
			f, err := modelfolder.Folder{FS: os.DirFS(dir)}.Weights()
			require.NoError(t, err)
			defer f.Close() //nolint:errcheck
			files := f.Files()
			path := filepath.Join(dir, files[len(files)-1])
			require.NoError(t, os.Truncate(path, 0))
			for _, set := range kernel.Sets() {
				for _, p := range Precisions() {
					err := pipeline.Guard(func() []*tensor.File { return []*tensor.File{f} }, func() error {
						_, err := transformer.Open(t.Context(), transformer.Config{JSON: config, Weights: f, Set: set, Format: kernel.Format(p)})
						return err
					})
					requireChanged(t, path, err)
				}
			}
		}
	}
}
