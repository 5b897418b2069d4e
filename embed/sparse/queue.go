package sparse

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Queue runs the calls of many goroutines together, as embed.Queue does. The bits are
// those of Model.Embed. An idle Queue has no goroutine.
type Queue struct {
	model *Model
	queue facade.Queue
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg embed.QueueConfig) *Queue {
	return &Queue{m, facade.NewQueue(m.loaded, cfg)}
}

// Embed is Model.Embed in the manner of embed.Queue.Embed, whose errors are
// embed.ErrQueueFull and embed.ErrClosed too.
func (q *Queue) Embed(ctx context.Context, texts []string, opts Options) ([]Vector, error) {
	vectors, _, err := q.EmbedWait(ctx, texts, opts)
	return vectors, err
}

// EmbedWait is Embed, and returns too how long the call waited for its first batch.
func (q *Queue) EmbedWait(ctx context.Context, texts []string, opts Options) ([]Vector, time.Duration, error) {
	c := q.model.newCall(texts, opts)
	wait, err := q.queue.Run(ctx, c)
	if err != nil {
		return nil, wait, err
	}
	return c.vectors, wait, nil
}

// Tokenizer returns the model's, as Model.Tokenizer does.
func (q *Queue) Tokenizer() *tokenizer.Tokenizer { return q.model.Tokenizer() }

// Reading returns how texts are read, as Model.Reading does.
func (q *Queue) Reading(opts Options) (embed.Reading, error) { return q.model.Reading(opts) }

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() embed.QueueStats { return q.queue.Stats() }

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool { return q.queue.Full() }

// Close refuses new calls, and waits until those that were accepted are done, as
// embed.Queue's does.
func (q *Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }
