package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/tensor"
)

// An Answer is one thing that was asked of a model, and what the reference and this machine
// make of it: a row for each text, or for each token of a multi-vector model; or one row of all scores.
type Answer struct {
	Name      string
	Want, Got tensor.Matrix
}

// Answers loads the model as cfg says, but for what m says of pooling and the tokenizer, and asks it all
// that the reference was asked. That the model reads another number of tokens than the reference is an error.
func (m *Model) Answers(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	cfg.Pooling, cfg.Transformers = m.Pooling, m.Transformers
	ask := map[string]func(context.Context, embed.Config) ([]Answer, error){
		"embed": m.embed, "rerank": m.rerank, "classify": m.classify, "sparse": m.sparse, "multivector": m.multivector,
	}[m.Kind]
	if ask == nil {
		return nil, fmt.Errorf("kind: found %q", m.Kind)
	}
	list, err = ask(ctx, cfg)
	for _, a := range list {
		if err == nil && (a.Want.Rows != a.Got.Rows || a.Want.Cols != a.Got.Cols) {
			err = fmt.Errorf("%s: %d rows of %d, expected %d of %d", a.Name, a.Got.Rows, a.Got.Cols, a.Want.Rows, a.Want.Cols)
		}
	}
	return list, err
}

// shaped returns data as rows of one length.
func shaped(rows int, data []float32) tensor.Matrix {
	m := tensor.NewMatrix(rows, len(data)/max(1, rows))
	copy(m.Data, data)
	return m
}

// rowsOf returns a matrix of a row for each of n vectors.
func rowsOf(n int, row func(i int) []float32) tensor.Matrix {
	var data []float32
	for i := range n {
		data = append(data, row(i)...)
	}
	return shaped(n, data)
}

func (m *Model) load(ctx context.Context, cfg embed.Config) (*embed.Model, error) {
	if m.folder == nil {
		return minilm.Load(ctx, cfg)
	}
	return embed.LoadFS(ctx, m.folder, cfg)
}

func (m *Model) embed(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	model, err := m.load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	for _, name := range slices.Sorted(maps.Keys(m.answers)) {
		want := m.answers[name]
		r, err := model.Embed(ctx, m.Texts, embed.Options{Prompt: m.Prompts[name], Unnormalized: !unit(want.Row(0))})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i, ids := range m.IDs[name] {
			if n := r.Embeddings[i].Tokens; n != len(ids) {
				return nil, fmt.Errorf("%s: text %d: %d tokens, expected %d", name, i, n, len(ids))
			}
		}
		got := rowsOf(len(r.Embeddings), func(i int) []float32 { return r.Embeddings[i].Float32 })
		list = append(list, Answer{name, want, got})
	}
	return list, nil
}

func (m *Model) loadCross(ctx context.Context, cfg embed.Config) (*rerank.Model, error) {
	return rerank.LoadFS(ctx, m.folder, cfg)
}

func (m *Model) rerank(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	model, err := m.loadCross(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	var got []float32
	for _, query := range m.Queries {
		scores, err := model.Score(ctx, query, m.Texts, rerank.Options{})
		if err != nil {
			return nil, err
		}
		for _, s := range scores {
			got = append(got, s.Value)
		}
	}
	return m.scores(got), nil
}

// scores returns the answer of a model with scores: one row of all.
func (m *Model) scores(got []float32) []Answer {
	return []Answer{{"scores", m.answers["scores"], shaped(1, got)}}
}

func (m *Model) classify(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	model, err := m.loadCross(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	var pairs [][2]string
	for _, query := range m.Queries {
		for _, text := range m.Texts {
			pairs = append(pairs, [2]string{query, text})
		}
	}
	classes, err := model.ClassifyPairs(ctx, pairs, rerank.Options{})
	if err != nil {
		return nil, err
	}
	var got []float32
	for _, c := range classes {
		for _, name := range model.Info().Labels {
			for _, l := range c.Labels {
				if l.Name == name {
					got = append(got, l.Score)
				}
			}
		}
	}
	return m.scores(got), nil
}

func (m *Model) sparse(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	model, err := sparse.LoadFS(ctx, m.folder, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	for _, name := range slices.Sorted(maps.Keys(m.answers)) {
		want := m.answers[name]
		vectors, err := model.Embed(ctx, m.Texts, sparse.Options{PromptName: name})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		got := tensor.NewMatrix(want.Rows, want.Cols)
		for i, v := range vectors {
			for j, at := range v.Indices {
				if int(at) >= want.Cols {
					return nil, fmt.Errorf("%s: text %d: index %d, expected less than %d", name, i, at, want.Cols)
				}
				got.Row(i)[at] = v.Values[j]
			}
		}
		list = append(list, Answer{name, want, got})
	}
	return list, nil
}

func (m *Model) multivector(ctx context.Context, cfg embed.Config) (list []Answer, err error) {
	model, err := multivector.LoadFS(ctx, m.folder, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	queries, err := model.EmbedQueries(ctx, m.Queries, multivector.Options{})
	if err != nil {
		return nil, err
	}
	documents, err := model.EmbedDocuments(ctx, m.Texts, multivector.Options{})
	if err != nil {
		return nil, err
	}
	for _, side := range []struct {
		name string
		rows []int
		got  []multivector.Embedding
	}{{"query", m.QueryRows, queries}, {"document", m.DocumentRows, documents}} {
		for i, e := range side.got {
			if e.Vectors.Rows != side.rows[i] {
				return nil, fmt.Errorf("%s %d: %d vectors, expected %d", side.name, i, e.Vectors.Rows, side.rows[i])
			}
		}
		var got []float32
		rows := 0
		for _, e := range side.got {
			got, rows = append(got, e.Vectors.Data...), rows+e.Vectors.Rows
		}
		list = append(list, Answer{side.name, m.answers[side.name], shaped(rows, got)})
	}
	return list, nil
}
