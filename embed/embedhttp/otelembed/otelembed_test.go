package otelembed_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/embedhttp/otelembed"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID    = "00f067aa0ba902b7"
	traceparent = "00-" + traceID + "-" + parentID + "-01"
)

// A traced is a service of a tiny model, and what it told.
type traced struct {
	http.Handler
	tracers *sdktrace.TracerProvider
	spans   *tracetest.InMemoryExporter
	metrics *metric.ManualReader
}

func serve(t *testing.T, options ...sdktrace.TracerProviderOption) *traced {
	t.Helper()
	model, err := embed.Load(t.Context(), "../../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	queue := embed.NewQueue(model, embed.QueueConfig{})
	s := &traced{spans: tracetest.NewInMemoryExporter(), metrics: metric.NewManualReader()}
	s.tracers = sdktrace.NewTracerProvider(append(options, sdktrace.WithSyncer(s.spans))...)
	meters := metric.NewMeterProvider(metric.WithReader(s.metrics))
	t.Cleanup(func() {
		ctx := context.Background()
		assert.NoError(t, s.tracers.Shutdown(ctx))
		assert.NoError(t, meters.Shutdown(ctx))
		assert.NoError(t, queue.Close(ctx))
		assert.NoError(t, model.Close())
	})
	observe, err := otelembed.Observer(s.tracers, meters)
	require.NoError(t, err)
	s.Handler, err = embedhttp.New(embedhttp.Config{Models: []embedhttp.Model{{Name: "tiny", Queue: queue, Info: model.Info()}}, Observe: observe})
	require.NoError(t, err)
	return s
}

// ask sends a request, and returns the answer and the spans that it made, the request's last.
func (s *traced) ask(t *testing.T, method, path, body string, headers ...string) (*httptest.ResponseRecorder, tracetest.SpanStubs) {
	t.Helper()
	s.spans.Reset()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	spans := s.spans.GetSpans()
	require.NotEmpty(t, spans)
	return w, spans
}

func attributesOf(span tracetest.SpanStub) map[string]any {
	m := map[string]any{}
	for _, a := range span.Attributes {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

const body = `{"model":"tiny","input":["summer","winter"]}`

func TestSpans(t *testing.T) {
	s := serve(t, sdktrace.WithIDGenerator(otelembed.IDs{}))
	before := time.Now()
	w, spans := s.ask(t, "POST", "/v1/embeddings", body, "Traceparent", traceparent, "Tracestate", "a=1", "X-Request-Id", "mine")
	after := time.Now()
	require.Equal(t, 200, w.Code, w.Body)
	request := spans[len(spans)-1]
	assert.Equal(t, "POST /v1/embeddings", request.Name)
	assert.Equal(t, trace.SpanKindServer, request.SpanKind)
	assert.Equal(t, traceID, request.SpanContext.TraceID().String())
	assert.Equal(t, parentID, request.Parent.SpanID().String())
	assert.True(t, request.Parent.IsRemote())
	assert.Equal(t, "a=1", request.SpanContext.TraceState().String())
	assert.Equal(t, "00-"+traceID+"-"+request.SpanContext.SpanID().String()+"-01", w.Header().Get("traceresponse"), "the span's own id")
	assert.Equal(t, codes.Unset, request.Status.Code)
	assert.False(t, request.StartTime.Before(before) || request.EndTime.After(after))
	got := attributesOf(request)
	assert.Positive(t, got["gen_ai.usage.input_tokens"])
	delete(got, "gen_ai.usage.input_tokens")
	assert.Equal(t, map[string]any{
		"http.request.method": "POST", "http.route": "/v1/embeddings", "http.response.status_code": int64(200),
		"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "rhumb", "gen_ai.request.model": "tiny",
		"rhumb.request.id": "mine", "rhumb.texts": int64(2), "rhumb.texts.truncated": int64(0),
	}, got)

	// The parts follow each other within the request.
	at := request.StartTime
	var names []string
	for _, part := range spans[:len(spans)-1] {
		names = append(names, part.Name)
		assert.Equal(t, request.SpanContext.SpanID(), part.Parent.SpanID(), part.Name)
		assert.Equal(t, traceID, part.SpanContext.TraceID().String())
		assert.NotEqual(t, request.SpanContext.SpanID(), part.SpanContext.SpanID())
		assert.Equal(t, trace.SpanKindInternal, part.SpanKind)
		assert.Equal(t, at, part.StartTime, part.Name)
		at = part.EndTime
	}
	assert.Subset(t, []string{"read", "wait", "compute", "encode"}, names, "a wait may be too short for a clock")
	assert.Subset(t, names, []string{"read", "compute", "encode"})
	assert.False(t, at.After(request.EndTime))
}

func TestSpanOfErrors(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		method, path, body, name, code string
	}{
		{"POST", "/v1/embeddings", `{"model":"nope","input":"a"}`, "POST /v1/embeddings", "model_not_found"},
		{"POST", "/v1/embeddings", `{"input":[[1]]}`, "POST /v1/embeddings", "invalid_input"},
		{"GET", "/nothing/that/is", "", "GET", "not_found"},
		{"BREW", "/v1/embeddings", "", "HTTP /v1/embeddings", "method_not_allowed"},
	} {
		_, spans := s.ask(t, c.method, c.path, c.body)
		request := spans[len(spans)-1]
		assert.Equal(t, c.name, request.Name)
		assert.Equal(t, c.code, attributesOf(request)["error.type"])
		assert.Equal(t, codes.Unset, request.Status.Code, "the client's fault")
		assert.NotContains(t, attributesOf(request), "gen_ai.usage.output_tokens")
		if c.method == "BREW" {
			assert.Equal(t, "_OTHER", attributesOf(request)["http.request.method"])
		}
	}
	w, spans := s.ask(t, "GET", "/ready", "") // which it is not
	require.Equal(t, 503, w.Code)
	assert.Equal(t, codes.Error, spans[0].Status.Code)
}

// Without a traceparent a request begins a trace; what the caller does not sample is not;
// and below a middleware's span it is that one's child.
func TestParents(t *testing.T) {
	s := serve(t)
	_, spans := s.ask(t, "POST", "/v1/embeddings", body)
	root := spans[len(spans)-1]
	assert.False(t, root.Parent.IsValid())
	assert.True(t, root.SpanContext.IsValid())

	r := httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(body))
	r.Header.Set("Traceparent", strings.TrimSuffix(traceparent, "1")+"0")
	s.spans.Reset()
	s.ServeHTTP(httptest.NewRecorder(), r)
	assert.Empty(t, s.spans.GetSpans())

	inner := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := s.tracers.Tracer("middleware").Start(ctx, "outer")
		defer span.End()
		inner.ServeHTTP(w, r.WithContext(ctx))
	})
	_, spans = s.ask(t, "POST", "/v1/embeddings", body, "Traceparent", traceparent)
	outer, request := spans[len(spans)-1], spans[len(spans)-2]
	assert.Equal(t, "outer", outer.Name)
	assert.Equal(t, outer.SpanContext.SpanID(), request.Parent.SpanID())
	assert.Equal(t, traceID, request.SpanContext.TraceID().String())
}

func TestMetric(t *testing.T) {
	s := serve(t)
	for _, b := range []string{body, body, `{"input":[[1]]}`, `{"model":"nope","input":"a"}`} {
		s.ask(t, "POST", "/v1/embeddings", b)
	}
	var all metricdata.ResourceMetrics
	require.NoError(t, s.metrics.Collect(t.Context(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	require.Len(t, all.ScopeMetrics[0].Metrics, 1)
	m := all.ScopeMetrics[0].Metrics[0]
	assert.Equal(t, "gen_ai.server.request.duration", m.Name)
	assert.Equal(t, "s", m.Unit)
	counts := map[string]uint64{}
	for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		code, _ := p.Attributes.Value("error.type")
		name, _ := p.Attributes.Value("gen_ai.request.model")
		assert.Equal(t, "tiny", name.AsString())
		assert.True(t, p.Attributes.HasValue(attribute.Key("gen_ai.operation.name")))
		counts[code.AsString()] = p.Count
	}
	assert.Equal(t, map[string]uint64{"": 2}, counts, "the others found no model, or had no texts for it")
}

// Whatever Event has, nothing panics, and other providers are the global ones.
func TestGlobal(t *testing.T) {
	observe, err := otelembed.Observer(nil, nil)
	require.NoError(t, err)
	observe(embedhttp.Event{Context: t.Context(), Trace: embedhttp.Trace{ID: "no hex", Parent: "none", State: "=,="}, Model: "m"})
}

func TestIDs(t *testing.T) {
	id, span := otelembed.IDs{}.NewIDs(t.Context())
	other, _ := otelembed.IDs{}.NewIDs(t.Context())
	assert.True(t, id.IsValid() && span.IsValid())
	assert.NotEqual(t, id, other)
	assert.NotEqual(t, otelembed.IDs{}.NewSpanID(t.Context(), id), otelembed.IDs{}.NewSpanID(t.Context(), id))
}
