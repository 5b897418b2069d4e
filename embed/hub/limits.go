package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The limits on what the hub sends, in bytes.
const (
	mostListing  = 1 << 24 // of its list of files
	mostRead     = 1 << 24 // of a file that names others
	mostSettings = 1 << 28 // of a file that is not weights
	mostWeights  = 1 << 42 // of any other
)

// The limits on how long it takes, which tests shorten.
var (
	backOff = 500 * time.Millisecond // the wait before the second try; it is twice as long before each after it
	silence = 20 * time.Second       // that an answer and each of its bytes may be waited for
	period  = time.Minute            // in which at least leastInPeriod bytes of an answer come
)

const (
	tries         = 6                // of a request, or without leastOfTries more bytes
	longest       = 30 * time.Second // that is waited before a try
	leastOfTries  = 4 << 10
	leastInPeriod = 60 << 10
	mostRedirects = 5
)

// The errors after which another try is of no use.
var (
	errMore     = errors.New("more bytes")
	errSlow     = errors.New("too slow")
	errRedirect = errors.New("redirected")
)

// errSilent says that nothing came for too long. The next try may have more luck.
var errSilent = errors.New("no answer")

// A watch ends a request on which nothing comes.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// newWatch returns a watch and the context of the request, and begins to wait.
func newWatch(ctx context.Context) (*watch, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	limit := silence
	expired := func() { cancel(fmt.Errorf("%w for %v", errSilent, limit)) }
	return &watch{cancel, time.AfterFunc(limit, expired)}, ctx
}

// end ends the request.
func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// A watchedBody is the body of an answer that has to keep coming.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	watch  *watch
	waited time.Duration // for got bytes of the period
	got    int64
}

// Read waits for bytes: what is done with them takes as long as it takes.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.timer.Reset(silence)
	start := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.watch.timer.Stop()
	b.waited += time.Since(start)
	b.got += int64(n)
	switch {
	case err == io.EOF:
		return n, err
	case err != nil:
		return n, because(b.ctx, err)
	case b.waited >= period && b.got < leastInPeriod:
		return n, fmt.Errorf("%w: %d bytes in %v, expected at least %d", errSlow, b.got, b.waited.Round(time.Millisecond), leastInPeriod)
	case b.waited >= period:
		b.waited, b.got = 0, 0
	}
	return n, nil
}

// Close ends the request.
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}

// because returns the watch's reason where that is what ended a request with err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

// redirects returns the rule by which a request of the given method is redirected.
// HEAD follows to the same host, where a renamed repository lies, and stops at
// another, which has the content. The token goes along to the same scheme, host and
// port alone. given is the client's own rule, nil for none.
func redirects(method string, given func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		first := via[0].URL
		if method == http.MethodHead && req.URL.Host != first.Host {
			return http.ErrUseLastResponse
		}
		if len(via) > mostRedirects {
			return fmt.Errorf("%w more than %d times", errRedirect, mostRedirects)
		}
		if req.URL.Scheme != "https" && req.URL.Scheme != "http" {
			return fmt.Errorf("%w to %.200q, expected http or https", errRedirect, req.URL.Redacted())
		}
		for _, r := range append(via[1:len(via):len(via)], req) {
			if !sameOrigin(r.URL, first) {
				req.Header.Del("Authorization")
			}
		}
		if given != nil {
			return given(req, via)
		}
		return nil
	}
}

// sameOrigin reports whether two URLs have one scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return u.Port()
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}
