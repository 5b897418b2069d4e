package sparse

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// A Queue runs the calls of many goroutines together, as embed.Queue does. The bits are
// those of Model.Embed. An idle Queue has no goroutine.
type Queue struct {
	model *Model
	queue *pipeline.Queue
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg embed.QueueConfig) *Queue {
	own := pipeline.QueueConfig{MaxInputs: cfg.MaxTexts, MaxTokens: cfg.MaxTokens}
	if cfg.Observe != nil {
		own.Observe = func(e pipeline.Event) {
			cfg.Observe(embed.QueueEvent{Texts: e.Inputs, Tokens: e.Tokens, Compute: e.Compute})
		}
	}
	return &Queue{m, pipeline.NewQueue(&m.loaded.Model, own)}
}

// Embed is Model.Embed in the manner of embed.Queue.Embed, whose errors are
// embed.ErrQueueFull and embed.ErrClosed too.
func (q *Queue) Embed(ctx context.Context, texts []string, opts Options) ([]Vector, error) {
	vectors, _, err := q.EmbedWait(ctx, texts, opts)
	return vectors, err
}

// EmbedWait is Embed, and returns too how long the call waited for its first batch.
func (q *Queue) EmbedWait(ctx context.Context, texts []string, opts Options) ([]Vector, time.Duration, error) {
	c := &call{model: q.model, options: opts, texts: texts}
	wait, err := q.queue.Run(ctx, c)
	if err != nil {
		return nil, wait, outcome(err)
	}
	return c.vectors, wait, nil
}

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() embed.QueueStats {
	s := q.queue.Stats()
	return embed.QueueStats{
		WaitingTexts: s.WaitingInputs, WaitingTokens: s.WaitingTokens, Batches: s.Passes, Texts: s.Inputs, Tokens: s.Tokens,
	}
}

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool { return q.queue.Full() }

// Close refuses new calls, and waits until those that were accepted are done, as
// embed.Queue's does.
func (q *Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }
