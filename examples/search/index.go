package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/philippgille/chromem-go"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
)

// together is how many passages wait for their vectors at a time: the queue
// embeds together what waits.
const together = 256

// An index is a collection of passages in a chromem-go database.
type index struct {
	collection *chromem.Collection
	embedder   adapt.Embedder
	dimensions int
}

// open opens the index of a model's vectors in db. Those of another model are in
// another collection.
func open(ctx context.Context, db *chromem.DB, model *embed.Model, queue *embed.Queue) (*index, error) {
	fingerprint, err := model.Fingerprint(ctx)
	if err != nil {
		return nil, err
	}
	e := adapt.Embedder{Model: queue}
	c, err := db.GetOrCreateCollection(fingerprint, nil, e.EmbedDocument)
	if err != nil {
		return nil, err
	}
	return &index{c, e, model.Info().DefaultDimensions}, nil
}

// update makes passages, and nothing else, what the index holds. It embeds those
// that are new, and those whose file, line or text changed.
func (x *index) update(ctx context.Context, passages []passage) (added, removed int, err error) {
	ids, err := x.ids(ctx)
	if err != nil {
		return 0, 0, err
	}
	missing := map[string]chromem.Document{}
	for _, p := range passages {
		line := strconv.Itoa(p.line)
		sum := sha256.Sum256([]byte(p.file + "\x00" + line + "\x00" + p.text))
		missing[hex.EncodeToString(sum[:])] = chromem.Document{
			ID:       hex.EncodeToString(sum[:]),
			Metadata: map[string]string{"file": p.file, "line": line},
			Content:  p.text,
		}
	}
	for _, id := range ids {
		if _, wanted := missing[id]; wanted {
			delete(missing, id)
			continue
		}
		if err := x.collection.Delete(ctx, nil, nil, id); err != nil {
			return 0, 0, err
		}
		removed++
	}
	if len(missing) > 0 {
		err = x.collection.AddDocuments(ctx, slices.Collect(maps.Values(missing)), together)
	}
	return len(missing), removed, errors.Join(err, ctx.Err())
}

// ids returns those of what the index holds: chromem-go has no list of them, but a
// query for as many passages as there are finds all.
func (x *index) ids(ctx context.Context) (ids []string, err error) {
	n := x.collection.Count()
	if n == 0 {
		return nil, nil
	}
	unit := make([]float32, x.dimensions)
	unit[0] = 1
	all, err := x.collection.QueryEmbedding(ctx, unit, n, nil, nil)
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids, err
}

// nearest returns the n passages nearest to question, all where there are fewer.
func (x *index) nearest(ctx context.Context, question string, n int) ([]chromem.Result, error) {
	// Not Collection.Query, which would embed the question as a document.
	query, err := x.embedder.EmbedQuery(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("the question: %w", err)
	}
	return x.collection.QueryEmbedding(ctx, query, min(n, x.collection.Count()), nil, nil)
}
