package embedhttp

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
)

// A Trace is the place of a request in a distributed trace, as W3C Trace Context
// (https://www.w3.org/TR/trace-context-2/) has it. The zero value is that of a request
// without a valid header traceparent, which is in none.
type Trace struct {
	ID     string // of the trace, 32 digits of lower-case hex
	Parent string // the span of the caller, 16 of those
	Span   string // that of the request itself, new, which the answer's header traceresponse has
	Flags  byte   // of the caller: bit 0 = sampled, bit 1 = the id is random; no others
	State  string // the header tracestate as it came, not parsed; several are joined by commas
}

// traceOf returns the trace that a request's headers name.
func traceOf(header http.Header) Trace {
	given := header.Values("Traceparent")
	if len(given) != 1 {
		return Trace{}
	}
	// 2 digits of the version, 32 of the trace, 16 of the parent, 2 of flags.
	s := strings.Trim(given[0], " \t")
	const size = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(s) < size || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return Trace{}
	}
	version, id, parent, flags := s[:2], s[3:35], s[36:52], s[53:size]
	for _, digits := range []string{version, id, parent, flags} {
		if strings.Trim(digits, "0123456789abcdef") != "" {
			return Trace{}
		}
	}
	switch {
	case version == "ff", strings.Trim(id, "0") == "", strings.Trim(parent, "0") == "":
		return Trace{}
	case version == "00" && len(s) > size, len(s) > size && s[size] != '-': // later versions may have more
		return Trace{}
	}
	t := Trace{ID: id, Parent: parent, State: strings.Join(header.Values("Tracestate"), ",")}
	known, _ := hex.DecodeString(flags) // all of it hex
	t.Flags = known[0] & 0x03
	for strings.Trim(t.Span, "0") == "" { // which no id is
		var span [8]byte
		_, _ = rand.Read(span[:]) // never an error
		t.Span = hex.EncodeToString(span[:])
	}
	return t
}

// response returns the value of the header traceresponse, as the W3C's draft of the next
// level has it; "" = none.
func (t *Trace) response() string {
	if t.ID == "" {
		return ""
	}
	return "00-" + t.ID + "-" + t.Span + "-" + hex.EncodeToString([]byte{t.Flags})
}
