package embedhttp

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The trace and the span of the examples in W3C Trace Context.
const (
	traceID  = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID = "00f067aa0ba902b7"
)

// The rules are those of https://www.w3.org/TR/trace-context-2/, 3.2 and 4.3.
func TestTraceOf(t *testing.T) {
	const ids = traceID + "-" + parentID
	for _, c := range []struct {
		name, given string
		flags       byte
		valid       bool
	}{
		{"of the specification", "00-" + ids + "-01", 1, true},
		{"not sampled", "00-" + ids + "-00", 0, true},
		{"random", "00-" + ids + "-03", 3, true},
		{"flags of no meaning", "00-" + ids + "-ff", 3, true},
		{"spaces around", "\t00-" + ids + "-01 ", 1, true},
		{"a later version", "cc-" + ids + "-01", 1, true},
		{"a later version with more", "cc-" + ids + "-01-what-the-future-will-be-like", 1, true},
		{"a later version with more and no dash", "cc-" + ids + "-01.what", 0, false},
		{"a later version that ends early", "cc-" + ids + "-0", 0, false},
		{"version ff", "ff-" + ids + "-01", 0, false},
		{"version in capitals", "CC-" + ids + "-01", 0, false},
		{"more after version 00", "00-" + ids + "-01-", 0, false},
		{"more flags", "00-" + ids + "-011", 0, false},
		{"capitals", "00-" + strings.ToUpper(traceID) + "-" + parentID + "-01", 0, false},
		{"capitals in the parent", "00-" + traceID + "-" + strings.ToUpper(parentID) + "-01", 0, false},
		{"flags in capitals", "00-" + ids + "-0F", 0, false},
		{"a trace of zeros", "00-" + strings.Repeat("0", 32) + "-" + parentID + "-01", 0, false},
		{"a parent of zeros", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01", 0, false},
		{"no hex", "00-" + traceID[:31] + "g-" + parentID + "-01", 0, false},
		{"no dashes", "00_" + traceID + "_" + parentID + "_01", 0, false},
		{"a digit too few", "00-" + traceID[1:] + "-" + parentID + "-01", 0, false},
		{"no flags", "00-" + ids, 0, false},
		{"empty", "", 0, false},
		{"beyond ASCII", "00-" + traceID[:30] + "é-" + parentID + "-01", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := traceOf(http.Header{"Traceparent": {c.given}, "Tracestate": {"a=1,b=2", "c=3"}})
			if !c.valid {
				assert.Equal(t, Trace{}, got, "tracestate is nothing without")
				assert.Empty(t, got.response())
				return
			}
			assert.Equal(t, Trace{traceID, parentID, got.Span, c.flags, "a=1,b=2,c=3"}, got)
			assert.Regexp(t, `^00-`+traceID+`-[0-9a-f]{16}-0[0-3]$`, got.response())
			assert.NotEqual(t, parentID, got.Span)
			again := traceOf(http.Header{"Traceparent": {c.given}})
			assert.NotEqual(t, got.Span, again.Span)
		})
	}
	assert.Equal(t, Trace{}, traceOf(http.Header{}))
	assert.Equal(t, Trace{}, traceOf(http.Header{"Traceparent": {"00-" + ids + "-01", "00-" + ids + "-01"}}), "two of them")
}

// Whatever the answer is, it says where it is in the caller's trace, and so do the log
// and the event; a request of no trace begins none.
func TestTraceIsTold(t *testing.T) {
	var log strings.Builder
	var events []Event
	h, _ := served(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Observe = func(e Event) { events = append(events, e) }
	})
	for i, path := range []string{"/v1/embeddings", "/embed", "/nothing"} {
		log.Reset()
		w := send(h, "POST", path, `{"input":"a"}`, "Traceparent", "00-"+traceID+"-"+parentID+"-01", "Tracestate", "a=1", "X-Request-Id", "mine")
		require.Len(t, events, i+1)
		e := events[i]
		assert.Equal(t, Trace{traceID, parentID, e.Trace.Span, 1, "a=1"}, e.Trace)
		assert.Equal(t, "mine", e.ID)
		assert.Equal(t, "00-"+traceID+"-"+e.Trace.Span+"-01", w.Header().Get("traceresponse"))
		assert.Contains(t, log.String(), " trace_id="+traceID+" span_id="+e.Trace.Span)
	}
	log.Reset()
	w := send(h, "POST", "/v1/embeddings", `{"input":"a"}`, "Traceparent", "nonsense")
	assert.Equal(t, 200, w.Code)
	assert.Empty(t, w.Header().Values("traceresponse"))
	assert.NotContains(t, log.String(), "trace_id")
	assert.Zero(t, events[3].Trace)
}
