package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// Times of a server.
const (
	headerTime = 10 * time.Second // for a request's headers
	answerTime = 2 * time.Minute  // for each piece of the answer to be taken
	idleTime   = 2 * time.Minute  // for the next request on a connection
)

// headerSize is how long the headers of a request may be, in bytes.
const headerSize = 64 << 10

// A server is the service on a listener.
type server struct {
	handler  *embedhttp.Handler
	metrics  http.Handler
	queues   []servedQueue
	log      *slog.Logger
	http     *http.Server
	draining drainFlags
	reload   reload
	open     atomic.Int64 // connections
	leaving  atomic.Bool  // clients are asked to close their connections
}

func newServer(handler *embedhttp.Handler, metrics http.Handler, log *slog.Logger) *server {
	s := &server{handler: handler, metrics: metrics, log: log}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerSize,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.open.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.open.Add(-1)
			}
		},
	}
	return s
}

// ServeHTTP answers r, which has a time for each piece of the answer, but none
// for the work before.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w = &timedAnswer{w, http.NewResponseController(w), &s.leaving}
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	if r.URL.Path == "/metrics" && get && s.handler.Answers(r) {
		s.metrics.ServeHTTP(w, r)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// A timedAnswer has a deadline for each piece, and asks the client to close its
// connection where it has to.
type timedAnswer struct {
	http.ResponseWriter
	control *http.ResponseController
	leaving *atomic.Bool
}

func (a *timedAnswer) WriteHeader(status int) {
	if a.leaving.Load() {
		a.Header().Set("Connection", "close")
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *timedAnswer) Write(p []byte) (int, error) {
	_ = a.control.SetWriteDeadline(time.Now().Add(answerTime))
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *timedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// listen listens at host:port, or at unix:path. The file of a socket that nobody
// listens at any more is replaced.
func listen(addr string) (net.Listener, error) {
	path, isSocket := strings.CutPrefix(addr, "unix:")
	if !isSocket {
		return net.Listen("tcp", addr)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if other, err := net.Dial("unix", path); err == nil {
			other.Close()
			return nil, fmt.Errorf("listen unix %s: another process listens there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}

// url returns where a listener listens.
func url(l net.Listener, secure *tls.Config) string {
	switch {
	case l.Addr().Network() == "unix":
		return "unix:" + l.Addr().String()
	case secure != nil:
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// serve answers the requests of l until ctx ends; then those that are under way.
func (s *server) serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	served := make(chan error, 1)
	go func() {
		if secure == nil {
			served <- s.http.Serve(l)
			return
		}
		s.http.TLSConfig = secure
		served <- s.http.ServeTLS(l, "", "")
	}()
	watchdog, err := watchdogTime()
	if err == nil {
		err = s.handler.Warm(ctx)
	}
	var delay time.Duration // for balancers that send requests, which they do to who is ready
	if err == nil {
		s.notify("READY=1")
		defer s.keepAlive(watchdog)()
		stop := s.onHangup()
		defer stop()
		delay = s.draining.delay
		var names []string
		for _, m := range s.handler.Status() {
			names = append(names, m.Name)
		}
		s.log.Info("ready", "url", url(l, secure), "models", names)
		select {
		case <-ctx.Done():
			if fromTerminal(ctx) {
				delay = 0
			}
			stop() // what ends is not ready again
		case err = <-served:
			return err
		}
	} else if ctx.Err() != nil {
		err = nil // ended while it began
	}
	return errors.Join(err, s.drain(delay))
}
