package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/hub"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// builtin is the name of the model inside the binary.
const builtin = "minilm"

// builtinAliases are its other names, where there is no folder of that name and the cache
// has no model of that id.
var builtinAliases = []string{"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"}

// modelFlags are the flags that say which model runs and how.
type modelFlags struct {
	name         string
	download     bool
	progress     *choice
	precision    *choice
	threads      int
	kernels      string
	pooling      *choice // nil where no embeddings are made
	as           *choice // nil where the folder alone says what it is
	transformers int
	trust        bool
	base         string
	maxTokens    int         // no flag: of bench, which measures up to the position table
	cache        embed.Cache // of cacheFlags; nil = none
}

// add adds the flags of a command that makes embeddings.
func (f *modelFlags) add(cmd *cobra.Command) {
	f.addName(cmd)
	f.addComputation(cmd)
	f.pooling = addChoice(cmd, "pooling", "`MODE` in which to pool the tokens where the folder has no modules.json, whatever head the model has: mean, cls, last (lasttoken), max, mean_sqrt_len_tokens or weightedmean (default: as the folder says)",
		"mean", "cls", "last", "lasttoken", "max", "mean_sqrt_len_tokens", "weightedmean")
	f.pooling.value = "" // as the folder says
	cmd.Flags().Lookup("pooling").DefValue = ""
}

// addComputation adds the flags that say how the model computes.
func (f *modelFlags) addComputation(cmd *cobra.Command) {
	flags := cmd.Flags()
	var precisions []string
	for _, p := range embed.Precisions() {
		precisions = append(precisions, p.String())
	}
	f.precision = addChoice(cmd, "precision", "number format of the weights and the computation", precisions...)
	flags.IntVar(&f.threads, "threads", 0, "`N` CPU threads; 0 for as many as there are CPUs")
	flags.StringVar(&f.kernels, "kernels", "", "kernel `SET`, one that rhumb doctor lists (default: the fastest)")
	complete(cmd, "kernels", cobra.FixedCompletions(kernelNames(), cobra.ShellCompDirectiveNoFileComp))
}

// addName adds the flags that name a model which makes embeddings.
func (f *modelFlags) addName(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.name, "model", "m", cmp.Or(os.Getenv("RHUMB_MODEL"), builtin),
		"`NAME` of a model: its folder, its GGUF file, its id at the hub, ollama: and its name there, or "+builtin+" for the one inside the binary; env RHUMB_MODEL")
	complete(cmd, "model", func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if _, several := cmd.Flag("model").Value.(*modelList); several {
			return completeNamed(cmd, args, typed)
		}
		return completeModels(cmd, args, typed)
	})
	f.addPlace(cmd)
}

// addPlace adds the flags of a model that may have to be downloaded.
func (f *modelFlags) addPlace(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.transformers, "transformers", 0, "major `VERSION` of transformers as which the tokenizer's files are read, 4 or 5, which differ for some folders; 0 for the one that the folder names")
	flags.BoolVar(&f.trust, "trust-model-type", false, "your word that code which config.json names in auto_map, and which is not known, computes what its model_type does without it; no code of a folder is ever run")
	flags.StringVar(&f.base, "base", "", "`NAME` of the base model of a LoRA adapter, its folder or its id at the hub (default: the one that adapter_config.json names)")
	flags.BoolVar(&f.download, "download", false, "download the model of an id where the cache lacks it or has an older one, and so the base model of an adapter")
	complete(cmd, "base", completeCached)
	complete(cmd, "transformers", cobra.FixedCompletions([]string{"4", "5"}, cobra.ShellCompDirectiveNoFileComp))
	f.progress = addProgress(cmd)
}

// load loads the model that the flags name.
func (f *modelFlags) load(ctx context.Context, c *console) (*embed.Model, error) {
	dir, cfg, err := f.find(ctx, c)
	if err != nil {
		return nil, err
	}
	m, err := open(ctx, dir, cfg)
	if err == nil {
		tellFiner(c.stderr, factsOf(m))
	}
	return m, err
}

// factsOf returns what a model of any kind says about itself.
func factsOf(m io.Closer) embed.Facts {
	switch m := m.(type) {
	case *embed.Model:
		return m.Info().Facts
	case *m3.Model:
		return m.Info().Facts
	case *rerank.Model:
		return m.Info().Facts
	case *multivector.Model:
		return m.Info().Facts
	case *sparse.Model:
		return m.Info().Facts
	}
	return embed.Facts{}
}

// tellFiner says which part of a model Int8 does not hold well enough, and what is lost still.
func tellFiner(to io.Writer, i embed.Facts) {
	if n := len(i.Finer); n > 0 {
		fmt.Fprintf(to, "rhumb: %s in %v, which int8 does not hold well enough\n", counted(n, "linear layer"), embed.BFloat16)
	}
	if i.Loss.Over(i.Precision) {
		fmt.Fprintf(to, "rhumb: %s\n", lossOver(i.Loss, i.Precision))
	}
}

// lossOver says that l is more than p should lose.
func lossOver(l embed.Loss, p embed.Precision) string {
	mean, worst := p.MostLoss()
	return fmt.Sprintf("%v loses %.1e of %s in the mean and %.1e of the worst (1 - cosine to float32), expected %g and %g at the most",
		p, l.Mean, counted(l.Texts, "text"), l.Worst, mean, worst)
}

// A loadedModel is an embedding model, a sparse one or a multi-vector model; the others are nil.
type loadedModel struct {
	model  *embed.Model
	sparse *sparse.Model
	multi  *multivector.Model
}

func (m *loadedModel) Close() error {
	switch {
	case m.multi != nil:
		return m.multi.Close()
	case m.sparse != nil:
		return m.sparse.Close()
	}
	return m.model.Close()
}

// reading returns how the model reads texts; those of a multi-vector model are documents.
func (m *loadedModel) reading(p promptFlags) (embed.Reading, error) {
	switch {
	case m.multi != nil:
		return m.multi.Reading(multivector.Options{Prompt: p.text, PromptName: p.name})
	case m.sparse != nil:
		return m.sparse.Reading(sparse.Options{Prompt: p.text, PromptName: p.name})
	}
	return m.model.Reading(embed.Options{Prompt: p.text, PromptName: p.name})
}

// loadEither loads the model that the flags name, of the kind that --as or its folder says:
// an embedding model, or one of kinds.
func (f *modelFlags) loadEither(ctx context.Context, c *console, kinds ...string) (m loadedModel, err error) {
	dir, cfg, err := f.find(ctx, c)
	if err != nil {
		return m, err
	}
	loaded, err := loadKind(ctx, dir, cfg, f.kind(), kinds)
	if err == nil {
		tellFiner(c.stderr, factsOf(loaded))
	}
	switch l := loaded.(type) {
	case *embed.Model:
		m.model = l
	case *sparse.Model:
		m.sparse = l
	case *multivector.Model:
		m.multi = l
	}
	return m, err
}

// open loads the embedding model in a folder, "" for the one inside the binary.
func open(ctx context.Context, dir string, cfg embed.Config) (*embed.Model, error) {
	if dir == "" {
		return minilm.Load(ctx, cfg)
	}
	return embed.Load(ctx, dir, cfg)
}

// find returns the model's folder, "" for the one inside the binary, and how
// the flags say that it is loaded.
func (f *modelFlags) find(ctx context.Context, c *console) (dir string, cfg embed.Config, err error) {
	if f.threads < 0 {
		return "", cfg, usagef("--threads %d: must be 0 or more", f.threads)
	}
	cfg = embed.Config{Workers: f.threads, Kernels: f.kernels, MaxTokens: f.maxTokens, Transformers: f.transformers, TrustModelType: f.trust, Cache: f.cache}
	if f.precision != nil { // not of pull
		if cfg.Precision, err = embed.ParsePrecision(f.precision.value); err != nil {
			return "", cfg, err
		}
	}
	if f.pooling != nil {
		cfg.Pooling = f.pooling.value
	}
	cfg.Base = f.base // where that is no error, baseOf has the folder
	if f.name == builtin {
		return "", cfg, nil
	}
	dir, err = f.folder(ctx, c)
	if errors.Is(err, errNoFolder) && slices.Contains(builtinAliases, f.name) {
		return "", cfg, nil
	}
	if dir != f.name {
		cfg.Name = f.name // the folder of an id is called after a commit
	}
	if err == nil {
		cfg.Base, err = f.baseOf(ctx, c, dir)
	}
	return dir, cfg, err
}

// baseOf returns the folder of the base model of the adapter in dir: of --base, or of the id
// that the adapter names; "" where it names a folder, or there is none.
func (f *modelFlags) baseOf(ctx context.Context, c *console, dir string) (string, error) {
	if f.base != "" {
		base := *f
		base.name = f.base
		dir, err := base.folder(ctx, c)
		if err != nil {
			err = fmt.Errorf("--base: %w", err)
		}
		return dir, err
	}
	base, err := c.base(ctx, dir, f.download, f.progress.value)
	if errors.Is(err, hub.ErrNotCached) && !f.download {
		err = fmt.Errorf("%w: run 'rhumb pull' with that id, or give --download, or --base", err)
	}
	if base != "" {
		c.reads(base)
	}
	return base, err
}

// errNoFolder is that of a name of which there is neither a folder nor an id in the cache.
var errNoFolder = errors.New("no such folder")

// folder returns the folder of the model, which is not the one inside the
// binary: the folder or the GGUF file of that name, that of Ollama's after "ollama:", or else
// the folder that the cache has for the id.
func (f *modelFlags) folder(ctx context.Context, c *console) (string, error) {
	if name, ok := strings.CutPrefix(f.name, ollamaPrefix); ok {
		path, err := hub.Ollama(name)
		if err != nil {
			return "", fmt.Errorf("model %w", err)
		}
		c.reads(path)
		return path, nil
	}
	info, err := os.Stat(f.name)
	switch {
	case err == nil && (info.IsDir() || info.Mode().IsRegular()): // whoever loads a file says whether it is GGUF
		c.reads(f.name)
		return f.name, nil
	case err == nil:
		return "", fmt.Errorf("model %q: a file; expected a model's folder", f.name)
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("model %q: %w", f.name, err)
	case !hub.IsID(f.name):
		return "", fmt.Errorf("model %q: %w: give a model's folder, its id at the hub, or %s", f.name, errNoFolder, builtin)
	}
	dir, err := c.resolve(ctx, f.name, hub.Options{Download: f.download}, f.progress.value)
	if errors.Is(err, hub.ErrNotCached) && !f.download {
		err = fmt.Errorf("model %w, and there is %w: run 'rhumb pull %s', or give --download", err, errNoFolder, f.name)
	}
	if err == nil {
		c.reads(dir)
	}
	return dir, err
}

// resolve is hub.Resolve with a bar.
func (c *console) resolve(ctx context.Context, id string, o hub.Options, progress string) (string, error) {
	bar := c.newBar(progress, false)
	defer bar.clear()
	o.Progress = bar.download
	return hub.Resolve(ctx, id, o)
}

// base is hub.Base with a bar.
func (c *console) base(ctx context.Context, dir string, download bool, progress string) (string, error) {
	bar := c.newBar(progress, false)
	defer bar.clear()
	return hub.Base(ctx, dir, hub.Options{Download: download, Progress: bar.download})
}
