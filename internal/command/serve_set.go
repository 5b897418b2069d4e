package command

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// setFlags are those of models that come and go.
type setFlags struct {
	dir       string
	keepAlive string
	memory    string
	adminKeys string
	cmd       *cobra.Command
}

func (f *setFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "models-dir", "", "`DIR` of model folders, NAME or ORG/NAME in it, that are served by these names: loaded when a request needs them, and unloaded again; the list is read again on SIGHUP. Without --model they are all that is served")
	flags.StringVar(&f.keepAlive, "keep-alive", embedhttp.DefaultKeepAlive.String(), "`TIME` that a model of --models-dir stays when no request uses it, such as 90s or 1h; 0 for none, -1 until another one needs its memory")
	flags.StringVar(&f.memory, "memory", "", "`SIZE` that the weights of loaded models of --models-dir have at most together, such as 8GiB; the least recently used go first (default: no limit)")
	flags.StringVar(&f.adminKeys, "admin-keys", "", "`FILE` of the keys that POST /v1/models/load and unload need, as --api-keys has it; read again on SIGHUP (default: these are refused)")
}

// config returns what the flags say of a set of models.
func (f *setFlags) config(log *slog.Logger) (cfg embedhttp.SetConfig, err error) {
	cfg.Logger = log
	if cfg.KeepAlive, err = parseKeepAlive(f.keepAlive); err != nil {
		return cfg, usagef("--keep-alive %s: %w", f.keepAlive, err)
	}
	if f.memory != "" {
		if cfg.Memory, err = parseSize(f.memory); err != nil {
			return cfg, usagef("--memory %s: %w", f.memory, err)
		}
		if cfg.Memory == 0 {
			return cfg, usagef("--memory %s: must be 1 byte or more", f.memory)
		}
	}
	return cfg, nil
}

// parseKeepAlive reads a time, or seconds without a unit.
func parseKeepAlive(s string) (time.Duration, error) {
	keep, err := time.ParseDuration(s)
	if n, intErr := strconv.ParseInt(s, 10, 32); intErr == nil {
		keep, err = time.Duration(n)*time.Second, nil
	}
	if err != nil {
		return 0, errors.New("expected a time such as 5m, 0 or -1")
	}
	if keep == 0 {
		return time.Nanosecond, nil // 0 is the default of embedhttp
	}
	return keep, nil
}

// folders returns the models below the folder of --models-dir, in order of their names.
func (f *serveFlags) folders(ctx context.Context, c *console, kinds map[string]string) ([]place, error) {
	if f.set.dir == "" {
		return nil, nil
	}
	if isModel(f.set.dir) {
		return nil, usagef("--models-dir %s: the folder of one model, expected one with such folders in it: --model serves a model", f.set.dir)
	}
	flags := f.model
	flags.name = builtin // of which there is no folder to find
	_, cfg, err := flags.find(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := modelFolders(f.set.dir, func(dir string) ([]string, error) {
		return modelFolders(dir, func(string) ([]string, error) { return nil, nil })
	})
	if err != nil {
		return nil, err
	}
	var list []place
	for _, sub := range found {
		p := place{name: filepath.ToSlash(sub), dir: filepath.Join(f.set.dir, sub), as: kinds[""], cfg: cfg, comes: true}
		p.cfg.Name = p.name
		if p.cfg.Base = ""; hasAdapter(p.dir) {
			if base, err := f.model.baseOf(ctx, c, p.dir); err == nil { // else an error of its requests
				p.cfg.Base = base
			}
		}
		if as, ok := kinds[p.name]; ok {
			p.as = as
		}
		list = append(list, p)
	}
	return list, nil
}

// modelFolders returns the folders in dir that have a model, and those that inside finds in others.
func modelFolders(dir string, inside func(dir string) ([]string, error)) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // of what a link leads to
		if err != nil || !info.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if hasModel(path) {
			list = append(list, e.Name())
			continue
		}
		below, err := inside(path)
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		for _, sub := range below {
			list = append(list, filepath.Join(e.Name(), sub))
		}
	}
	return list, nil
}

// hasModel reports whether dir has one of the files that a model's folder has to have.
func hasModel(dir string) bool {
	return slices.ContainsFunc([]string{"modules.json", "config.json", adapterConfig}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// isModel reports whether a folder that may have models in it is that of one itself: a file that
// is called config.json alone may be another one.
func isModel(dir string) bool {
	files, _ := os.ReadDir(dir)
	return hasModel(dir) && slices.ContainsFunc(files, func(f os.DirEntry) bool {
		return f.Name() == "modules.json" || slices.Contains([]string{".safetensors", ".bin", ".gguf"}, filepath.Ext(f.Name()))
	})
}

// adapterConfig is the file that tells a LoRA adapter.
const adapterConfig = "adapter_config.json"

// hasAdapter reports whether the folder dir is that of an adapter.
func hasAdapter(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, adapterConfig))
	return dir != "" && err == nil
}

// sources returns the models of places that come and go, and what their folders say of
// them. One whose folder is no good is an error of its requests.
func (f *serveFlags) sources(ctx context.Context, m *metrics, places []place, cache embed.Cache, log *slog.Logger) []embedhttp.Source {
	list := make([]embedhttp.Source, len(places))
	var group sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, p := range places {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			list[i].Model = embedhttp.Model{Name: p.name, Aliases: p.aliases}
			list[i].Load = func(ctx context.Context) (served embedhttp.Model, end func() error, err error) {
				p.cfg.Cache = cache
				model, served, err := f.load(ctx, m, log, p)
				if err != nil {
					return served, nil, err
				}
				return served, model.Close, nil
			}
			d, err := describe(ctx, p.dir, p.cfg, p.as)
			if err != nil {
				log.Error("model is no good", "model", p.name, "error", err)
				return
			}
			d.tell(&list[i].Model)
			if !p.whole() {
				return
			}
			weights, err := sparse.Inspect(ctx, p.dir, p.cfg)
			vectors, multiErr := multivector.Inspect(ctx, p.dir, p.cfg)
			if err == nil && multiErr == nil { // else an error of its requests
				list[i].Model.SparseInfo, list[i].Model.MultiVectorInfo = weights, vectors
			}
		})
	}
	group.Wait()
	return list
}

// tell tells m what d says.
func (d *description) tell(m *embedhttp.Model) {
	switch {
	case d.cross != nil:
		m.RerankInfo = *d.cross
	case d.multi != nil:
		m.MultiVectorInfo = *d.multi
	case d.sparse != nil:
		m.SparseInfo = *d.sparse
	default:
		m.Info = d.Info
	}
}

// serveSet returns a set of the models of places that come and go, nil where there is no
// --models-dir, and what reads the list again.
func (f *serveFlags) serveSet(ctx context.Context, c *console, m *metrics, places []place, cache embed.Cache, log *slog.Logger) (*embedhttp.Set, reread, error) {
	if f.set.dir == "" {
		for name, value := range map[string]string{"keep-alive": f.set.keepAlive, "memory": f.set.memory} {
			if f.set.cmd.Flags().Changed(name) {
				return nil, nil, usagef("--%s %s: there is no --models-dir, whose models it is for", name, value)
			}
		}
		return nil, func(context.Context) {}, nil
	}
	cfg, err := f.set.config(log)
	if err != nil {
		return nil, nil, err
	}
	set, err := embedhttp.NewSet(cfg, f.sources(ctx, m, places, cache, log))
	if err != nil {
		return nil, nil, err
	}
	return set, func(ctx context.Context) {
		kinds, err := f.kinds()
		var list []place
		if err == nil {
			list, err = f.folders(ctx, c, kinds)
		}
		if err == nil {
			_ = f.addAliases(list) // those of models that are gone are gone with them
			err = set.Replace(f.sources(ctx, m, list, cache, log))
		}
		if err != nil {
			log.Error("the models stay as they were", "dir", f.set.dir, "error", err)
			return
		}
		log.Info("models read again", "dir", f.set.dir, "models", len(list))
	}, nil
}
