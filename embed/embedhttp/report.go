package embedhttp

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// report logs the request and hands its event on.
func (x *exchange) report() {
	e := &x.event
	e.Total = time.Since(x.start)
	if x.failed != nil && (errors.Is(x.failed, errGone) || errors.Is(x.failed, context.Canceled) && x.r.Context().Err() != nil) {
		e.Status, e.Code = statusGone, codeGone
	}
	level := slog.LevelInfo
	var unlogged int64
	switch {
	case e.Path == "/health" || e.Path == "/ready":
		level = slog.LevelDebug
	case e.Status == http.StatusTooManyRequests:
		level, unlogged = x.h.refusals.level(x.start)
	case e.Status == http.StatusInternalServerError:
		level = slog.LevelError
	}
	if x.h.log.Enabled(e.Context, level) {
		x.h.log.LogAttrs(e.Context, level, "request", x.attrs(unlogged)...)
	}
	if x.h.cfg.Observe != nil {
		x.h.cfg.Observe(*e)
	}
}

// attrs are what the log says of the request. Durations have their unit in the key.
func (x *exchange) attrs(unlogged int64) []slog.Attr {
	e := &x.event
	attrs := []slog.Attr{
		slog.String("id", x.id), slog.String("method", shown(e.Method, maxShown)), slog.String("path", shown(x.r.URL.Path, maxShown)),
		slog.Int("status", e.Status), milliseconds("total_ms", e.Total), slog.String("remote", x.r.RemoteAddr),
	}
	if e.Trace.ID != "" {
		attrs = append(attrs, slog.String("trace_id", e.Trace.ID), slog.String("span_id", e.Trace.Span))
	}
	if e.Model != "" {
		attrs = append(attrs, slog.String("model", e.Model), slog.Int("texts", e.Texts), slog.Int("tokens", e.Tokens),
			slog.Int("truncated", e.Truncated), milliseconds("read_ms", e.Read), milliseconds("embed_ms", e.Embed),
			milliseconds("wait_ms", e.Wait), milliseconds("encode_ms", e.Encode))
	}
	if e.Load > 0 {
		attrs = append(attrs, milliseconds("load_ms", e.Load))
	}
	if e.Cached > 0 {
		attrs = append(attrs, slog.Int("cached", e.Cached))
	}
	if e.Key != "" {
		attrs = append(attrs, slog.String("key", e.Key))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if unlogged > 0 {
		attrs = append(attrs, slog.Int64("unlogged", unlogged))
	}
	if x.failed != nil {
		attrs = append(attrs, slog.String("error", x.failed.message))
		if x.failed.cause != nil {
			attrs = append(attrs, slog.String("cause", x.failed.cause.Error()))
		}
	}
	return attrs
}

// milliseconds is an attribute of d in milliseconds, to the microsecond.
func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, math.Round(float64(d)/float64(time.Microsecond))/1000)
}

// refusals are the requests that were answered with 429. A service that has too much
// to do has many, of which the log needs few.
type refusals struct {
	next     atomic.Int64 // when one may be logged as a warning, nanoseconds since 1970
	unlogged atomic.Int64 // since the last one that was
}

// refusalTime is that from one warning to the next at least.
const refusalTime = time.Second

// level returns at what level a refusal at now is logged: one of each refusalTime as a
// warning, which says how many before it were not.
func (r *refusals) level(now time.Time) (level slog.Level, unlogged int64) {
	next := r.next.Load()
	if now.UnixNano() < next || !r.next.CompareAndSwap(next, now.Add(refusalTime).UnixNano()) {
		r.unlogged.Add(1)
		return slog.LevelDebug, 0
	}
	return slog.LevelWarn, r.unlogged.Swap(0)
}

// errGone is the cause of an answer that the client does not take.
var errGone = errors.New("the client is gone")

// The Event of a client that left.
const (
	statusGone = 499
	codeGone   = "client_gone"
)
