package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// A gate is a model that embeds queries at once, and documents when it is told to.
type gate struct {
	*embed.Model
	open chan struct{} // one call for each value, all once it is closed
	came chan struct{} // has a value for each call that came
}

func (g *gate) Embed(ctx context.Context, inputs []string, opts embed.Options) (*embed.Result, error) {
	if opts.PromptName == "document" {
		g.came <- struct{}{}
		select {
		case <-g.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return g.Model.Embed(ctx, inputs, opts)
}

// gated returns a client, in this process, of a server whose model is a gate, and a function
// that ends the server. patience is that of its searches.
func gated(t *testing.T, files int, patience time.Duration, progress func(*mcp.ProgressNotificationParams)) (*mcp.ClientSession, *gate, context.CancelFunc) {
	t.Helper()
	folder := t.TempDir()
	for i := range files {
		putText(t, folder, fmt.Sprintf("%03d.txt", i), fmt.Sprintf("summer %d", i))
	}
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	g := &gate{m, make(chan struct{}), make(chan struct{}, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	s := &mcpServer{model: m, run: g, patience: patience}
	log := slog.New(slog.DiscardHandler)
	f, err := openMCPFolder(ctx, folder, s, t.TempDir(), log)
	require.NoError(t, err)
	s.folders = []*mcpFolder{f}
	server, err := s.server(ctx, log)
	require.NoError(t, err)
	there, here := mcp.NewInMemoryTransports()
	_, err = server.Connect(ctx, there, nil)
	require.NoError(t, err)
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress(r.Params) },
	})
	session, err := client.Connect(ctx, here, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, s.closeFolders())
		_ = session.Close()
	})
	return session, g, cancel
}

// A search that waits for the first reading is told how far that is, ends when the client
// cancels it, and others are answered meanwhile.
func TestMCPProgress(t *testing.T) {
	told := make(chan *mcp.ProgressNotificationParams, 100)
	s, g, _ := gated(t, 300, time.Hour, func(p *mcp.ProgressNotificationParams) { told <- p })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	params := &mcp.CallToolParams{Name: "search", Arguments: object{"query": "summer"}}
	params.SetProgressToken("first")
	go func() {
		_, err := s.CallTool(ctx, params)
		ended <- err
	}()
	<-g.came
	g.open <- struct{}{}
	for { // the first ones are read
		p := <-told
		assert.Equal(t, "first", p.ProgressToken)
		assert.EqualValues(t, 300, p.Total)
		if p.Progress == 64 {
			assert.Equal(t, "read 64 of 300 files", p.Message)
			break
		}
	}
	answer, _, failed := call[embedAnswer](t, s, "embed", object{"texts": []string{"a"}, "purpose": "query"})
	assert.False(t, failed)
	assert.Len(t, answer.Embeddings, 1)
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
	close(g.open)
	got, _, failed := call[searchAnswer](t, s, "search", object{"query": "summer"})
	assert.False(t, failed)
	assert.True(t, got.Complete)
	assert.Equal(t, 300, got.Files)
}

// Where reading takes long, a search answers with what is ready, and says so.
func TestMCPNotComplete(t *testing.T) {
	s, g, _ := gated(t, 150, time.Millisecond, nil)
	got, text, failed := call[searchAnswer](t, s, "search", object{"query": "summer"})
	assert.False(t, failed)
	assert.False(t, got.Complete)
	assert.Empty(t, got.Results)
	assert.True(t, strings.HasPrefix(text, "Nothing was found.\nNot complete: "), text)
	_, text, failed = call[searchAnswer](t, s, "search", object{"query": "summer", "path": "000.txt"})
	assert.True(t, failed)
	assert.Contains(t, text, "no such file in the index")
	assert.Contains(t, text, " read")
	close(g.open)
	for !got.Complete {
		got, text, failed = call[searchAnswer](t, s, "search", object{"query": "summer"})
		require.False(t, failed)
	}
	assert.Equal(t, 150, got.Files)
	assert.Len(t, got.Results, 10)
	assert.NotContains(t, text, "Not complete")
}

// The end of the server ends what it is at.
func TestMCPEnd(t *testing.T) {
	s, g, cancel := gated(t, 10, time.Hour, nil)
	ended := make(chan bool)
	go func() {
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "search", Arguments: object{"query": "summer"}})
		ended <- err != nil || result.IsError
	}()
	<-g.came
	cancel()
	assert.True(t, <-ended)
}

// The end of standard input ends the process, whatever it is at.
func TestMCPEndOfInput(t *testing.T) {
	folder := t.TempDir()
	for i := range 3000 {
		putText(t, folder, fmt.Sprint(i), strings.Repeat(fmt.Sprintf("summer %d\n", i), 50))
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	reader, stdin := io.Pipe()
	stdout, writer := io.Pipe()
	codes := make(chan int)
	go func() {
		codes <- run(t.Context(), []string{"mcp", "--model", tiny, "--dir", folder}, reader, writer, io.Discard)
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
	s, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: stdout, Writer: stdin}, nil)
	require.NoError(t, err)
	asked := make(chan error)
	go func() {
		params := &mcp.CallToolParams{Name: "search", Arguments: object{"query": "summer"}}
		_, err := s.CallTool(t.Context(), params)
		asked <- err
	}()
	require.NoError(t, s.Ping(t.Context(), nil))
	require.NoError(t, stdin.Close())
	assert.Zero(t, <-codes)
	_ = stdout.Close()
	<-asked
}
