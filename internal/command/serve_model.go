package command

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// A servedModel is an embedding model, a reranker or classifier, a multi-vector or a sparse
// model, or one of several outputs.
type servedModel interface {
	Fingerprint(context.Context) (string, error)
	Close() error
}

// A servedQueue is one of those.
type servedQueue interface {
	Close(context.Context) error
}

// queuesOf returns those of m.
func queuesOf(m embedhttp.Model) (all []servedQueue) {
	if m.Rerank != nil {
		all = append(all, m.Rerank)
	}
	if m.Queue != nil {
		all = append(all, m.Queue)
	}
	if m.Sparse != nil {
		all = append(all, m.Sparse)
	}
	if m.MultiVector != nil {
		all = append(all, m.MultiVector)
	}
	if m.M3 != nil {
		all = append(all, m.M3)
	}
	return all
}

// A place is where a model of --model is, and how it is called.
type place struct {
	name    string
	aliases []string
	dir     string // "" = inside the binary
	as      string // what the folder is taken for; "" = what it says it is
	cfg     embed.Config
	comes   bool // and goes, as one of --models-dir
}

// places returns the models that the flags name, one for each folder: further names of
// one are its aliases, and so are those of --alias.
func (f *serveFlags) places(ctx context.Context, c *console) ([]place, error) {
	kinds, err := f.kinds()
	if err != nil {
		return nil, err
	}
	var list []place
	models := f.models.list
	if f.set.dir != "" && !f.models.given {
		models = nil
	}
	for _, arg := range models {
		name, from, named := strings.Cut(arg, "=")
		if !named {
			name, from = "", arg
		}
		if named && name == "" || from == "" {
			return nil, usagef("--model %s: expected NAME=MODEL or MODEL", arg)
		}
		flags := f.model
		flags.name = from
		dir, cfg, err := flags.find(ctx, c)
		if err != nil {
			return nil, err
		}
		if of, ok := strings.CutPrefix(cfg.Name, ollamaPrefix); ok { // as its clients call it
			cfg.Name = strings.TrimSuffix(of, ":latest")
		}
		if (len(models) > 1 || f.set.dir != "") && !hasAdapter(dir) {
			cfg.Base = "" // --base is for the others
		}
		p := place{name: cmp.Or(name, cfg.Name), dir: dir, cfg: cfg}
		switch {
		case name != "":
		case dir == "":
			p.name, p.aliases = builtin, builtinAliases
		case p.name == "":
			if dir, err = filepath.Abs(dir); err != nil {
				return nil, err
			}
			p.name = strings.TrimSuffix(filepath.Base(dir), ".gguf")
		}
		p.as = kinds[""]
		for _, name := range append([]string{p.name}, p.aliases...) {
			if as, ok := kinds[name]; ok {
				p.as = as
			}
		}
		if i := slices.IndexFunc(list, p.sameModel); i >= 0 {
			list[i].aliases = slices.Concat(list[i].aliases, []string{p.name}, p.aliases)
			continue
		}
		list = append(list, p)
	}
	coming, err := f.folders(ctx, c, kinds)
	if err != nil {
		return nil, err
	}
	list = append(list, coming...)
	for name := range kinds {
		if name != "" && !slices.ContainsFunc(list, func(p place) bool { return p.called(name) }) {
			return nil, usagef("--as %s=%s: no --model is called %s", name, kinds[name], name)
		}
	}
	if err := f.addAliases(list); err != nil {
		return nil, err
	}
	if f.usual != "" && !slices.ContainsFunc(list, func(p place) bool { return p.called(f.usual) }) {
		return nil, usagef("--default %s: no --model is called that", f.usual)
	}
	return list, nil
}

// addAliases gives those in list the names that --alias says. Its error is of the first that
// is no good, or of a model that is not there.
func (f *serveFlags) addAliases(list []place) (err error) {
	for _, arg := range f.aliases {
		alias, name, named := strings.Cut(arg, "=")
		i := slices.IndexFunc(list, func(p place) bool { return p.called(name) })
		switch {
		case !named || alias == "":
			err = cmp.Or(err, usagef("--alias %s: expected NAME=MODEL", arg))
		case i < 0:
			err = cmp.Or(err, usagef("--alias %s: no --model is called %s", arg, name))
		default:
			list[i].aliases = slices.Concat(list[i].aliases, []string{alias})
		}
	}
	return err
}

// kinds returns what --as says that folders are taken for, by the names of models; "" is that
// of the others.
func (f *serveFlags) kinds() (map[string]string, error) {
	kinds := map[string]string{}
	for _, arg := range f.as {
		name, kind, named := strings.Cut(arg, "=")
		if !named {
			name, kind = "", arg
		}
		_, twice := kinds[name]
		switch {
		case named && name == "" || !slices.Contains(allKinds, kind):
			return nil, usagef("--as %s: expected [NAME=]KIND, a KIND of %s", arg, strings.Join(allKinds, ", "))
		case twice:
			return nil, usagef("--as %s: given twice for one model", arg)
		}
		kinds[name] = kind
	}
	return kinds, nil
}

func (p place) called(name string) bool { return p.name == name || slices.Contains(p.aliases, name) }

// sameModel reports whether p and q are one folder, under whatever paths, or the model
// inside the binary, taken for the same.
func (p place) sameModel(q place) bool {
	if p.as != q.as {
		return false
	}
	if p.dir == "" || q.dir == "" {
		return p.dir == q.dir
	}
	a, errA := os.Stat(p.dir)
	b, errB := os.Stat(q.dir)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// whole reports whether the folder at p is served as all that it is, an embedding, a sparse
// and a multi-vector model of one transformer.
func (p place) whole() bool { return p.as == "" && p.cfg.Pooling == "" && isM3(p.dir) }

// isM3 reports whether dir has the layers of bge-m3 beside an embedding model.
func isM3(dir string) bool {
	return dir != "" && !slices.ContainsFunc([]string{"sparse_linear.pt", "colbert_linear.pt"}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err != nil
	})
}

// open loads the model at p, of the kind that its folder says, or of all.
func (p place) open(ctx context.Context) (servedModel, error) {
	if p.whole() {
		return m3.Load(ctx, p.dir, p.cfg)
	}
	return loadKind(ctx, p.dir, p.cfg, p.as, allKinds)
}

// load loads the model at p and makes its queues, and logs what Int8 does not hold of it.
func (f *serveFlags) load(ctx context.Context, m *metrics, log *slog.Logger, p place) (servedModel, embedhttp.Model, error) {
	served := embedhttp.Model{Name: p.name, Aliases: p.aliases}
	model, err := p.open(ctx)
	if err != nil {
		return nil, served, err
	}
	if served.Fingerprint, err = model.Fingerprint(ctx); err != nil {
		return nil, served, errors.Join(err, model.Close())
	}
	cfg := embed.QueueConfig{MaxTokens: f.queueTokens, Observe: m.observeBatch(served.Name)}
	switch model := model.(type) {
	case *m3.Model:
		served.M3 = m3.NewQueue(model, cfg)
		served.Queue, served.Info = embed.NewQueue(model.Embedding(), cfg), model.Embedding().Info()
		served.Sparse, served.SparseInfo = sparse.NewQueue(model.Sparse(), cfg), model.Sparse().Info()
		served.MultiVector, served.MultiVectorInfo = multivector.NewQueue(model.MultiVector(), cfg), model.MultiVector().Info()
	case *embed.Model:
		served.Queue, served.Info = embed.NewQueue(model, cfg), model.Info()
	case *rerank.Model:
		served.Rerank, served.RerankInfo = rerank.NewQueue(model, cfg), model.Info()
	case *multivector.Model:
		served.MultiVector, served.MultiVectorInfo = multivector.NewQueue(model, cfg), model.Info()
	case *sparse.Model:
		served.Sparse, served.SparseInfo = sparse.NewQueue(model, cfg), model.Info()
	}
	facts := factsOf(model)
	if n := len(facts.Finer); n > 0 {
		log.Info("linear layers are in "+embed.BFloat16.String()+", which int8 does not hold well enough", "model", served.Name, "layers", n)
	}
	if facts.Loss.Over(facts.Precision) {
		log.Warn(lossOver(facts.Loss, facts.Precision), "model", served.Name)
	}
	return model, served, nil
}
