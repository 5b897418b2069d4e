package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/internal/kernel"
)

// serveFlags are those of rhumb serve.
type serveFlags struct {
	model         modelFlags
	models        modelList
	set           setFlags
	cache         cacheFlags
	aliases       []string
	as            []string // [NAME=]KIND
	usual         string   // the name of the default model
	addr          string
	hosts         []string
	keys          string
	maxItems      int
	maxChars      int
	maxBody       int64
	queueTokens   int
	cert, key     string
	origin        string
	ignoreUnknown bool
	draining      drainFlags
	logFormat     *choice
	logLevel      *choice
}

func (c *console) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer POST /v1/embeddings, /v1/rerank and others, as clients of OpenAI, Ollama, Cohere, Jina, Voyage and others ask",
		Long: `Answer POST /v1/embeddings, /v1/rerank and others, as clients of OpenAI, Ollama, Cohere, Jina,
Voyage and others ask.

Every flag may also be given by the variable of the environment that is named with it, lists with
commas, and in the file of --config, lists as lists. The command line goes before the environment,
that before the file, and that before the default.`,
		Args: arguments(0, 0),
		Example: `  rhumb serve
  rhumb serve --addr :8080 --model BAAI/bge-small-en-v1.5 --model notes=path/to/model
  rhumb serve --api-keys keys.txt --config rhumb.yaml
  rhumb serve --model minilm --model cross-encoder/ms-marco-MiniLM-L6-v2
  rhumb serve --model m3=BAAI/bge-m3 --model m3-sparse=BAAI/bge-m3 --as m3-sparse=sparse
  rhumb serve --alias text-embedding-3-small=minilm
  rhumb serve --models-dir path/to/models --memory 8GiB --keep-alive 15m
  rhumb serve --addr unix:/run/rhumb.sock`,
	}
	f.model.add(cmd)
	flag := cmd.Flags().Lookup("model")
	f.models.list = []string{f.model.name}
	flag.Value = &f.models // in place of one name
	flag.Usage = "`[NAME=]MODEL` to serve, of whatever kind: its folder, its GGUF file, its id at the hub, ollama: and its name there, or " + builtin + ", under its own or another name; may be given more than once"
	f.set.add(cmd)
	f.cache.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.aliases, "alias", nil, "`NAME=MODEL`: another name for a model that is served, by one of its own; may be given more than once")
	flags.StringArrayVar(&f.as, "as", nil, "`[NAME=]KIND` to take the folder of a model for, by one of its names, or of all that have none of their own: "+strings.Join(allKinds, ", ")+"; may be given more than once (default: as the folder says)")
	complete(cmd, "as", cobra.FixedCompletions(allKinds, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&f.usual, "default", "", "`NAME` of the model of requests that name none, where several of its kind are served (default: they are an error then)")
	flags.StringVar(&f.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen at, or unix:PATH for a socket")
	flags.StringArrayVar(&f.hosts, "host", nil, "`NAME` in the header Host that is answered, beside localhost and other names of loopback; may be given more than once (default: at a loopback address none, elsewhere any)")
	flags.StringVar(&f.keys, "api-keys", "", "`FILE` of the API keys that requests need, one a line, perhaps with name=, tokens-per-minute= and concurrent= behind it, beside empty lines and those that begin with #; read again on SIGHUP (default: none needed)")
	flags.IntVar(&f.maxItems, "max-items", embedhttp.DefaultMaxItems, "inputs or documents of a request at most, `N`")
	flags.IntVar(&f.maxChars, "max-chars", embedhttp.DefaultMaxChars, "characters of a text at most, `N`; 0 for no limit")
	flags.Int64Var(&f.maxBody, "max-body", embedhttp.DefaultMaxBody, "bytes of a request at most, `N`")
	flags.IntVar(&f.queueTokens, "queue-tokens", 0, "tokens that wait for a model at most, `N`; more is answered with 429; 0 for the queue's default")
	flags.StringVar(&f.cert, "tls-cert", "", "`FILE` of the certificate chain in PEM, for HTTPS")
	flags.StringVar(&f.key, "tls-key", "", "`FILE` of the certificate's key in PEM")
	flags.StringVar(&f.origin, "cors-origin", "", "`ORIGIN` of web pages that may call, or * for all (default: none)")
	flags.BoolVar(&f.ignoreUnknown, "ignore-unknown", false, "let requests have fields that are not known")
	f.draining.add(cmd)
	f.logFormat = addChoice(cmd, "log-format", "form of the log", "text", "json")
	f.logLevel = addChoice(cmd, "log-level", "the least that the log has; debug has checks of /health and /ready too, and every 429", "info", "debug", "warn", "error")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		switch {
		case f.maxItems < 1:
			return usagef("--max-items %d: must be 1 or more", f.maxItems)
		case f.maxBody < 1:
			return usagef("--max-body %d: must be 1 or more", f.maxBody)
		case f.maxChars < 0:
			return usagef("--max-chars %d: must be 0 or more", f.maxChars)
		case f.queueTokens < 0:
			return usagef("--queue-tokens %d: must be 0 or more", f.queueTokens)
		}
		if f.origin != "" && f.origin != "*" && !strings.Contains(f.origin, "://") {
			return usagef("--cors-origin %s: expected one such as https://example.com, or *", f.origin)
		}
		if err := f.draining.check(); err != nil {
			return err
		}
		return f.run(ctx, c)
	})
	addSettings(cmd)
	return cmd
}

// A modelList is a flag that may be given more than once. The first time
// replaces its default.
type modelList struct {
	list  []string
	given bool
}

func (l *modelList) String() string { return strings.Join(l.list, ",") }
func (l *modelList) Type() string   { return "stringArray" }

func (l *modelList) Set(s string) error {
	if !l.given {
		l.list, l.given = nil, true
	}
	l.list = append(l.list, s)
	return nil
}

// run serves until ctx ends, and then until the requests under way are answered.
func (f *serveFlags) run(ctx context.Context, c *console) (err error) {
	log := f.logger(c.stderr)
	cfg := embedhttp.Config{
		MaxItems: f.maxItems, MaxChars: f.maxChars, MaxBody: f.maxBody,
		Default: f.usual, IgnoreUnknown: f.ignoreUnknown, CORSOrigin: f.origin, Logger: log,
	}
	if f.maxChars == 0 {
		cfg.MaxChars = -1
	}
	hangups := make(chan os.Signal, 1) // which end no service, from the start
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	var keysAgain, adminsAgain, modelsAgain reread
	if cfg.Keys, keysAgain, err = openKeys(ctx, f.keys, log); err != nil {
		return err
	}
	if cfg.AdminKeys, adminsAgain, err = openKeys(ctx, f.set.adminKeys, log); err != nil {
		return err
	}
	var secure *tls.Config
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", f.cert, f.key, err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	listener, err := listen(f.addr) // before the models, which take longer
	if err != nil {
		return fmt.Errorf("--addr %s: %w", f.addr, err)
	}
	defer listener.Close()
	places, err := f.places(ctx, c)
	if err != nil {
		return err
	}
	cfg.Hosts = f.answered(listener)
	set, err := kernel.ByName(f.model.kernels)
	if err != nil {
		return err
	}
	m := newMetrics(set.Name())
	cfg.Observe = m.observe
	var once sync.Once // Close says it again
	failed := func(err error) { once.Do(func() { log.Error("no cache any more", "error", err) }) }
	store, err := f.cache.open(c, failed)
	if err != nil {
		return err
	}
	if store != nil {
		m.tell(store)
		defer func() {
			if err := store.Close(); err != nil {
				failed(err)
			}
		}()
	}
	for _, p := range places {
		if p.comes {
			continue
		}
		p.cfg.Cache = store
		model, served, err := f.load(ctx, m, log, p)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, model.Close()) }()
		for _, q := range queuesOf(served) {
			defer q.Close(context.Background())
		}
		cfg.Models = append(cfg.Models, served)
	}
	comes := slices.DeleteFunc(places, func(p place) bool { return !p.comes })
	if cfg.Set, modelsAgain, err = f.serveSet(ctx, c, m, comes, store, log); err != nil {
		return err
	}
	handler, err := embedhttp.New(cfg)
	if err != nil {
		return err
	}
	m.watch(handler)
	s := newServer(handler, m.handler(), log)
	if cfg.Set != nil {
		defer cfg.Set.Close(context.Background())
		s.queues = append(s.queues, cfg.Set)
	}
	s.draining = f.draining
	s.reload = reload{hangups, []reread{keysAgain, adminsAgain, modelsAgain}}
	for _, served := range cfg.Models {
		s.queues = append(s.queues, queuesOf(served)...)
	}
	return s.serve(ctx, listener, secure)
}

// logger returns the log that the flags ask for, written to w.
func (f *serveFlags) logger(w io.Writer) *slog.Logger {
	var options slog.HandlerOptions
	switch f.logLevel.value {
	case "debug":
		options.Level = slog.LevelDebug
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	}
	if f.logFormat.value == "json" {
		return slog.New(slog.NewJSONHandler(w, &options))
	}
	return slog.New(slog.NewTextHandler(w, &options))
}

// answered returns the hosts that requests to l may name. A page can lead a
// browser to loopback by a name of its own, but not to a socket.
func (f *serveFlags) answered(l net.Listener) []string {
	addr, ok := l.Addr().(*net.TCPAddr)
	switch {
	case !ok:
		return nil
	case addr.IP.IsLoopback():
		return append([]string{}, f.hosts...)
	}
	return f.hosts
}
