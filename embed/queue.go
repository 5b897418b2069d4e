package embed

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// ErrQueueFull is the error of calls that find too much waiting in a Queue.
var ErrQueueFull = pipeline.ErrQueueFull

// The bounds of a Queue where QueueConfig has none.
const (
	DefaultQueueTexts  = pipeline.DefaultQueueInputs // 16384
	DefaultQueueTokens = pipeline.DefaultQueueTokens // 1048576
)

// QueueConfig says how much may wait in a Queue, and who is told what it does.
type QueueConfig struct {
	MaxTexts  int              // waiting inputs, and those of one call; 0 = DefaultQueueTexts
	MaxTokens int              // waiting tokens; 0 = DefaultQueueTokens
	Observe   func(QueueEvent) // called after each batch, one at a time, before the next begins; nil = nobody is told
}

// A QueueEvent is one batch of a Queue: inputs that were run together, of those of a call
// that have the same tokens one.
type QueueEvent struct {
	Texts, Tokens int
	Compute       time.Duration // with that of short batches that were let in between
}

// QueueStats are the state of a Queue, and what it did. Inputs of a call that have the same
// tokens are one.
type QueueStats struct {
	WaitingTexts, WaitingTokens int   // not yet in a batch
	MaxTexts, MaxTokens         int   // the bounds of those
	Batches, Texts, Tokens      int64 // that were run, or are being run, all together
}

// A Queue runs the calls of many goroutines together. What comes while a batch
// is under way goes into the next one, so that many calls of one text each take
// about as long as one call of all the texts; when nothing is under way, a text
// is run at once. Calls take turns, an input each, those of a client, as WithClient has
// it, as if they were one; and a batch has few tokens,
// Config.BatchTokens for each worker and twice that for one. Calls that are small beside
// a batch under way, an eighth of it and of one of its calls at most, do not wait for its
// end: they are let in between the parts of its work, in up to half of its time, as are
// inputs of any call where the batch has a long text. The bits are those of Model.Embed.
// An idle Queue has no goroutine.
type Queue struct {
	model *Model
	queue *pipeline.Queue
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg QueueConfig) *Queue {
	own := pipeline.QueueConfig{MaxInputs: cfg.MaxTexts, MaxTokens: cfg.MaxTokens}
	if cfg.Observe != nil {
		own.Observe = func(e pipeline.Event) { cfg.Observe(QueueEvent{e.Inputs, e.Tokens, e.Compute}) }
	}
	return &Queue{m, pipeline.NewQueue(m.loaded.Model, own)}
}

// Embed is Model.Embed, and returns the same bits. Texts are tokenized in the
// caller's goroutine; of calls with more than 64 KiB, prompts included, one at a time
// is, or one for two workers. Where more inputs or tokens would wait than the queue's
// bounds, the error is ErrQueueFull; when nothing waits, a call may have any
// number of tokens. That is decided before texts are tokenized: four of their bytes
// count as a token, as long as they are not. A call whose ctx ends returns at once, and what it has waiting
// leaves the queue; other calls do not notice. ErrClosed is the error of calls
// after Close of the queue, and of those that the model's Close comes before.
func (q *Queue) Embed(ctx context.Context, inputs []string, opts Options) (*Result, error) {
	return q.model.embed(ctx, q.model.texts(inputs, opts), q.queue.Run)
}

// EmbedIDs is Model.EmbedIDs in the manner of Embed.
func (q *Queue) EmbedIDs(ctx context.Context, inputs [][]int32, opts Options) (*Result, error) {
	return q.model.embed(ctx, q.model.tokenLists(inputs, opts), q.queue.Run)
}

// Tokenizer returns the model's, as Model.Tokenizer does.
func (q *Queue) Tokenizer() *tokenizer.Tokenizer { return q.model.Tokenizer() }

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() QueueStats {
	s := q.queue.Stats()
	return QueueStats{s.WaitingInputs, s.WaitingTokens, s.MaxInputs, s.MaxTokens, s.Passes, s.Inputs, s.Tokens}
}

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool { return q.queue.Full() }

// Close refuses new calls, and waits until those that were accepted are done. If
// ctx ends before, they return ErrClosed, and Close returns the error of ctx
// without waiting for the batch under way, which ends within a layer.
func (q *Queue) Close(ctx context.Context) error { return q.queue.Close(ctx) }

// Frame returns the special tokens that the model's tokenizer puts before and
// after a text: that of the route of promptName, "" for the default one. EmbedIDs
// takes ids without them too; another tokenizer's look the same.
func (q *Queue) Frame(promptName string) (head, tail []int32, err error) {
	route, err := q.model.routeOf(promptName)
	if err != nil {
		return nil, nil, err
	}
	head, tail = route.Encoder.Tokenizer.Frame()
	return head, tail, nil
}

// WithClient returns a context whose calls of a Queue, of any model and kind, are those of
// one client: they take turns with those of others as if they were one call, and the only
// one that a client has is not refused for what waits of others. Without, or where client
// is "", each call is for itself.
func WithClient(ctx context.Context, client string) context.Context {
	return pipeline.WithClient(ctx, client)
}
