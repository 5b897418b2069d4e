package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/cachedir"
)

// mcpFlags are those of rhumb mcp.
type mcpFlags struct {
	model  modelFlags
	rerank string
	dirs   []string
}

func (c *console) mcpCommand() *cobra.Command {
	var f mcpFlags
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Search folders by meaning for agents: a server of the Model Context Protocol",
		Long: `Answer an agent over standard input and output, by the Model Context Protocol, with
tools that search folders by meaning, embed texts and, with --rerank-model, rerank
documents. Agents start it themselves: docs/mcp.md has what they are to be told.

The first search reads the folder, what no .gitignore leaves out, and keeps an index of
it in the user's cache; later ones read the files that changed. Nothing but the protocol
is written to standard output; it ends with standard input.`,
		Example: `  rhumb mcp
  rhumb mcp --dir ~/src/project --dir ~/notes --rerank-model cross-encoder/ms-marco-MiniLM-L6-v2`,
		Args: arguments(0, 0),
	}
	f.model.addName(cmd)
	f.model.addComputation(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.rerank, "rerank-model", "", "`NAME` of a reranker or a multi-vector model, which orders what a search found: its folder or its id at the hub (default: none)")
	complete(cmd, "rerank-model", completeCached)
	flags.StringArrayVar(&f.dirs, "dir", nil, "`FOLDER` to search; may be given more than once (default: the working directory)")
	cmd.RunE = action(func(ctx context.Context, _ *cobra.Command, _ []string) error { return f.run(ctx, c) })
	return cmd
}

// run serves until standard input or ctx ends.
func (f *mcpFlags) run(ctx context.Context, c *console) (err error) {
	dirs, err := f.folders()
	if err != nil {
		return err
	}
	model, err := f.model.load(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	s := &mcpServer{model: model, run: queue, patience: mcpPatience}
	if f.rerank != "" {
		cross := crossFlags{model: f.model, vectors: true}
		cross.model.name = f.rerank
		scorer, reranker, err := cross.load(ctx, c)
		if err != nil {
			return fmt.Errorf("--rerank-model: %w", err)
		}
		defer func() { err = errors.Join(err, scorer.Close()) }()
		if reranker != nil && !reranker.Reranks() {
			return fmt.Errorf("--rerank-model %s: a classifier with %d labels, expected a reranker", f.rerank, len(reranker.Info().Labels))
		}
		s.scorer = scorer
	}
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	cache, err := cachedir.Path("index")
	if err != nil {
		log.Warn("the index is not kept", "error", err)
	}
	working, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		err = errors.Join(err, s.closeFolders())
	}()
	for _, dir := range dirs {
		folder, err := openMCPFolder(working, dir, s, cache, log)
		if err != nil {
			return fmt.Errorf("--dir %s: %w", dir, err)
		}
		s.folders = append(s.folders, folder)
	}
	for i, a := range s.folders {
		for _, b := range s.folders[i+1:] {
			if a.holds(b.Folder()) || b.holds(a.Folder()) {
				return usagef("--dir %s: in one folder with --dir %s, expected folders apart", b.given, a.given)
			}
		}
	}
	server, err := s.server(working, log)
	if err != nil {
		return err
	}
	session, err := server.Connect(working, &mcp.IOTransport{Reader: io.NopCloser(c.stdin), Writer: unclosed{c.stdout}}, nil)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err := <-ended:
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			err = fmt.Errorf("stdin: %w; expected messages of the Model Context Protocol, as agents send them", err)
		}
		return err
	case <-ctx.Done(): // a usual end too
		_ = session.Close()
		return nil
	}
}

// folders returns the folders to search, absolute.
func (f *mcpFlags) folders() ([]string, error) {
	if len(f.dirs) == 0 {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		if home, err := os.UserHomeDir(); dir == filepath.Dir(dir) || err == nil && dir == filepath.Clean(home) {
			return nil, usagef("--dir: none given, and the working directory is %s: expected the folder of a project", dir)
		}
		return []string{dir}, nil
	}
	dirs := make([]string, len(f.dirs))
	for i, dir := range f.dirs {
		if dir == "" {
			return nil, usagef("--dir: empty, expected a folder")
		}
		var err error
		if dirs[i], err = filepath.Abs(dir); err != nil {
			return nil, err
		}
		if slices.Contains(dirs[:i], dirs[i]) {
			return nil, usagef("--dir %s: given twice", dir)
		}
	}
	return dirs, nil
}

// unclosed is a writer that the end of a session does not close.
type unclosed struct{ io.Writer }

// Close has nothing to do.
func (unclosed) Close() error { return nil }

// instructions tell an agent what the server is for.
func (s *mcpServer) instructions() string {
	var names []string
	for _, f := range s.folders {
		names = append(names, f.Folder())
	}
	return "Searches by meaning the files of " + strings.Join(names, ", ") + ". Ask the tool search in words what code or text is to do or to say; search for exact names with other tools. Paths are relative to the folder, and lines count from 1."
}
