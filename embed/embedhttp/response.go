package embedhttp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/embed"
)

// embeddings answers POST /v1/embeddings.
func (x *exchange) embeddings() error { return x.embedAs(&openAI) }

// openAI is the superset of OpenAI's spelling that /v1/embeddings takes.
var openAI = spelling{fields: fields, input: "input", answer: (*exchange).answer}

// embedAs answers a request for embeddings that is spelled as s.
func (x *exchange) embedAs(s *spelling) error {
	c, err := x.call(s)
	if err != nil {
		return err
	}
	if c.outputs != nil {
		return x.answerOutputs(c)
	}
	result := new(embed.Result)
	err = x.compute(&c.basics, c.inputs.count(), func(ctx context.Context) (wait time.Duration, err error) {
		if c.inputs.count() == 0 {
			return 0, nil
		}
		if result, err = c.embed(ctx); err != nil {
			return 0, c.embedFailure(err)
		}
		x.event.Cached = result.Cached
		return result.Wait, nil
	})
	if err != nil {
		return err
	}
	if !s.echo {
		c.inputs = inputs{}
		x.leave() // a client that is slow to take the answer holds up nobody
	}
	err = s.answer(x, c, result)
	x.event.Encode = x.sinceEmbedded()
	return err
}

// receive reads the request's body with read.
func (x *exchange) receive(read func(body []byte) error) error {
	body, err := x.body()
	if err != nil {
		return err
	}
	if err := x.parse(body, read); err != nil {
		return err
	}
	x.keep(int64(len(body)))
	return nil
}

// receiveFor reads the request's body with read, which says in c what model it is for. That
// is loaded, if it is of a kind that is wanted, and then complete checks the request.
func (x *exchange) receiveFor(c *basics, wanted []kind, read func(body []byte) error, complete func() error) error {
	body, err := x.body()
	if err != nil {
		return err
	}
	if err := x.parse(body, read); err != nil {
		return err
	}
	if x.name != "" {
		c.name = x.name
	}
	if err := x.use(c, wanted...); err != nil { // which may take long, and takes no turn of others
		return err
	}
	if err := x.parse(body, func([]byte) error { return complete() }); err != nil {
		return err
	}
	x.keep(int64(len(body)))
	return nil
}

// compute has the model of c run on texts, and says of that what an event and
// headers say. run returns how long it waited for the model.
func (x *exchange) compute(c *basics, texts int, run func(ctx context.Context) (wait time.Duration, err error)) error {
	if err := x.hold(c.size); err != nil {
		return err
	}
	if err := x.reserve(c, texts); err != nil {
		return err
	}
	x.event.Model, x.event.Kind, x.event.Texts = c.model.Name, string(c.model.kind()), texts
	read := time.Now()
	x.event.Read = read.Sub(x.start) - x.event.Load
	wait, err := run(x.turns())
	x.event.Embed = time.Since(read)
	x.done()
	c.model = c.model.description() // which keeps no weights in memory
	if err != nil {
		return err
	}
	x.event.Wait = wait
	if f := c.model.Fingerprint; f != "" {
		x.w.Header().Set("X-Model-Fingerprint", f)
	}
	return nil
}

// sinceEmbedded returns the time from when there were embeddings or scores.
func (x *exchange) sinceEmbedded() time.Duration {
	return time.Since(x.start) - x.event.Read - x.event.Load - x.event.Embed
}

// timing returns the value of Server-Timing, in milliseconds. The encoding of an
// answer of several pieces is that of the first: what comes later it cannot tell.
func (x *exchange) timing() string {
	e, encode := &x.event, x.sinceEmbedded()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	load := ""
	if e.Load > 0 {
		load = fmt.Sprintf("load;dur=%.3f, ", ms(e.Load))
	}
	return load + fmt.Sprintf("read;dur=%.3f, wait;dur=%.3f, compute;dur=%.3f, encode;dur=%.3f", ms(e.Read), ms(e.Wait), ms(e.Embed-e.Wait), ms(encode))
}

func (c *call) embed(ctx context.Context) (*embed.Result, error) {
	if c.inputs.ids != nil {
		return c.model.Queue.EmbedIDs(ctx, c.inputs.ids, c.options())
	}
	return c.model.Queue.Embed(ctx, c.inputs.texts, c.options())
}

// answerTail is the JSON of an answer after its data.
type answerTail struct {
	Usage          usage `json:"usage"`
	Normalized     bool  `json:"normalized"`
	EncodingFormat any   `json:"encoding_format"` // a string or a list of them
	Dimensions     int   `json:"dimensions"`
}

type usage struct {
	PromptTokens       int  `json:"prompt_tokens"`
	TotalTokens        int  `json:"total_tokens"`
	CompletionTokens   int  `json:"completion_tokens"`
	PromptAudioSeconds *int `json:"prompt_audio_seconds"` // always null
	TruncatedTokens    int  `json:"truncated_tokens"`     // dropped, and not in the others
}

// answer writes the embeddings in the forms of the request.
func (x *exchange) answer(c *call, result *embed.Result) error {
	object := "embedding"
	if len(c.forms.list) > 1 {
		object = "embedding_dict"
	}
	return x.answerWith(c, result, object, c.vector(result))
}

// answerWith writes the embeddings that value appends, objects of that name, piece by piece,
// so that memory does not grow with their number.
func (x *exchange) answerWith(c *call, result *embed.Result, object string, value func(b []byte, i int) []byte) error {
	dropped := x.countAll(result)
	model, err := json.Marshal(c.name)
	if err != nil {
		return err
	}
	tail, err := json.Marshal(answerTail{
		Usage:          usage{PromptTokens: x.event.Tokens, TotalTokens: x.event.Tokens, TruncatedTokens: dropped},
		Normalized:     !c.options().Unnormalized,
		EncodingFormat: c.forms.echo(),
		Dimensions:     result.Dimensions,
	})
	if err != nil {
		return err
	}
	head := fmt.Sprintf(`{"id":"embd-%s","object":"list","model":%s,"data":`, rand.Text(), model)
	return x.list(!c.forms.allBase64(), head, len(result.Embeddings), func(b []byte, i int) []byte {
		b = append(b, `{"object":"`...)
		b = append(b, object...)
		b = append(b, `","index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"embedding":`...)
		return append(value(b, i), '}')
	}, ","+string(tail[1:])) // without its brace
}

// list answers with head, a JSON list of n values, and tail. value appends one of them.
func (x *exchange) list(compressible bool, head string, n int, value func(b []byte, i int) []byte, tail string) error {
	p := x.newPieces(compressible)
	defer p.release()
	b, err := p.list(append(p.buffer, head...), n, value)
	if err != nil {
		return err
	}
	b = append(b, tail...)
	return p.end(append(b, '\n'))
}

// list appends a JSON list of n values to b, and writes what gets long.
func (p *pieces) list(b []byte, n int, value func(b []byte, i int) []byte) (_ []byte, err error) {
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if b = value(b, i); len(b) >= pieceSize {
			if b, err = p.write(b); err != nil {
				return nil, err
			}
		}
	}
	return append(b, ']'), nil
}

// countAll counts the inputs of result, says how many were cut, and returns how many tokens were dropped.
func (x *exchange) countAll(result *embed.Result) (dropped int) {
	for i := range result.Embeddings {
		e := &result.Embeddings[i]
		if result.Starts != nil && !slices.Contains(result.Starts, i) {
			x.count(e.Tokens, 0) // what its text lost counts once
			continue
		}
		dropped += x.count(e.Tokens, e.Truncated)
	}
	x.tellTruncated()
	return dropped
}

// vector returns what appends the embedding of an input in the forms of the request.
func (c *call) vector(result *embed.Result) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte { return c.forms.append(b, &result.Embeddings[i].Vector) }
}

// count counts an input of which tokens were read and others dropped, and returns those.
func (x *exchange) count(tokens, dropped int) int {
	x.event.Tokens += tokens
	if dropped > 0 {
		x.event.Truncated++
	}
	return dropped
}

// tellTruncated says in a header how many inputs were cut, where any were.
func (x *exchange) tellTruncated() {
	if n := x.event.Truncated; n > 0 {
		x.w.Header().Set("X-Truncated-Inputs", strconv.Itoa(n))
	}
}

// pieceSize is how long a piece of an answer grows, in bytes, before it is written.
const pieceSize = 128 << 10

// pieces write an answer, compressed where the client accepts it and it pays.
type pieces struct {
	x          *exchange
	buffer     []byte     // for the caller's pieces
	coding     *coding    // of an answer that is long enough; nil = none
	compressor compressor // nil = not compressing
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (x *exchange) newPieces(compressible bool) *pieces {
	p := &pieces{x: x, buffer: (*buffers.Get().(*[]byte))[:0]}
	if compressible {
		x.w.Header().Add("Vary", "Accept-Encoding")
		p.coding = accepted(x.r.Header.Values("Accept-Encoding"))
	}
	return p
}

// release gives the memory of p back.
func (p *pieces) release() {
	if p.compressor != nil {
		p.compressor.Reset(nil)
		p.coding.compressors.Put(p.compressor)
	}
	if cap(p.buffer) <= 4*pieceSize {
		buffers.Put(&p.buffer)
	}
}

// begin sends the headers; length is that of the answer, below 0 = unknown.
func (p *pieces) begin(length int) {
	header := p.x.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Server-Timing", p.x.timing())
	if p.coding != nil && (length < 0 || length >= compressSize) {
		header.Set("Content-Encoding", p.coding.name)
		p.compressor = p.coding.compressors.Get().(compressor)
		p.compressor.Reset(p.x.w)
	} else if length >= 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	p.x.begin(http.StatusOK)
}

// write writes a piece, and returns its memory for the next one.
func (p *pieces) write(piece []byte) ([]byte, error) {
	p.buffer = piece
	if !p.x.begun {
		p.begin(-1)
	}
	var to io.Writer = p.x.w
	if p.compressor != nil {
		to = p.compressor
	}
	if _, err := to.Write(piece); err != nil {
		return nil, p.x.gone(err)
	}
	return piece[:0], nil
}

// end writes the last piece.
func (p *pieces) end(piece []byte) error {
	if !p.x.begun {
		p.begin(len(piece))
	}
	if _, err := p.write(piece); err != nil {
		return err
	}
	if p.compressor != nil {
		if err := p.compressor.Close(); err != nil {
			return p.x.gone(err)
		}
	}
	return nil
}

// gone is the failure of an answer that the client does not take.
func (x *exchange) gone(err error) error {
	f := fail(codeInternal, "", "the client did not take the answer")
	f.cause = fmt.Errorf("%w: %w", errGone, err)
	return f
}
