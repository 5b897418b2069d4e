package facade

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// A Queue is a pipeline.Queue in the words of package embed.
type Queue struct{ queue *pipeline.Queue }

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *loader.Model, cfg embed.QueueConfig) Queue {
	own := pipeline.QueueConfig{MaxInputs: cfg.MaxTexts, MaxTokens: cfg.MaxTokens}
	if cfg.Observe != nil {
		own.Observe = func(e pipeline.Event) {
			cfg.Observe(embed.QueueEvent{Texts: e.Inputs, Tokens: e.Tokens, Compute: e.Compute})
		}
	}
	return Queue{pipeline.NewQueue(m.Model, own)}
}

// Run is pipeline.Queue.Run, whose error is an Outcome.
func (q Queue) Run(ctx context.Context, c pipeline.Call) (wait time.Duration, err error) {
	wait, err = q.queue.Run(ctx, c)
	return wait, Outcome(err)
}

// Stats is embed.Queue's.
func (q Queue) Stats() embed.QueueStats {
	s := q.queue.Stats()
	return embed.QueueStats{
		WaitingTexts: s.WaitingInputs, WaitingTokens: s.WaitingTokens, MaxTexts: s.MaxInputs, MaxTokens: s.MaxTokens,
		Batches: s.Passes, Texts: s.Inputs, Tokens: s.Tokens,
	}
}

// Full is embed.Queue's.
func (q Queue) Full() bool { return q.queue.Full() }

// Close is embed.Queue's.
func (q Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }
