package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/rhumb-go/rhumb/search"
)

// A store is a vectorstores.VectorStore in memory. Of the options it takes the
// embedder and the threshold. It is not for several goroutines at once.
type store struct {
	embedder  embeddings.Embedder
	documents []schema.Document
	vectors   []float32 // of the documents, one after the other
}

var _ vectorstores.VectorStore = (*store)(nil)

// AddDocuments adds documents, and returns their ids.
func (s *store) AddDocuments(ctx context.Context, documents []schema.Document, options ...vectorstores.Option) (ids []string, err error) {
	o, err := s.options(options)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(documents))
	for i, d := range documents {
		texts[i] = d.PageContent
	}
	vectors, err := o.Embedder.EmbedDocuments(ctx, texts)
	if err != nil {
		return nil, err
	}
	for i, d := range documents {
		ids = append(ids, strconv.Itoa(len(s.documents)))
		s.documents = append(s.documents, d)
		s.vectors = append(s.vectors, vectors[i]...)
	}
	return ids, nil
}

// SimilaritySearch returns the n documents nearest to query, with the cosines as
// their scores.
func (s *store) SimilaritySearch(ctx context.Context, query string, n int, options ...vectorstores.Option) (found []schema.Document, err error) {
	o, err := s.options(options)
	if err != nil {
		return nil, err
	}
	vector, err := o.Embedder.EmbedQuery(ctx, query)
	if err != nil {
		return nil, err
	}
	matches, err := search.Nearest(search.Dot, vector, s.vectors, n)
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		if m.Score >= o.ScoreThreshold {
			d := s.documents[m.Row]
			d.Score = m.Score
			found = append(found, d)
		}
	}
	return found, nil
}

func (s *store) options(options []vectorstores.Option) (vectorstores.Options, error) {
	o := vectorstores.Options{Embedder: s.embedder, ScoreThreshold: -1}
	for _, option := range options {
		option(&o)
	}
	if o.NameSpace != "" || o.Filters != nil || o.Deduplicater != nil {
		return o, errors.New("options of the store: expected none but the embedder and the threshold")
	}
	return o, nil
}
