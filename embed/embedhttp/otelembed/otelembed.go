// Package otelembed makes OpenTelemetry's spans and metrics of what an
// embedhttp.Handler tells of its requests:
//
//	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithIDGenerator(otelembed.IDs{}))
//	observe, err := otelembed.Observer(tracers, meters)
//	…
//	handler, err := embedhttp.New(embedhttp.Config{Models: models, Observe: observe})
//
// It is a module of its own, so that programs without OpenTelemetry do not depend on it.
// It needs the API alone; the SDK is the program's.
package otelembed

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

const scope = "github.com/rhumb-go/rhumb/embed/embedhttp/otelembed"

// The attributes that semantic conventions have no name for.
const (
	requestID = attribute.Key("rhumb.request.id")      // X-Request-Id
	texts     = attribute.Key("rhumb.texts")           // inputs or documents
	truncated = attribute.Key("rhumb.texts.truncated") // those that were
	cached    = attribute.Key("rhumb.texts.cached")    // inputs whose rows a cache had
)

// operations are the values of gen_ai.operation.name by the kind of a model: the
// conventions' own where there is one.
var operations = map[string]string{
	"embedding": "embeddings", "sparse": "embeddings", "reranker": "rerank", "multi-vector": "rerank", "classifier": "classify",
}

// methods are those that http.request.method may have; others are _OTHER.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete,
	http.MethodConnect, http.MethodOptions, http.MethodTrace, http.MethodPatch, "QUERY",
}

// Observer returns a function for embedhttp.Config.Observe. For each request it makes a
// span, and where a model was asked spans below it: read, load where the model was not
// there, wait, compute, encode. compute has the tokenization too, which comes before the
// wait. The parent is the span in the
// request's context, as of a middleware around the handler, or else that of the caller's
// traceparent; without either the request begins a trace. Names and attributes are those
// of OpenTelemetry's semantic conventions 1.41.0 for HTTP servers and generative AI, and
// beside them rhumb.request.id, rhumb.texts, rhumb.texts.truncated and rhumb.texts.cached.
// The metric is gen_ai.server.request.duration, in seconds, of requests to a model.
// A nil provider is the global one. The error is that of the meter.
func Observer(tracers trace.TracerProvider, meters metric.MeterProvider) (func(embedhttp.Event), error) {
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	o := observer{tracer: tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
	var err error
	o.duration, err = meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)).Float64Histogram("gen_ai.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Time of a request to a model, from its headers to the end of the answer."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	return o.observe, err
}

type observer struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

func (o *observer) observe(e embedhttp.Event) {
	ctx := context.WithValue(parent(e), idsKey{}, e.Trace)
	method := cmp.Or(known(e.Method), "HTTP")
	name := method
	if e.Path != "" {
		name += " " + e.Path
	}
	ctx, span := o.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(e.Start), trace.WithAttributes(attributes(e)...))
	if e.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, e.Code)
	}
	if e.Model != "" {
		o.duration.Record(ctx, e.Total.Seconds(), metric.WithAttributes(modelAttributes(e)...))
		o.parts(context.WithValue(ctx, idsKey{}, nil), e)
	}
	span.End(trace.WithTimestamp(e.Start.Add(e.Total)))
}

// parts makes the spans below that of ctx.
func (o *observer) parts(ctx context.Context, e embedhttp.Event) {
	at := e.Start
	for _, part := range []struct {
		name string
		time time.Duration
	}{{"read", e.Read}, {"load", e.Load}, {"wait", e.Wait}, {"compute", e.Embed - e.Wait}, {"encode", e.Encode}} {
		if part.time <= 0 {
			continue
		}
		_, span := o.tracer.Start(ctx, part.name, trace.WithTimestamp(at))
		at = at.Add(part.time)
		span.End(trace.WithTimestamp(at))
	}
}

// parent returns a context with the span that a request's is below.
func parent(e embedhttp.Event) context.Context {
	if trace.SpanContextFromContext(e.Context).IsValid() || e.Trace.ID == "" {
		return e.Context
	}
	// Errors leave what is zero, which is no parent.
	id, _ := trace.TraceIDFromHex(e.Trace.ID)
	span, _ := trace.SpanIDFromHex(e.Trace.Parent)
	state, _ := trace.ParseTraceState(e.Trace.State)
	return trace.ContextWithRemoteSpanContext(e.Context, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(e.Trace.Flags), TraceState: state,
	}))
}

// known returns method where it is one of HTTP's, or "".
func known(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return ""
}

func attributes(e embedhttp.Event) []attribute.KeyValue {
	list := []attribute.KeyValue{semconv.HTTPResponseStatusCode(e.Status), requestID.String(e.ID)}
	if method := known(e.Method); method != "" {
		list = append(list, semconv.HTTPRequestMethodKey.String(method))
	} else {
		list = append(list, semconv.HTTPRequestMethodOther)
	}
	if e.Path != "" {
		list = append(list, semconv.HTTPRoute(e.Path))
	}
	if e.Model == "" {
		return append(list, errorType(e)...)
	}
	list = append(list, modelAttributes(e)...)
	list = append(list, texts.Int(e.Texts), semconv.GenAIUsageInputTokens(e.Tokens), truncated.Int(e.Truncated))
	if e.Cached > 0 {
		list = append(list, cached.Int(e.Cached))
	}
	return list
}

// modelAttributes are those of a request to a model that spans and metrics have.
func modelAttributes(e embedhttp.Event) []attribute.KeyValue {
	return append(errorType(e), semconv.GenAIOperationNameKey.String(cmp.Or(operations[e.Kind], e.Kind)),
		semconv.GenAIProviderNameKey.String("rhumb"), semconv.GenAIRequestModel(e.Model))
}

func errorType(e embedhttp.Event) []attribute.KeyValue {
	if e.Code == "" {
		return nil
	}
	return []attribute.KeyValue{semconv.ErrorTypeKey.String(e.Code)}
}
