package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Quantized says what Quantize made.
type Quantized struct {
	Before, After int64           // bytes of all weights of the transformers
	Kinds         []QuantizedKind // by name
	Loss          Loss            // of the copy at its precision, of texts that no weights were rounded for; the zero Loss where none were measured
}

// A QuantizedKind is the weights of the linear layers at one place of each block.
type QuantizedKind struct {
	Name    string  // of the tensors, with * for numbers: "layers.*.mlp.up_proj.weight"
	Tensors int     // so many of them
	Weights int64   // numbers in all of them
	Error   float64 // root of the mean square of the error, relative to that of the weights
}

// Quantize writes a copy of the model in the folder dir to the new folder out, in
// which the weights of the transformers' linear layers are stored at precision p,
// Int8 or Int4, see docs/quantization.md. Embedding tables, norms and biases stay as they are, and so do the
// router of a mixture of experts, the second weight of its experts, Dense modules
// and adapters. The copy has the files that Load reads, README.md, and those whose
// names begin with LICENSE or NOTICE, and loads like any other folder; its
// config.json has a quantization_config.
//
// Weights are read, and written in shards, one after the other, in memory that does
// not grow with the number of layers. In Int8 the outliers of docs/int8.md are
// found first, as Load finds them. In Int4 the weights of models of up to 10⁹ of them a token are rounded first, held in
// memory, so that their errors make up for each other on built-in texts: closer than Load's rounding of the original, which
// takes each weight alone. At the end the copy of a model of that size, but not of a classifier's, is loaded to measure what it loses. Progress, where it is not nil, is told how many
// bytes of the weights in dir are done. Out is there complete or not at all; that it
// exists is an error, and so are another precision, weights that are quantized
// already or not finite, and a model without linear layers.
func Quantize(ctx context.Context, dir, out string, p Precision, progress func(done, total int64)) (*Quantized, error) {
	scheme, err := p.scheme()
	if err != nil {
		return nil, err
	}
	out = filepath.Clean(out)
	if _, err := os.Lstat(out); err == nil {
		return nil, fmt.Errorf("%s: exists, expected a new folder", out)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if info, err := loader.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: a file, expected the folder of a model", dir)
	}
	seen := &seenFiles{fsys: os.DirFS(dir), names: map[string]bool{}}
	m, err := loader.Open(ctx, seen, dir, loader.Config{Format: kernel.Format(p), Packing: loader.ToCalibrate}, modelfolder.ReadAny)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	defer m.Close() //nolint:errcheck // nothing was written
	work, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // what is left of it after an error
	q := &quantizer{model: m, seen: seen, out: work, scheme: scheme, progress: progress, kinds: map[string]*kindSum{}, rounded: new(loader.Rounded)}
	err = m.Guard(func() error {
		if err := q.run(ctx); err != nil {
			return err
		}
		return q.measure(ctx, loader.Config{Format: kernel.Format(p)})
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return nil, err
	}
	if err := os.Rename(work, out); err != nil {
		return nil, err
	}
	return q.summary(), nil
}

// scheme returns how a copy at precision p stores weights.
func (p Precision) scheme() (weight.Scheme, error) {
	switch p {
	case Int8:
		return weight.Int8, nil
	case Int4:
		return weight.Int4, nil
	}
	return 0, fmt.Errorf("precision: %v, expected %v or %v", p, Int8, Int4)
}

// seenFiles is a folder that remembers which files were read.
type seenFiles struct {
	fsys fs.FS

	mu    sync.Mutex
	names map[string]bool
}

func (s *seenFiles) see(name string, err error) {
	if err == nil {
		s.mu.Lock()
		s.names[name] = true
		s.mu.Unlock()
	}
}

// Open is that of fs.FS.
func (s *seenFiles) Open(name string) (fs.File, error) {
	f, err := s.fsys.Open(name)
	s.see(name, err)
	return f, err
}

// Stat does not count as reading.
func (s *seenFiles) Stat(name string) (fs.FileInfo, error) { return fs.Stat(s.fsys, name) }

// ReadFile is that of fs.ReadFileFS.
func (s *seenFiles) ReadFile(name string) ([]byte, error) {
	data, err := fs.ReadFile(s.fsys, name)
	s.see(name, err)
	return data, err
}

// A quantizer writes the copy of one model.
type quantizer struct {
	model    *loader.Model
	seen     *seenFiles
	out      string
	scheme   weight.Scheme
	progress func(done, total int64)

	done, total   int64 // bytes of weights
	before, after int64
	kinds         map[string]*kindSum
	rounded       *loader.Rounded // of the transformer at hand
	loss          Loss
}

func (q *quantizer) run(ctx context.Context) (err error) {
	written := map[string]bool{} // or left out
	var encoders []*loader.Encoder
	for _, e := range q.model.Encoders() {
		if e.Transformer == nil {
			continue
		}
		if e.Base.GGUF() != nil {
			return errors.New("a folder of a GGUF file alone, expected one with weights in floats under config.json")
		}
		if e.Base.FS != fs.FS(q.seen) {
			return errors.New(manifest.Adapter + ": the base model is in another folder, expected one that can be copied: quantize that one")
		}
		file := q.model.Files[e.Weights]
		if at := e.Transformer.Stored; at != "" {
			return fmt.Errorf("%s: quantization_config: weights are %s already, expected floats", path.Join(e.Base.Path, manifest.Config), at)
		}
		for _, name := range append(file.Files(), path.Join(e.Base.Path, manifest.Config)) {
			written[name] = true
		}
		q.total += file.Size()
		encoders = append(encoders, e)
	}
	slices.SortFunc(encoders, func(a, b *loader.Encoder) int { return strings.Compare(a.Base.Path, b.Base.Path) })
	if len(encoders) == 0 {
		return errors.New("no transformer, expected linear layers with weights to quantize")
	}
	for _, e := range encoders {
		if err := os.MkdirAll(q.path(e.Base.Path), 0o755); err != nil {
			return err
		}
		if err := q.config(e); err != nil {
			return err
		}
		if err := q.outliers(ctx, e); err != nil {
			return err
		}
		if q.scheme == weight.Int4 {
			if q.rounded, err = q.model.Round(ctx, e); err != nil {
				return err
			}
		}
		if err := q.weights(ctx, e); err != nil {
			return err
		}
	}
	for _, name := range q.others() {
		if !written[name] {
			if err := q.copy(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// path returns that of a file of the copy.
func (q *quantizer) path(name string) string { return filepath.Join(q.out, filepath.FromSlash(name)) }

// others returns the files that were read, and those that say what a model is and
// who may use it, in the order of their names.
func (q *quantizer) others() []string {
	names := maps.Clone(q.seen.names)
	entries, _ := fs.ReadDir(q.seen.fsys, ".") // a folder that was read
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && (n == "README.md" || strings.HasPrefix(n, "LICENSE") || strings.HasPrefix(n, "NOTICE")) {
			names[n] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// copy copies a file.
func (q *quantizer) copy(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	from, err := q.seen.fsys.Open(name)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // nothing was written
	if err := os.MkdirAll(filepath.Dir(q.path(name)), 0o755); err != nil {
		return err
	}
	return q.create(name, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}

// create writes a file of the copy.
func (q *quantizer) create(name string, write func(w io.Writer) error) error {
	f, err := os.Create(q.path(name))
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// line writes a file of the copy with data and the end of a line.
func (q *quantizer) line(name string, data []byte) error {
	return q.create(name, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// config writes the config.json of a transformer.
func (q *quantizer) config(e *loader.Encoder) error {
	name := path.Join(e.Base.Path, manifest.Config)
	data, err := fs.ReadFile(q.seen.fsys, name)
	if err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if object["quantization_config"], err = json.Marshal(q.scheme); err != nil {
		return err
	}
	if data, err = json.MarshalIndent(object, "", "  "); err != nil {
		return err
	}
	return q.line(name, data)
}

// outliers finds those of a transformer, in Int8, and writes them, where its folder has none.
func (q *quantizer) outliers(ctx context.Context, e *loader.Encoder) (err error) {
	if !e.Finds() {
		return nil
	}
	if e.Outliers, err = q.model.Calibrate(ctx, e); err != nil {
		return err
	}
	data, err := json.Marshal(e.Outliers)
	if err != nil {
		return err
	}
	return q.line(path.Join(e.Base.Path, manifest.Outliers), data)
}

// report tells the caller that t was read.
func (q *quantizer) report(t tensor.Tensor) {
	q.before += int64(len(t.Data))
	q.done += int64(len(t.Data))
	if q.progress != nil {
		q.progress(q.done, q.total)
	}
}
