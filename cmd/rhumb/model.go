package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/spf13/cobra"
)

// builtin is the name of the model inside the binary.
const builtin = "minilm"

// modelFlags are the flags that say which model runs and how.
type modelFlags struct {
	name      string
	threads   int
	kernels   string
	maxTokens int // no flag: of bench, which measures up to the position table
}

func (f *modelFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addName(cmd)
	addChoice(cmd, "precision", "number format of the weights and the computation", "float32")
	flags.IntVar(&f.threads, "threads", 0, "`N` CPU threads; 0 for as many as there are CPUs")
	flags.StringVar(&f.kernels, "kernels", "", "kernel `SET`, one that rhumb doctor lists (default: the fastest)")
}

func (f *modelFlags) addName(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "model", cmp.Or(os.Getenv("RHUMB_MODEL"), builtin),
		"`FOLDER` of a model, or "+builtin+" for the one inside the binary; env RHUMB_MODEL")
}

// config returns how the flags say that the model is loaded.
func (f *modelFlags) config() (embed.Config, error) {
	if f.threads < 0 {
		return embed.Config{}, usagef("--threads %d: must be 0 or more", f.threads)
	}
	return embed.Config{Workers: f.threads, Kernels: f.kernels, MaxTokens: f.maxTokens}, nil
}

// load loads the model that the flags name.
func (f *modelFlags) load() (*embed.Model, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	if f.name == builtin {
		return minilm.Load(cfg)
	}
	if err := f.checkFolder(); err != nil {
		return nil, err
	}
	return embed.Load(f.name, cfg)
}

// inspect returns what the model says about itself at the given precision,
// without loading its weights.
func (f *modelFlags) inspect(p embed.Precision) (embed.Info, error) {
	cfg, err := f.config()
	if err != nil {
		return embed.Info{}, err
	}
	cfg.Precision = p
	if f.name == builtin {
		m, err := minilm.Load(cfg)
		if err != nil {
			return embed.Info{}, err
		}
		return m.Info(), m.Close()
	}
	if err := f.checkFolder(); err != nil {
		return embed.Info{}, err
	}
	return embed.Inspect(f.name, cfg)
}

// checkFolder returns an error if the model's name is not that of a folder.
func (f *modelFlags) checkFolder() error {
	info, err := os.Stat(f.name)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("model %q: a file; expected a model's folder", f.name)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("model %q: no such folder, and models are not downloaded: give a model's folder, or %s", f.name, builtin)
	}
	return fmt.Errorf("model %q: %w", f.name, err)
}
