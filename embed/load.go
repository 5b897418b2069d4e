package embed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Load loads the model in the folder dir, laid out as sentence-transformers 2
// to 6 writes it, or as model2vec or transformers do: then pooling is the mean,
// and the last token for a causal language model, whatever its settings. Weights
// are mapped into memory and must not change before Close: where a file was cut or
// written to, calls return an error that names it. Errors begin with
// dir and name the file, what was found in it and what was expected: values,
// keys and tensors that are not known are errors too. A reranker, a classifier or
// another model that makes no embedding of a text is a *KindError. Of what this version
// does not compute, whatever a later one does, errors are ErrUnsupported. ctx is looked
// at between the layers that are packed; where it ends, its error is that of Load. The
// model does not keep it.
func Load(ctx context.Context, dir string, cfg Config) (*Model, error) {
	return loadDir(ctx, dir, cfg, loader.ToRun)
}

// LoadFS loads the model at the root of fsys as Load does. Weights in a file
// with a method Bytes() []byte are used in place, see tensor.OpenFS.
func LoadFS(ctx context.Context, fsys fs.FS, cfg Config) (*Model, error) {
	return load(ctx, fsys, "", cfg, loader.ToRun)
}

// Inspect returns what Load(ctx, dir, cfg) would say about its model, without packing the
// weights, of which it reads few: it takes little time and memory. What is an error for
// Load is one here, but for a machine that is too small.
func Inspect(ctx context.Context, dir string, cfg Config) (Info, error) {
	m, err := loadDir(ctx, dir, cfg, loader.ToCount)
	if err != nil {
		return Info{}, err
	}
	return m.Info(), m.Close()
}

// Fingerprint returns that of the model which Load(ctx, dir, cfg) would load, without
// packing the weights: it reads those whose sums are not kept, see Model.Fingerprint.
func Fingerprint(ctx context.Context, dir string, cfg Config) (string, error) {
	m, err := loadDir(ctx, dir, cfg, loader.ToCount)
	if err != nil {
		return "", err
	}
	print, err := m.Fingerprint(ctx)
	return print, errors.Join(err, m.Close())
}

// OutlierColumns loads the model in dir as Load does, in Int8, and returns the
// inputs of its linear layers that are so much larger than the others on a
// built-in sample of texts that Int8 keeps them apart: for the name of a layer's
// first weight the columns, ascending, or nil for one that Int8 does not hold well enough. As JSON in the file outlier_columns.json of
// the model's folder, or of each module's that has weights, they spare Load the
// run of that sample. The file that is there is not read.
func OutlierColumns(ctx context.Context, dir string, cfg Config) (columns map[string][]int, err error) {
	cfg.Precision = Int8
	m, err := loadDir(ctx, dir, cfg, loader.Recalibrate)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	if m.route.Encoder.Transformer == nil {
		return nil, errors.New("the model has no linear layers")
	}
	err = m.loaded.Guard(func() error {
		columns, err = m.loaded.Calibrate(ctx, m.route.Encoder)
		return err
	})
	return columns, err
}

// loadDir loads the model in dir.
func loadDir(ctx context.Context, dir string, cfg Config, packing loader.Packing) (*Model, error) {
	return loader.InDir(dir, func(fsys fs.FS, name string) (*Model, error) {
		cfg.Name = cmp.Or(cfg.Name, name)
		return load(ctx, fsys, dir, cfg, packing)
	})
}

// load loads the model at the root of fsys, which lies in dir, "" where that is not known.
func load(ctx context.Context, fsys fs.FS, dir string, cfg Config, packing loader.Packing) (*Model, error) {
	if cfg.Precision >= Precision(kernel.Formats) {
		return nil, fmt.Errorf("precision: unknown %v, expected %s", cfg.Precision, precisionNames())
	}
	loaded, err := loader.Open(ctx, fsys, dir, loader.Config{
		Kernels: cfg.Kernels, Format: kernel.Format(cfg.Precision), Workers: cfg.Workers,
		BatchTokens: cfg.BatchTokens, MaxTokens: cfg.MaxTokens, Pooling: cfg.Pooling, Base: cfg.Base, Transformers: cfg.Transformers, TrustModelType: cfg.TrustModelType, Packing: packing,
	}, modelfolder.Read)
	if other := (*modelfolder.KindError)(nil); errors.As(err, &other) {
		err = &KindError{string(other.Kind), err}
	}
	if err != nil {
		return nil, err
	}
	m := &Model{loaded: loaded, route: loaded.Default}
	if m.info, err = describe(loaded, cfg.Name); err == nil && cfg.Cache != nil && packing == loader.ToRun {
		m.cache, err = m.newCache(ctx, cfg.Cache)
	}
	if err != nil {
		_ = m.Close() // err says more
		return nil, err
	}
	return m, nil
}

// A KindError says that a folder has a model of another kind than one that makes
// an embedding of a text. Its output is never taken for one.
type KindError struct {
	// Kind is "reranker", "classifier", "cross-encoder" (one of the two), "token classifier",
	// "question answering model", "multiple choice model", "sparse model", "multi-vector model" …
	Kind string
	Err  error // what says so, what was expected, and what serves such a model
}

// Error returns a message such as
// `architectures: "BertForSequenceClassification" with 1 label, a reranker, expected an embedding model`.
func (e *KindError) Error() string { return e.Err.Error() }

// Unwrap returns what says of which kind the model is.
func (e *KindError) Unwrap() error { return e.Err }

// ErrUnsupported is what errors.Is finds in an error of Load and its like where the files
// of a folder are well-formed and speak of what this version does not compute: a model of
// another kind, a model_type, a module, a step of a tokenizer, a key or a value of a
// configuration that it does not know. It is not found where a file is missing, is no JSON,
// or has tensors other than those of its configuration: such a folder is damaged.
var ErrUnsupported = unsupported.Err
