package loader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// openTransformer opens a transformer and its weights, where its outliers are to be
// found one for that, and then that with them.
func (m *Model) openTransformer(ctx context.Context, spec *modelfolder.Encoder) (*Encoder, error) {
	e := &Encoder{Encoder: spec}
	if spec.Chat != nil {
		var err error
		if e.Chat, err = NewChat(spec.Chat, spec.Model.ModelType, spec.Tokenizer); err != nil {
			return nil, spec.ErrorIn(spec.Folder.ErrorIn("", err))
		}
	}
	if err := e.readOutliers(&m.config); err != nil {
		return nil, spec.ErrorIn(err)
	}
	open := transformer.Config{JSON: spec.Config, Set: m.Set, Format: m.config.Format, TrustModelType: m.config.TrustModelType}
	if c := m.Spec.Cross; c != nil {
		open.Head, open.Tokens = headOf(c, m.Spec.Default)
	}
	if spec.Masked {
		open.Head = transformer.MaskedHead
	}
	if m.config.Packing != ToRun {
		open.Set = nil
	}
	var err error
	if open.Adapter, err = m.adapter(spec); err != nil {
		return nil, err
	}
	for _, t := range spec.Tasks {
		a, err := m.openAdapter(t.Folder, t.Config)
		if err != nil {
			return nil, err
		}
		open.Tasks = append(open.Tasks, transformer.TaskAdapter{Name: t.Name, Adapter: a})
	}
	e.Weights = len(m.Files)
	if open.Weights, err = m.weights(spec.Base); err != nil {
		return nil, spec.ErrorIn(err)
	}
	e.opens = open
	finds := e.Finds() && m.config.Packing != ToCount
	if finds {
		calibrated := open
		calibrated.Set = m.Set
		e.Transformer, err = transformer.OpenToCalibrate(ctx, calibrated)
	} else {
		open.Outliers = e.Outliers
		e.Transformer, err = transformer.Open(ctx, open)
	}
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return nil, spec.ErrorIn(spec.Base.ErrorIn("", err))
	}
	m.Bytes += e.Transformer.Bytes()
	if code := e.Transformer.Trusted; code != "" && !slices.Contains(m.Trusted, code) {
		m.Trusted = append(m.Trusted, code)
	}
	for _, key := range e.Transformer.Ignored {
		m.Spec.Ignored.Add(spec.Base, manifest.Config, key)
	}
	for _, begin := range e.Transformer.Passed {
		m.Spec.Ignored.Add(modelfolder.Folder{}, open.Weights.Name(), begin+"*")
	}
	if finds && m.config.Packing == ToRun {
		if open.Outliers, err = m.Calibrate(ctx, e); err != nil {
			return nil, err
		}
		e.Outliers = open.Outliers
		open.Packed, e.opens.Packed = e.opens.Packed, nil
		if e.Transformer, err = transformer.Open(ctx, open); err != nil {
			return nil, spec.ErrorIn(spec.Base.ErrorIn("", err))
		}
	}
	if h := e.Transformer.Head; h != nil && open.Head == transformer.ClassificationHead {
		m.Spec.SetLabels(h.Labels())
	}
	e.Runs = pipeline.Transformer{Model: e.Transformer}
	return e, nil
}

// headOf returns the head of a cross-encoder's transformer, and the tokens that it is for.
func headOf(c *modelfolder.Cross, r *modelfolder.Route) (transformer.HeadKind, []int32) {
	switch {
	case c.Logit != nil && c.Logit.False >= 0:
		return transformer.LanguageHead, []int32{c.Logit.True, c.Logit.False}
	case c.Logit != nil:
		return transformer.LanguageHead, []int32{c.Logit.True}
	case r.Pooling != nil:
		return transformer.NoHead, nil
	}
	return transformer.ClassificationHead, nil
}

// check checks the tokenizer against the transformer, which limits the tokens.
func (e *Encoder) check() error {
	if id, ok := e.Tokenizer.ID(e.End); e.End != "" && (!ok || int(id) >= e.Transformer.Embeddings.Tokens.Rows) {
		return fmt.Errorf("tokenizer_config.json: eos_token: %q, which tokenizer.json lacks, or the model", e.End)
	}
	e.limit = modelfolder.Lowest(e.Encoder.MaxTokens, e.Transformer.MaxPositions)
	if special := e.Tokenizer.SpecialTokens(); e.limit > 0 && e.limit < special {
		return fmt.Errorf("%s: %d special tokens, and the model reads %d tokens", manifest.Tokenizer, special, e.limit)
	}
	return nil
}

// fits returns an error unless e may run queries as s says.
func (e *Encoder) fits(s *modelfolder.Multi) error {
	x := s.Expansion
	if x == nil {
		return nil
	}
	if t := e.Transformer; !x.Attend && !t.HidesTokens() {
		return e.ErrorIn(unsupported.Errorf("query_expansion: attend: false, expected true of a %s, whose tokens all work together", t.Family))
	}
	if n := e.limit; n > 0 && x.Length > n {
		return e.ErrorIn(fmt.Errorf("query_expansion: length: %d, and the model reads %d tokens", x.Length, n))
	}
	if n := e.Transformer.Embeddings.Tokens.Rows; int(x.Token) >= n {
		return e.ErrorIn(fmt.Errorf("query_expansion: token: id %d, expected one below %d, the model's vocab_size", x.Token, n))
	}
	return nil
}

// adapter opens the adapter of a transformer, nil where there is none.
func (m *Model) adapter(spec *modelfolder.Encoder) (*transformer.Adapter, error) {
	if spec.Adapter == nil {
		return nil, nil
	}
	return m.openAdapter(spec.Folder, spec.Adapter)
}

// openAdapter opens the adapter in f, with that config, for as long as the model is.
func (m *Model) openAdapter(f modelfolder.Folder, config []byte) (*transformer.Adapter, error) {
	file, err := f.AdapterWeights()
	if err != nil {
		return nil, err
	}
	m.Files = append(m.Files, file)
	a, err := transformer.OpenAdapter(config, file)
	return a, f.ErrorIn("", err)
}

// weights opens the weights in f, for as long as the model is.
func (m *Model) weights(f modelfolder.Folder) (*tensor.File, error) {
	file, err := f.Weights()
	if err == nil {
		m.Files = append(m.Files, file)
	}
	return file, err
}

// readOutliers reads those that the folder names, in Int8. Where it names none, they
// are to be found.
func (e *Encoder) readOutliers(cfg *Config) error {
	if cfg.Format != kernel.Int8 {
		return nil
	}
	e.calibrated = calibrationVersion
	data := e.Encoder.Outliers
	if data == nil || cfg.Packing == Recalibrate {
		return nil
	}
	if err := json.Unmarshal(data, &e.Outliers); err != nil || e.Outliers == nil {
		return e.Base.ErrorIn(manifest.Outliers, errors.New("expected an object with a list of whole numbers for each linear layer"))
	}
	e.calibrated = string(modelfolder.Canonical(data))
	if len(e.Outliers.Finer()) > 0 {
		e.calibrated += " and attention in float32"
	}
	return nil
}

// Finds reports whether e's outliers, in Int8, are not in its folder, but to be found.
func (e *Encoder) Finds() bool { return e.calibrated == calibrationVersion }
