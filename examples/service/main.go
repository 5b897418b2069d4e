// Command service is a web service that keeps notes and searches them by meaning,
// with the endpoint for embeddings beside its own routes:
//
//	POST /notes              {"text": "…"}: keeps a note
//	GET  /notes?q=…          the three notes nearest to a question
//	POST /v1/embeddings      and what else embedhttp serves below /v1/
//	GET  /ready              whether it takes requests
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

// drainTime is for requests under way when the service ends.
const drainTime = 30 * time.Second

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`HOST:PORT` to listen at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", *addr)
	if err == nil {
		err = serve(ctx, listener)
	}
	if err != nil {
		slog.Error("the service failed", "error", err)
		os.Exit(1)
	}
}

// serve serves on listener until ctx ends, and then until the requests under way
// are answered.
func serve(ctx context.Context, listener net.Listener) (err error) {
	defer listener.Close()
	model, err := minilm.Load(ctx, embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()

	// One queue for all routes: requests that come at the same time run together.
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())

	cfg := embedhttp.Config{
		Models: []embedhttp.Model{{Name: "minilm", Queue: queue, Info: model.Info()}},
		Logger: slog.Default(),
	}
	if at, ok := listener.Addr().(*net.TCPAddr); ok && at.IP.IsLoopback() {
		cfg.Hosts = []string{} // localhost alone, not a web page whose own name leads here
	}
	handler, err := embedhttp.New(cfg)
	if err != nil {
		return err
	}
	notes := &notes{embedder: adapt.Embedder{Model: queue}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notes", notes.add)
	mux.HandleFunc("GET /notes", notes.search)
	mux.Handle("/v1/", handler)
	mux.Handle("GET /ready", handler)

	// No ReadTimeout: it would end requests that compute for longer.
	server := &http.Server{Handler: checkHost(handler, mux), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if err := handler.Warm(ctx); err != nil && ctx.Err() == nil {
		return errors.Join(err, server.Close())
	}
	slog.Info("ready", "addr", listener.Addr().String())

	select {
	case err := <-ended: // the listener failed
		return err
	case <-ctx.Done():
	}
	handler.Drain() // balancers see it at /ready
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(server.Shutdown(drain), queue.Close(drain))
}

// checkHost has routes answer requests to the hosts that handler answers.
func checkHost(handler *embedhttp.Handler, routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !handler.Answers(r) {
			http.Error(w, "the host: expected localhost", http.StatusMisdirectedRequest)
			return
		}
		routes.ServeHTTP(w, r)
	})
}
