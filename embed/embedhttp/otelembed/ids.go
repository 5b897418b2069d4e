package otelembed

import (
	"context"
	"crypto/rand"

	"go.opentelemetry.io/otel/trace"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// IDs makes the ids of spans, for the SDK's WithIDGenerator: the span of a request that
// is in its caller's trace has the id that the answer's traceresponse and the log say.
// With another generator it has one of its own. The ids of others are random.
type IDs struct{}

// idsKey is that of a request's embedhttp.Trace in a context.
type idsKey struct{}

// NewIDs returns a random trace and span id.
func (IDs) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	for !id.IsValid() {
		_, _ = rand.Read(id[:]) // never an error
	}
	return id, randomSpan()
}

// NewSpanID returns the id of a span in the trace of that id.
func (IDs) NewSpanID(ctx context.Context, id trace.TraceID) trace.SpanID {
	if t, ok := ctx.Value(idsKey{}).(embedhttp.Trace); ok && t.ID == id.String() {
		if span, err := trace.SpanIDFromHex(t.Span); err == nil {
			return span
		}
	}
	return randomSpan()
}

func randomSpan() (id trace.SpanID) {
	for !id.IsValid() {
		_, _ = rand.Read(id[:]) // never an error
	}
	return id
}
