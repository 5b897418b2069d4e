package rerank

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// open loads the model at the root of fsys, which lies in dir, "" where that is not known.
func open(ctx context.Context, fsys fs.FS, dir string, cfg embed.Config, packing loader.Packing) (*Model, error) {
	loaded, err := facade.Open(ctx, fsys, dir, cfg, packing, "a reranker or a classifier", modelfolder.ReadCross)
	if err != nil {
		return nil, err
	}
	m := &Model{loaded: loaded}
	if err := m.complete(cfg); err != nil {
		_ = m.Close() // err says more
		return nil, err
	}
	return m, nil
}

// complete sets what follows from what was loaded.
func (m *Model) complete(cfg embed.Config) (err error) {
	l := m.loaded
	e, c := l.Default.Encoder, l.Spec.Cross
	if n := l.Default.Dimensions; n != len(c.Labels) && c.Logit == nil && n > 0 { // 0 of a Dense that was not packed
		return fmt.Errorf("%d outputs, expected %d, one for each label", n, len(c.Labels))
	}
	if m.activation, err = pipeline.ParseActivation(c.Activation); err != nil {
		return fmt.Errorf("activation_fn: %w", err)
	}
	if m.template, err = parseTemplate(c.Logit, e.Runs.Family(), e.Tokenizer); err != nil {
		return err
	}
	m.info = Info{
		Facts: facade.Facts(l, cfg.Name), Labels: c.Labels, MultiLabel: c.Problem == "multi_label_classification",
		Activation: c.Activation[strings.LastIndexByte(c.Activation, '.')+1:], Overruled: c.Overruled,
	}
	if t := e.Transformer; t != nil {
		m.typed = e.Types && t.Types() > 1
	}
	pair, err := e.Tokenizer.EncodePair("", "", tokenizer.Options{})
	m.special, m.noPairs = [2]int{e.Tokenizer.SpecialTokens(), len(pair.IDs)}, err
	return nil
}

// tokenizer returns the model's.
func (m *Model) tokenizer() *tokenizer.Tokenizer { return m.loaded.Default.Encoder.Tokenizer }
