package command

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// metrics are what GET /metrics tells, by the conventions of
// https://prometheus.io/docs/practices/naming/. No label has a value that clients make
// up: a path is that of a route, an error one of the API's codes, a model a configured one.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec // by path, status and error
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

// secondsBuckets are bounds that limits of services are said in.
var secondsBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// newMetrics returns those of a service whose models compute with that set of kernels.
func newMetrics(kernels string) *metrics {
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
	m.requests = counter("rhumb_requests_total", "Requests by path, HTTP status and the error's code in the answer.", "path", "status", "error")
	m.texts = counter("rhumb_texts_total", "Inputs and documents of requests that were answered.", "model")
	m.tokens = counter("rhumb_tokens_total", "Tokens that models read for them.", "model")
	m.truncated = counter("rhumb_truncated_texts_total", "Inputs and documents of which tokens were dropped.", "model")
	m.total = histogram("rhumb_request_seconds", "Time of a request that was answered, from its headers to the end of the answer.", secondsBuckets)
	m.encode = histogram("rhumb_encode_seconds", "Time to encode and write an answer.", secondsBuckets)
	m.batchTexts = histogram("rhumb_batch_texts", "Inputs of a batch.", prometheus.ExponentialBuckets(1, 2, 12))
	m.batchTokens = histogram("rhumb_batch_tokens", "Tokens of a batch.", prometheus.ExponentialBuckets(4, 2, 18))
	m.wait = histogram("rhumb_queue_wait_seconds", "Time that a request that was answered waited for its first batch.", secondsBuckets)
	m.compute = histogram("rhumb_compute_seconds", "Time to compute a batch.", secondsBuckets)
	b := buildOf()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rhumb_build_info", Help: "1, with what the program was built from, and the kernels that it computes with.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "goversion": runtime.Version(), "kernels": kernels},
	})
	info.Set(1)
	m.registry.MustRegister(
		info,
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

// watch tells of the state of h as it is when it is asked for, as models come and go.
func (m *metrics) watch(h *embedhttp.Handler) { m.registry.MustRegister(watcher{h}) }

// A watcher collects the state of a handler.
type watcher struct{ *embedhttp.Handler }

// What a watcher tells.
var (
	underWay      = prometheus.NewDesc("rhumb_requests_in_flight", "Requests that came and are not answered whole.", nil, nil)
	modelInfo     = prometheus.NewDesc("rhumb_model_info", "1 for each model that is loaded, with its kind and precision.", []string{"model", "kind", "precision"}, nil)
	modelMemory   = prometheus.NewDesc("rhumb_model_memory_bytes", "Bytes of a model's weights, those that stay in their file included.", []string{"model"}, nil)
	waitingTexts  = prometheus.NewDesc("rhumb_queue_waiting_texts", "Inputs that wait for a model.", []string{"model"}, nil)
	waitingTokens = prometheus.NewDesc("rhumb_queue_waiting_tokens", "Tokens that wait for a model.", []string{"model"}, nil)
)

func (watcher) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{underWay, modelInfo, modelMemory, waitingTexts, waitingTokens} {
		to <- d
	}
}

func (w watcher) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	tell(underWay, float64(w.UnderWay()))
	for _, s := range w.Status() {
		if s.Loaded {
			tell(modelInfo, 1, s.Name, s.Kind, s.Precision.String())
			tell(modelMemory, float64(s.Memory), s.Name)
			tell(waitingTexts, float64(s.WaitingTexts), s.Name)
			tell(waitingTokens, float64(s.WaitingTokens), s.Name)
		}
	}
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
