package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/search"
)

const (
	maxBody = 1 << 20 // bytes of a note's request
	nearest = 3       // notes that a search gives
)

// notes keeps texts in memory, with their vectors.
type notes struct {
	embedder adapt.Embedder

	mu      sync.RWMutex
	texts   []string
	vectors []float32 // of the texts, one after the other
}

// A note is what a search finds.
type note struct {
	Text  string  `json:"text"`
	Score float32 `json:"score"` // the cosine with the question
}

// add answers POST /notes.
func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Text string `json:"text"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		http.Error(w, "the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	vector, err := n.embedder.EmbedDocument(r.Context(), body.Text)
	if err != nil {
		refuse(w, err)
		return
	}
	n.mu.Lock()
	n.texts = append(n.texts, body.Text)
	n.vectors = append(n.vectors, vector...)
	n.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

// search answers GET /notes?q=.
func (n *notes) search(w http.ResponseWriter, r *http.Request) {
	query, err := n.embedder.EmbedQuery(r.Context(), r.FormValue("q"))
	if err != nil {
		refuse(w, err)
		return
	}
	// What is there is never changed, only added to: the search needs no lock.
	n.mu.RLock()
	texts, vectors := n.texts, n.vectors
	n.mu.RUnlock()
	matches, err := search.Nearest(search.Dot, query, vectors, nearest)
	if err != nil {
		refuse(w, err)
		return
	}
	found := make([]note, len(matches))
	for i, m := range matches {
		found[i] = note{texts[m.Row], m.Score}
	}
	w.Header().Set("Content-Type", "application/json")
	// An error is of a client that left.
	_ = json.NewEncoder(w).Encode(found)
}

// refuse answers with what is wrong with the request, or with the service.
func refuse(w http.ResponseWriter, err error) {
	var input *embed.InputError
	switch {
	case errors.As(err, &input):
		http.Error(w, "the text: "+input.Err.Error(), http.StatusBadRequest)
	case errors.Is(err, embed.ErrQueueFull), errors.Is(err, embed.ErrClosed):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
