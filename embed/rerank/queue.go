package rerank

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Queue runs the calls of many goroutines together, as embed.Queue does; a pair is what
// a text is there. The bits are those of the Model's methods. An idle Queue has no
// goroutine.
type Queue struct {
	model *Model
	queue facade.Queue
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg embed.QueueConfig) *Queue {
	return &Queue{m, facade.NewQueue(m.loaded, cfg)}
}

// Score is Model.Score in the manner of embed.Queue.Embed, whose errors are
// embed.ErrQueueFull and embed.ErrClosed too.
func (q *Queue) Score(ctx context.Context, query string, documents []string, opts Options) ([]Score, error) {
	return score(ctx, q.model, q.run, query, documents, opts)
}

// Rank is Model.Rank in the manner of Score.
func (q *Queue) Rank(ctx context.Context, query string, documents []string, top int, opts Options) ([]Ranked, error) {
	list, _, err := q.RankWait(ctx, query, documents, top, opts)
	return list, err
}

// RankWait is Rank, and returns too how long the call waited for its first batch.
func (q *Queue) RankWait(ctx context.Context, query string, documents []string, top int, opts Options) (list []Ranked, wait time.Duration, err error) {
	run := func(ctx context.Context, c *call) (err error) {
		wait, err = q.queue.Run(ctx, c)
		return err
	}
	scores, err := score(ctx, q.model, run, query, documents, opts)
	return Order(scores, top), wait, err
}

// Pairs is Model.Pairs in the manner of Score.
func (q *Queue) Pairs(ctx context.Context, pairs [][2]string, opts Options) ([]Score, error) {
	return scorePairs(ctx, q.model, q.run, pairs, opts)
}

// Classify is Model.Classify in the manner of Score.
func (q *Queue) Classify(ctx context.Context, texts []string, opts Options) ([]Classification, error) {
	return classify(ctx, q.model, q.run, texts, opts)
}

// ClassifyPairs is Model.ClassifyPairs in the manner of Score.
func (q *Queue) ClassifyPairs(ctx context.Context, pairs [][2]string, opts Options) ([]Classification, error) {
	return classifyCall(ctx, q.run, &call{model: q.model, options: opts, pairs: pairs})
}

// run is a runner.
func (q *Queue) run(ctx context.Context, c *call) error {
	_, err := q.queue.Run(ctx, c)
	return err
}

// Tokenizer returns the model's tokenizer.
func (q *Queue) Tokenizer() *tokenizer.Tokenizer { return q.model.tokenizer() }

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() embed.QueueStats { return q.queue.Stats() }

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool { return q.queue.Full() }

// Close refuses new calls, and waits until those that were accepted are done, as
// embed.Queue's does.
func (q *Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }
