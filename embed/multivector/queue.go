package multivector

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Queue runs the calls of many goroutines together, as embed.Queue does. The bits are
// those of the Model's methods. An idle Queue has no goroutine.
type Queue struct {
	model *Model
	queue facade.Queue
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg embed.QueueConfig) *Queue {
	return &Queue{m, facade.NewQueue(m.loaded, cfg)}
}

// EmbedQueries is Model.EmbedQueries in the manner of embed.Queue.Embed, whose errors are
// embed.ErrQueueFull and embed.ErrClosed too.
func (q *Queue) EmbedQueries(ctx context.Context, texts []string, opts Options) ([]Embedding, error) {
	return embedTexts(ctx, q.run, q.model.newCall(query, texts, opts))
}

// EmbedDocuments is Model.EmbedDocuments in the manner of EmbedQueries.
func (q *Queue) EmbedDocuments(ctx context.Context, texts []string, opts Options) ([]Embedding, error) {
	return embedTexts(ctx, q.run, q.model.newCall(document, texts, opts))
}

// Score is Model.Score in the manner of EmbedQueries. The query is run before the documents.
func (q *Queue) Score(ctx context.Context, query string, documents []string, opts rerank.Options) ([]rerank.Score, error) {
	return score(ctx, q.model, q.run, query, documents, opts)
}

// Rank is Model.Rank in the manner of Score.
func (q *Queue) Rank(ctx context.Context, query string, documents []string, top int, opts rerank.Options) ([]rerank.Ranked, error) {
	list, _, err := q.RankWait(ctx, query, documents, top, opts)
	return list, err
}

// RankWait is Rank, and returns too how long the query and the documents waited for their
// first batches.
func (q *Queue) RankWait(ctx context.Context, query string, documents []string, top int, opts rerank.Options) (list []rerank.Ranked, wait time.Duration, err error) {
	run := func(ctx context.Context, c *call) error {
		waited, err := q.queue.Run(ctx, c)
		wait += waited
		return err
	}
	scores, err := score(ctx, q.model, run, query, documents, opts)
	return rerank.Order(scores, top), wait, err
}

// run is a runner.
func (q *Queue) run(ctx context.Context, c *call) error {
	_, err := q.queue.Run(ctx, c)
	return err
}

// Tokenizer returns the model's, as Model.Tokenizer does.
func (q *Queue) Tokenizer() *tokenizer.Tokenizer { return q.model.Tokenizer() }

// Reading returns how documents are read, as Model.Reading does.
func (q *Queue) Reading(opts Options) (embed.Reading, error) { return q.model.Reading(opts) }

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() embed.QueueStats { return q.queue.Stats() }

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool { return q.queue.Full() }

// Close refuses new calls, and waits until those that were accepted are done, as
// embed.Queue's does.
func (q *Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }
