package embedhttp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// An exchange is one request and its answer.
type exchange struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	id      string
	path    string // of the request, in which several slashes are one
	name    string // in place of a {model} in the route's path
	dialect *dialect
	start   time.Time
	event   Event
	shares  []share // of the room
	size    int64   // of the body, in bytes

	account  *account // of the API key; nil = no limits
	client   string   // whose turn it is in a queue; "" = nobody's
	reserved int      // tokens of the account

	done   func() // with the model; it may be called again
	failed *failure
	begun  bool // the answer is
}

// ServeHTTP answers r. A panic loses only its own request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, control: http.NewResponseController(w), start: time.Now(), id: requestID(r.Header.Get("X-Request-Id")),
		path: slashes.ReplaceAllString(r.URL.Path, "/"), dialect: dialects[0], done: func() {}}
	x.event = Event{Context: context.WithoutCancel(r.Context()), ID: x.id, Trace: traceOf(r.Header), Start: x.start, Method: r.Method}
	h.underWay.Add(1)
	defer h.underWay.Add(-1)
	defer x.leave()
	defer func() { x.done() }()
	defer x.depart()
	defer x.end()
	if r.Body != http.NoBody {
		_ = x.control.SetReadDeadline(x.start.Add(bodyTime)) // an error is of a connection that has none
	}
	w.Header().Set("X-Request-Id", x.id)
	if span := x.event.Trace.response(); span != "" {
		w.Header().Set("traceresponse", span)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := x.serve(); err != nil {
		x.fail(asFailure(err))
	}
}

// slashes are what clients make whose base URL ends with one.
var slashes = regexp.MustCompile(`//+`)

func (x *exchange) serve() error {
	d, route, methods := find(x.path, x.r.Method)
	if d != nil {
		x.dialect = d
	} else if i := slices.IndexFunc(dialects, func(d *dialect) bool { return d.below != "" && strings.HasPrefix(x.path, d.below) }); i >= 0 {
		x.dialect = dialects[i]
	}
	if !x.h.Answers(x.r) {
		return fail(codeMisdirected, "", "Host is %.100q, expected localhost or another name of loopback, or one that the server is told to answer, as with rhumb serve --host", x.r.Host)
	}
	x.allowOrigin()
	if d == nil {
		return fail(codeNotFound, "", "%.200q: no such path", x.r.URL.Path)
	}
	x.event.Path = route.path
	if x.r.Method == http.MethodOptions && x.h.cfg.CORSOrigin != "" {
		x.preflight(methods)
		return nil
	}
	if !slices.Contains(methods, x.r.Method) {
		x.w.Header().Set("Allow", strings.Join(methods, ", "))
		return fail(codeMethod, "", "%.20s %s: expected %s", x.r.Method, route.path, strings.Join(methods, " or "))
	}
	x.name, _ = route.match(x.path)
	keys := x.h.cfg.Keys
	if route.admin {
		if keys = x.h.cfg.AdminKeys; keys == nil {
			return fail(codeNoAdmin, "", "loading and unloading models takes an admin key, and the service knows none: it is told them with rhumb serve --admin-keys FILE")
		}
	}
	if !route.open && keys != nil {
		if err := x.authorize(keys); err != nil {
			return err
		}
	}
	return route.serve(x)
}

// authorize checks that the request's API key is one of keys, and that its limits let it in.
func (x *exchange) authorize(keys *Keys) error {
	if name := x.dialect.key; name != "" {
		if a := keys.find(x.r.Header.Get(name)); a != nil {
			return x.enter(a)
		}
	}
	scheme, key, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	message := "the API key is not known here"
	switch {
	case scheme == "":
		message = "no API key, expected a header Authorization: Bearer KEY"
	case !strings.EqualFold(scheme, "Bearer"):
		message = "the header Authorization has no API key, expected Bearer KEY"
	default:
		if a := keys.find(strings.TrimSpace(key)); a != nil {
			return x.enter(a)
		}
	}
	x.w.Header().Set("WWW-Authenticate", "Bearer")
	return fail(codeInvalidKey, "", "%s", message)
}

// allowOrigin tells a browser that pages of the configured origin may read the answer.
func (x *exchange) allowOrigin() {
	allowed, header := x.h.cfg.CORSOrigin, x.w.Header()
	if allowed == "" {
		return
	}
	if allowed != "*" {
		header.Add("Vary", "Origin")
	}
	if allowed == "*" || x.r.Header.Get("Origin") == allowed {
		header.Set("Access-Control-Allow-Origin", allowed)
		header.Set("Access-Control-Expose-Headers", "X-Request-Id, X-Model-Fingerprint, X-Truncated-Inputs, Server-Timing, Retry-After, Retry-After-Ms, traceresponse, "+balanceHeaders)
	}
}

// preflight answers what a browser asks before it lets a page call a path of those
// methods. Clients send headers of their own, which are all allowed.
func (x *exchange) preflight(methods []string) {
	header := x.w.Header()
	if header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		header.Set("Access-Control-Allow-Headers", x.r.Header.Get("Access-Control-Request-Headers"))
		header.Set("Access-Control-Max-Age", "600")
		header.Add("Vary", "Access-Control-Request-Headers")
	}
	x.begin(http.StatusNoContent)
}

// begin sends the status and the headers.
func (x *exchange) begin(status int) {
	x.begun = true
	x.settle()
	x.event.Status = status
	x.w.WriteHeader(status)
}

// json answers with v.
func (x *exchange) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.bytes(status, "application/json", append(body, '\n'))
	return nil
}

// bytes answers with body. That the client is gone is no error.
func (x *exchange) bytes(status int, contentType string, body []byte) {
	header := x.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", fmt.Sprint(len(body)))
	x.begin(status)
	_, _ = x.w.Write(body)
}

// fail answers with f, unless another answer has begun: then it breaks the connection.
func (x *exchange) fail(f *failure) {
	x.failed, x.event.Code = f, f.code.name
	if x.begun {
		panic(http.ErrAbortHandler)
	}
	x.retryAfter(f)
	if err := x.json(x.dialect.failure(f)); err != nil {
		panic(err) // strings always have a JSON form
	}
}

// end is deferred: it answers for a panic, and reports the request.
func (x *exchange) end() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		f := fail(codeInternal, "", "internal error")
		f.cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		x.failed, x.event.Code = f, f.code.name
		if !x.begun {
			x.fail(f)
			p = nil
		}
	}
	x.report()
	if p != nil {
		panic(http.ErrAbortHandler)
	}
}

// requestID returns the client's own id where it fits into a header and a log, or a new one.
func requestID(given string) string {
	strange := func(r rune) bool { return r <= ' ' || r > '~' }
	if given == "" || len(given) > 128 || strings.ContainsFunc(given, strange) {
		return "req-" + rand.Text()
	}
	return given
}
