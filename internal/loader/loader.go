// Package loader makes a model that runs of what a folder says and of its weights.
package loader

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Config says how a model is loaded, in the words of embed.Config.
type Config struct {
	Kernels     string        // "" = the best this CPU has
	Format      kernel.Format // of the products of linear layers
	Workers     int           // 0 = GOMAXPROCS
	BatchTokens int           // 0 = pipeline.DefaultBatchTokens
	MaxTokens   int           // 0 = the folder's
	Pooling     string        // "" = the folder's
	Base        string        // path of the folder of an adapter's base model; "" = the one that the adapter names
	Packing     Packing

	Transformers   int // 0 = the one that the folder names
	TrustModelType bool
}

// A Packing says what becomes of the weights of linear layers.
type Packing uint8

const (
	ToRun       Packing = iota // packed for the kernels
	ToCount                    // checked and counted: the model has the same Bytes, and does not run
	ToCalibrate                // as ToCount, but in Int8 a model without outliers is opened to find them
	Recalibrate                // as ToCalibrate, whatever outliers the folder names
)

// A Model is what Open made of a folder.
type Model struct {
	*pipeline.Model // of all that are opened from one Shared
	Spec            *modelfolder.Spec
	Set             *kernel.Set
	Default         *Route            // Spec.Default
	Routes          map[string]*Route // Spec.Routes
	Prompts         map[string]string // Spec.Prompts, with the default one for each of Tasks that has none
	Tasks           []string          // the names of adapters that the default route has
	Bytes           int64             // of the weights, those that stay in their file included
	Trusted         []string          // code in auto_map that was taken for what its model_type computes, on the word of Config.TrustModelType

	config   Config
	settings [sha256.Size]byte // sum of the recipe
	encoders map[*modelfolder.Encoder]*Encoder
	modules  map[moduleKey]loaded
	made     map[*modelfolder.Route]*Route

	printing sync.Mutex
	print    string // Fingerprint; "" = not known yet
}

// A Route is a Way, and what it was made of.
type Route struct {
	pipeline.Way
	TokenWay        pipeline.Way // to a row for each token
	GroupWay        pipeline.Way // to a row for each group of tokens, of Dimensions
	Spec            *modelfolder.Route
	Encoder         *Encoder
	Dimensions      int      // components of a row that comes out
	TokenDimensions int      // and of one for a token
	tokens          []string // recipes of the modules on hidden states
	modules         []string // and of those behind the pooling
}

// An Encoder is that of one or several routes.
type Encoder struct {
	*modelfolder.Encoder
	Runs        pipeline.Encoder
	Transformer *transformer.Model   // nil for a table
	Chat        *Chat                // that texts pass through; nil = none
	Outliers    transformer.Outliers // of the transformer, in Int8
	Weights     int                  // index of the file with its weights in Model.Files
	Loss        Loss                 // in Int8, where outliers were found, of texts that they were found for, see keepFiner
	calibrated  string               // what Outliers come of, in the recipe
	opens       transformer.Config   // that Transformer was opened with
	limit       int                  // of one input; 0 = none
}

// Options returns those of a text where the caller asks for nothing.
func (e *Encoder) Options() tokenizer.Options {
	return tokenizer.Options{MaxTokens: e.limit, Truncate: e.Truncate}
}

// Open loads the model at the root of fsys, which lies in dir, "" where that is not
// known, as read reads the folder: modelfolder.Read or its like. The weights must not
// change meanwhile. ctx is looked at between layers. Model.Close releases the memory.
func Open(ctx context.Context, fsys fs.FS, dir string, cfg Config, read func(fs.FS, modelfolder.Options) (*modelfolder.Spec, error)) (*Model, error) {
	set, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	shared, _ := fsys.(*Shared)
	if shared != nil {
		fsys, dir = shared.files, shared.dir
	} else if fsys, err = shown(fsys); err != nil {
		return nil, err
	}
	spec, err := read(fsys, modelfolder.Options{Dir: dir, Base: cfg.Base, MaxTokens: cfg.MaxTokens, Pooling: cfg.Pooling, Transformers: cfg.Transformers})
	if err != nil {
		return nil, err
	}
	m := &Model{
		Model: &pipeline.Model{Workers: cfg.Workers, BatchTokens: cfg.BatchTokens}, Spec: spec, Set: set, config: cfg,
		Prompts: maps.Clone(spec.Prompts), Routes: map[string]*Route{},
		encoders: map[*modelfolder.Encoder]*Encoder{}, modules: map[moduleKey]loaded{}, made: map[*modelfolder.Route]*Route{},
	}
	if shared != nil && shared.first != nil {
		if err := m.share(ctx, shared.first); err != nil {
			return nil, err
		}
		return m, nil
	}
	if err := m.Guard(func() error { return m.load(ctx) }); err != nil {
		_ = m.Close() // err says more
		return nil, err
	}
	if shared != nil {
		shared.first = m
	}
	return m, nil
}

// complete puts what is meant in the place of what is not given, and returns the
// kernels.
func (c *Config) complete() (*kernel.Set, error) {
	set, err := kernel.ByName(c.Kernels)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Workers < 0:
		return nil, fmt.Errorf("workers: %d, expected 1 or more, or 0 for GOMAXPROCS", c.Workers)
	case c.BatchTokens < 0:
		return nil, fmt.Errorf("batch tokens: %d, expected 1 or more, or 0 for %d", c.BatchTokens, pipeline.DefaultBatchTokens)
	case c.MaxTokens < 0:
		return nil, fmt.Errorf("max tokens: %d, expected 1 or more, or 0 for the folder's limit", c.MaxTokens)
	}
	if v := c.Transformers; v != 0 && v != 4 && v != 5 {
		return nil, fmt.Errorf("transformers: %d, expected 4 or 5, or 0 for the version that the folder names", v)
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.BatchTokens == 0 {
		c.BatchTokens = pipeline.DefaultBatchTokens
	}
	return set, nil
}

func (m *Model) load(ctx context.Context) error {
	for _, e := range m.Spec.Encoders {
		if err := ctx.Err(); err != nil {
			return err
		}
		open := m.openTransformer
		switch {
		case e.Presence:
			open = m.openWeights
		case e.Static:
			open = m.openTable
		}
		var err error
		if m.encoders[e], err = open(ctx, e); err != nil {
			return err
		}
	}
	return m.finish()
}

// finish makes what follows the encoders, which are open.
func (m *Model) finish() (err error) {
	if m.Default, err = m.route(m.Spec.Default); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Spec.Routes)) {
		if m.Routes[name], err = m.route(m.Spec.Routes[name]); err != nil {
			return err
		}
	}
	m.Tasks = m.Default.Encoder.Runs.Tasks()
	for _, name := range m.Tasks {
		if _, ok := m.Prompts[name]; !ok {
			if m.Prompts == nil {
				m.Prompts = map[string]string{}
			}
			m.Prompts[name] = m.Prompts[m.Spec.DefaultPrompt] // as encode of sentence-transformers, given a task alone
		}
	}
	data, err := json.Marshal(m.newRecipe())
	m.settings = sha256.Sum256(data)
	return err
}

// Encoders returns those of all routes, in the order of their first use.
func (m *Model) Encoders() []*Encoder {
	var list []*Encoder
	for _, e := range m.Spec.Encoders {
		list = append(list, m.encoders[e])
	}
	return list
}

// route makes the way of a route, one for the same route of the spec.
func (m *Model) route(spec *modelfolder.Route) (*Route, error) {
	if r, ok := m.made[spec]; ok {
		return r, nil
	}
	e := m.encoders[spec.Encoder]
	r := &Route{Spec: spec, Encoder: e}
	r.Way.Encoder = e.Runs
	m.made[spec] = r
	width := e.Runs.Width()
	if s := spec.Splade; s != nil {
		r.Head = pipeline.Expanded{Model: e.Transformer, Expansion: transformer.Expansion{Sum: s.Sum, Twice: s.Twice}}
		r.Dimensions = e.Runs.Vocabulary()
		return r, s.Fits(r.Dimensions)
	}
	if l := spec.Lexical; l != nil {
		return r, m.lexical(r, l)
	}
	if h := e.Transformer; h != nil && h.Head != nil {
		r.Head, r.Dimensions = pipeline.Logits{Model: h}, h.Head.Labels()
		return r, nil
	}
	head := &pipeline.Pooled{}
	var err error
	if head.Tokens, r.tokens, err = m.chain(spec.Tokens, &width); err != nil {
		return nil, err
	}
	r.TokenDimensions = width
	if s := m.Spec.Multi; s != nil {
		r.Head, r.Dimensions = pipeline.EachToken{Modules: head.Tokens}, width
		return r, e.fits(s)
	}
	if p := spec.Pooling; p != nil {
		if err := p.Fits(width); err != nil {
			return nil, err
		}
		head.Pooling = &pipeline.Pooling{Set: m.Set}
		for _, name := range p.Modes {
			mode, err := pipeline.ParseMode(name)
			if err != nil {
				return nil, p.Error(err)
			}
			head.Pooling.Modes = append(head.Pooling.Modes, mode)
		}
		width *= len(p.Modes)
	}
	if head.Modules, r.modules, err = m.chain(spec.Modules, &width); err != nil {
		return nil, err
	}
	r.Head, r.Dimensions = head, width
	if m.Spec.M3 != nil {
		return r, m.m3(r, head)
	}
	r.byTokens(*head, m.Set)
	return r, nil
}

// byTokens makes the ways of a route whose Way ends in head that begin with a vector for
// each token.
func (r *Route) byTokens(head pipeline.Pooled, set *kernel.Set) {
	e := r.Way.Encoder
	if t, ok := e.(*pipeline.Table); ok {
		e = pipeline.TableTokens{Table: t}
	}
	if head.Pooling == nil {
		head.Pooling = &pipeline.Pooling{Set: set, Modes: []pipeline.Mode{pipeline.PoolMean}}
	}
	r.TokenWay = pipeline.Way{Encoder: e, Head: pipeline.EachToken{Modules: head.Tokens}}
	r.GroupWay = pipeline.Way{Encoder: e, Head: pipeline.NewGrouped(head)}
}

// chain makes the modules of a list, the first of which reads vectors of width
// components, and leaves in width how many the last makes. It returns their recipes too.
func (m *Model) chain(list []*modelfolder.Module, width *int) (modules []pipeline.Module, recipes []string, err error) {
	for _, spec := range list {
		made, err := m.module(spec, *width)
		if err != nil {
			return nil, nil, err
		}
		modules, recipes = append(modules, made.module), append(recipes, made.recipe)
		*width = made.width
	}
	return modules, recipes, nil
}

// PoolingNames returns the names of the modes, put end to end.
func (r *Route) PoolingNames() []string {
	if r.Spec.Pooling == nil {
		return []string{"mean"} // that of a table
	}
	return slices.Clone(r.Spec.Pooling.Modes)
}
