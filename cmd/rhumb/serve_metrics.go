package main

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// metrics are what GET /metrics tells.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec // by path, status and error code
	texts       *prometheus.CounterVec // the rest by model
	tokens      *prometheus.CounterVec
	truncated   *prometheus.CounterVec
	total       *prometheus.HistogramVec
	encode      *prometheus.HistogramVec
	batchTexts  *prometheus.HistogramVec
	batchTokens *prometheus.HistogramVec
	wait        *prometheus.HistogramVec
	compute     *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"model"})
		m.registry.MustRegister(h)
		return h
	}
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 18) // to 66 s
	m.requests = counter("rhumb_requests_total", "Requests by path, HTTP status and error code.", "path", "status", "code")
	m.texts = counter("rhumb_texts_total", "Inputs and documents of requests that were answered.", "model")
	m.tokens = counter("rhumb_tokens_total", "Tokens that models read for them.", "model")
	m.truncated = counter("rhumb_truncated_texts_total", "Inputs and documents of which tokens were dropped.", "model")
	m.total = histogram("rhumb_request_seconds", "Time of a request that was answered, from its headers to the end of the answer.", seconds)
	m.encode = histogram("rhumb_encode_seconds", "Time to encode and write an answer.", seconds)
	m.batchTexts = histogram("rhumb_batch_texts", "Inputs of a batch.", prometheus.ExponentialBuckets(1, 2, 12))
	m.batchTokens = histogram("rhumb_batch_tokens", "Tokens of a batch.", prometheus.ExponentialBuckets(4, 2, 18))
	m.wait = histogram("rhumb_queue_wait_seconds", "Time that a request that was answered waited for its first batch.", seconds)
	m.compute = histogram("rhumb_compute_seconds", "Time to compute a batch.", seconds)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), // process_resident_memory_bytes
	)
	return m
}

// tell tells of a cache, which all models share.
func (m *metrics) tell(c rowCache) {
	counter := func(name, help string, value func(cache.Stats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(c.Stats())) }))
	}
	counter("rhumb_cache_hits_total", "Inputs whose rows the cache had.", func(s cache.Stats) int64 { return s.Hits })
	counter("rhumb_cache_misses_total", "Inputs whose rows it did not have.", func(s cache.Stats) int64 { return s.Misses })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rhumb_cache_bytes", Help: "Bytes of the cache that are in use."},
		func() float64 { return float64(c.Stats().Bytes) }))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts a request.
func (m *metrics) observe(e embedhttp.Event) {
	m.requests.WithLabelValues(e.Path, strconv.Itoa(e.Status), e.Code).Inc()
	if e.Model == "" || e.Status != http.StatusOK {
		return
	}
	m.texts.WithLabelValues(e.Model).Add(float64(e.Texts))
	m.tokens.WithLabelValues(e.Model).Add(float64(e.Tokens))
	m.truncated.WithLabelValues(e.Model).Add(float64(e.Truncated))
	m.total.WithLabelValues(e.Model).Observe(e.Total.Seconds())
	m.wait.WithLabelValues(e.Model).Observe(e.Wait.Seconds())
	m.encode.WithLabelValues(e.Model).Observe(e.Encode.Seconds())
}

// observeBatch returns what counts the batches of a model.
func (m *metrics) observeBatch(model string) func(embed.QueueEvent) {
	return func(e embed.QueueEvent) {
		m.batchTexts.WithLabelValues(model).Observe(float64(e.Texts))
		m.batchTokens.WithLabelValues(model).Observe(float64(e.Tokens))
		m.compute.WithLabelValues(model).Observe(e.Compute.Seconds())
	}
}
