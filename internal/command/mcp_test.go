package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// putText writes a file in a folder.
func putText(t *testing.T, folder, name, content string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
}

// agent starts rhumb mcp as a process, and returns a client of it.
func agent(t *testing.T, cache string, args ...string) *mcp.ClientSession {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"mcp", "--model", tiny}, args...)...)
	cmd.Env = append(os.Environ(), "RHUMB_TEST_COMMAND=1", "XDG_CACHE_HOME="+cache)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd, TerminateDuration: time.Minute}, nil)
	require.NoError(t, err, "%s", &stderr)
	t.Cleanup(func() {
		assert.NoError(t, session.Close(), "ends with its input")
		assert.True(t, cmd.ProcessState.Success(), "%s", &stderr)
	})
	return session
}

// call calls a tool, and returns its answer and whether that is an error.
func call[T any](t *testing.T, s *mcp.ClientSession, tool string, arguments any) (answer T, text string, failed bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	require.NoError(t, err)
	require.Len(t, result.Content, 1)
	text = result.Content[0].(*mcp.TextContent).Text
	if !result.IsError {
		data, err := json.Marshal(result.StructuredContent)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &answer))
	}
	return answer, text, result.IsError
}

type object = map[string]any

func TestMCPTools(t *testing.T) {
	plain := agent(t, t.TempDir(), "--dir", t.TempDir())
	list, err := plain.ListTools(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, list.Tools, 2, "there is no reranker")

	s := agent(t, t.TempDir(), "--dir", t.TempDir(), "--rerank-model", reranker)
	list, err = s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tools, 3)
	for i, name := range []string{"embed", "rerank", "search"} {
		tool := list.Tools[i]
		assert.Equal(t, name, tool.Name)
		assert.NotEmpty(t, tool.Description)
		assert.True(t, tool.Annotations.ReadOnlyHint)
		assert.False(t, *tool.Annotations.OpenWorldHint)
		assert.NotNil(t, tool.OutputSchema)
		properties := tool.InputSchema.(object)["properties"].(object)
		for property, schema := range properties {
			assert.NotEmpty(t, schema.(object)["description"], "%s: %s", name, property)
		}
	}
	top := list.Tools[2].InputSchema.(object)["properties"].(object)["top_k"].(object)
	assert.Equal(t, []any{1.0, 50.0, 10.0}, []any{top["minimum"], top["maximum"], top["default"]})
	assert.Equal(t, "rhumb", s.InitializeResult().ServerInfo.Name)
	assert.Contains(t, s.InitializeResult().Instructions, "search")
	capabilities, err := json.Marshal(s.InitializeResult().Capabilities)
	require.NoError(t, err)
	assert.JSONEq(t, `{"tools":{}}`, string(capabilities))
}

// Vectors and scores are the library's bits.
func TestMCPModels(t *testing.T) {
	s := agent(t, t.TempDir(), "--dir", t.TempDir(), "--rerank-model", reranker)
	texts := []string{"summer", "winter in the mountains"}
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	for _, purpose := range []string{"", "query", "document"} {
		arguments := object{"texts": texts}
		if purpose != "" {
			arguments["purpose"] = purpose
		} else {
			purpose = "document"
		}
		got, _, failed := call[embedAnswer](t, s, "embed", arguments)
		require.False(t, failed)
		want, err := m.Embed(t.Context(), texts, embed.Options{PromptName: purpose})
		require.NoError(t, err)
		assert.Equal(t, 24, got.Dimensions)
		for i := range texts {
			assert.Equal(t, want.Embeddings[i].Float32, got.Embeddings[i])
		}
	}
	r, err := rerank.Load(t.Context(), reranker, embed.Config{})
	require.NoError(t, err)
	defer r.Close()
	want, err := r.Rank(t.Context(), "rain", texts, 0, rerank.Options{})
	require.NoError(t, err)
	got, _, failed := call[rerankAnswer](t, s, "rerank", object{"query": "rain", "documents": texts})
	require.False(t, failed)
	for i, w := range want {
		assert.Equal(t, rankedDocument{w.Index, w.Value}, got.Results[i])
	}
	got, _, _ = call[rerankAnswer](t, s, "rerank", object{"query": "rain", "documents": texts, "top_n": 1})
	assert.Len(t, got.Results, 1)

	for _, test := range []struct {
		tool      string
		arguments any
		message   string
	}{
		{"embed", object{"texts": []string{}}, "texts"},
		{"embed", object{"texts": make([]string, 101)}, "texts"},
		{"embed", object{"texts": []string{"summer", ""}}, "input 1"},
		{"embed", object{"texts": "summer"}, "texts"},
		{"embed", object{"texts": nil}, "texts"},
		{"embed", object{"texts": texts, "purpose": "poetry"}, "purpose"},
		{"embed", object{"texts": texts, "dimension": 3}, "dimension"},
		{"embed", nil, "texts"},
		{"rerank", object{"query": "", "documents": texts}, "query"},
		{"rerank", object{"query": "a", "documents": []string{}}, "documents"},
		{"rerank", object{"query": "a", "documents": texts, "top_n": 0}, "top_n"},
		{"search", object{"query": ""}, "query"},
		{"search", object{"query": "a", "top_k": 51}, "top_k"},
		{"search", object{"query": "a", "top_k": 1.5}, "top_k"},
		{"search", object{"query": "a", "glob": "[a"}, "glob"},
		{"search", object{"query": 1}, "query"},
		{"search", object{"query": "a", "path": "nope"}, "no such file in the index"},
	} {
		_, text, failed := call[any](t, s, test.tool, test.arguments)
		assert.True(t, failed, "%s %v", test.tool, test.arguments)
		assert.Contains(t, text, test.message, "%s %v", test.tool, test.arguments)
	}
	_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "nope"})
	assert.Error(t, err, "not a tool: an error of the protocol")
	require.NoError(t, s.Ping(t.Context(), nil))
}

// A search sees what is in the folder now.
func TestMCPSearch(t *testing.T) {
	folder, cache := t.TempDir(), t.TempDir()
	putText(t, folder, "a.go", "package a\n\n// the sun in summer\nfunc Sun() {}\n")
	putText(t, folder, "docs/b.md", "snow in winter")
	putText(t, folder, "x.log", "snow in winter")
	putText(t, folder, ".gitignore", "*.log\n")
	putText(t, folder, "zero", "snow\x00winter")
	putText(t, folder, "docs/\x1b[31m.md", "rain in autumn")
	s := agent(t, cache, "--dir", folder)
	search := func(arguments object) []string {
		t.Helper()
		got, text, failed := call[searchAnswer](t, s, "search", arguments)
		require.False(t, failed, text)
		assert.True(t, got.Complete)
		var list []string
		for _, r := range got.Results {
			list = append(list, r.Path)
			assert.Empty(t, r.Folder)
			assert.Contains(t, text, fmt.Sprintf("%s:%d-%d (score %.3f)\n%s", escaped(r.Path), r.First, r.Last, r.Score, r.Text))
		}
		assert.NotContains(t, text, "\x1b")
		return list
	}
	assert.ElementsMatch(t, []string{"a.go", "docs/b.md", "docs/\x1b[31m.md"}, search(object{"query": "snow in winter"}))
	assert.Len(t, search(object{"query": "snow", "top_k": 2}), 2)
	assert.Equal(t, []string{"docs/b.md"}, search(object{"query": "snow", "glob": "b.*"}))
	assert.Empty(t, search(object{"query": "snow", "glob": "*.py"}))
	assert.Equal(t, []string{"a.go"}, search(object{"query": "snow", "path": "a.go"}))
	assert.Len(t, search(object{"query": "snow", "path": "docs"}), 2)
	assert.Len(t, search(object{"query": "snow", "path": "./docs/"}), 2)
	assert.Len(t, search(object{"query": "snow", "path": filepath.Join(folder, "docs")}), 2)
	assert.Len(t, search(object{"query": "snow", "path": "."}), 3)

	putText(t, folder, "docs/b.md", "nothing of the kind")
	putText(t, folder, "new.txt", "snow in winter")
	require.NoError(t, os.Remove(filepath.Join(folder, "a.go")))
	require.NoError(t, os.Rename(filepath.Join(folder, "docs", "\x1b[31m.md"), filepath.Join(folder, "autumn.md")))
	assert.ElementsMatch(t, []string{"docs/b.md", "new.txt", "autumn.md"}, search(object{"query": "snow in winter"}))
	got, _, _ := call[searchAnswer](t, s, "search", object{"query": "snow", "path": "docs/b.md"})
	assert.Equal(t, "nothing of the kind", got.Results[0].Text)
	assert.Equal(t, []int{3, 3}, []int{got.Files, got.Parts})

	for _, path := range []string{"..", "../x", "/etc/passwd", "docs/../../x", filepath.Dir(folder), folder + "x"} {
		_, text, failed := call[searchAnswer](t, s, "search", object{"query": "snow", "path": path})
		assert.True(t, failed)
		assert.Contains(t, text, "outside of", path)
	}
	_, text, failed := call[searchAnswer](t, s, "search", object{"query": "snow", "path": "x.log"})
	assert.True(t, failed)
	assert.Contains(t, text, "no such file in the index")

	// Another process finds the same, of the same index, and both see what changes.
	other := agent(t, cache, "--dir", folder)
	for i := range 3 {
		putText(t, folder, "new.txt", fmt.Sprint("snow ", i))
		for _, s := range []*mcp.ClientSession{other, s} {
			got, _, failed := call[searchAnswer](t, s, "search", object{"query": "snow", "path": "new.txt"})
			require.False(t, failed)
			assert.Equal(t, fmt.Sprint("snow ", i), got.Results[0].Text)
		}
	}
}

// Parts of several folders are one list, and a reranker gives it its order.
func TestMCPFolders(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for i := range 8 {
		putText(t, one, fmt.Sprintf("a/%d.txt", i), fmt.Sprintf("summer %d", i))
		putText(t, two, fmt.Sprintf("b/%d.txt", i), fmt.Sprintf("winter %d", i))
	}
	s := agent(t, t.TempDir(), "--dir", one, "--dir", two, "--rerank-model", reranker)
	got, text, failed := call[searchAnswer](t, s, "search", object{"query": "cold", "top_k": 3})
	require.False(t, failed, text)
	assert.Equal(t, 16, got.Files)
	r, err := rerank.Load(t.Context(), reranker, embed.Config{})
	require.NoError(t, err)
	defer r.Close()
	var texts []string
	for i := range 8 {
		texts = append(texts, fmt.Sprintf("summer %d", i), fmt.Sprintf("winter %d", i))
	}
	want, err := r.Rank(t.Context(), "cold", texts, 3, rerank.Options{})
	require.NoError(t, err)
	require.Len(t, got.Results, 3)
	for i, w := range want {
		assert.Equal(t, w.Value, got.Results[i].Score)
		assert.Equal(t, texts[w.Index], got.Results[i].Text)
	}
	got, _, failed = call[searchAnswer](t, s, "search", object{"query": "cold", "path": "b"})
	require.False(t, failed)
	require.Len(t, got.Results, 8)
	real, err := filepath.EvalSymlinks(two)
	require.NoError(t, err)
	assert.Equal(t, real, got.Results[0].Folder)
}

func TestMCPUsage(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", folder)
	file := write(t, "a.txt", "summer")
	inner := filepath.Join(folder, "inner")
	require.NoError(t, os.Mkdir(inner, 0o777))
	for _, test := range []struct {
		code    int
		args    []string
		message string
	}{
		{2, []string{"--dir", ""}, "expected a folder"},
		{2, []string{"--dir", folder, "--dir", folder + "/."}, "given twice"},
		{2, []string{"--dir", folder, "--dir", inner}, "expected folders apart"},
		{1, []string{"--dir", filepath.Join(folder, "nope")}, "--dir"},
		{1, []string{"--dir", file}, "--dir"},
		{1, []string{"--dir", folder, "--rerank-model", classifier}, "expected a reranker"},
		{1, []string{"--dir", folder, "--rerank-model", tiny}, "--rerank-model"},
		{1, []string{"--dir", folder, "--model", reranker}, "expected an embedding model"},
		{2, []string{"extra"}, "found an argument, expected none"},
	} {
		code, stdout, stderr := rhumb(t, "", append([]string{"mcp", "--model", tiny}, test.args...)...)
		assert.Equal(t, test.code, code, "%v", test.args)
		assert.Contains(t, stderr, test.message)
		assert.Empty(t, stdout)
	}
	model, err := filepath.Abs(tiny)
	require.NoError(t, err)
	t.Chdir(folder)
	code, _, stderr := rhumb(t, "", "mcp", "--model", model)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--dir: none given")
	t.Chdir(inner)
	code, stdout, stderr := rhumb(t, "", "mcp", "--model", model)
	assert.Zero(t, code, stderr)
	assert.Empty(t, stdout)
	code, _, stderr = rhumb(t, "summer\n", "mcp", "--model", model)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rhumb: stdin: invalid character 's' looking for beginning of value; expected messages of the Model Context Protocol, as agents send them\n", stderr)
}

// What is written to standard output is the protocol, a message a line, whatever comes in.
func TestMCPWire(t *testing.T) {
	folder := t.TempDir()
	putText(t, folder, "a.txt", "summer")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	reader, stdin := io.Pipe()
	stdout, writer := io.Pipe()
	codes := make(chan int)
	var stderr bytes.Buffer
	go func() {
		codes <- run(t.Context(), []string{"mcp", "--model", tiny, "--dir", folder}, reader, writer, &stderr)
	}()
	lines := bufio.NewScanner(stdout)
	exchange := func(message string) object {
		t.Helper()
		_, err := io.WriteString(stdin, message+"\n")
		require.NoError(t, err)
		require.True(t, lines.Scan())
		var answer object
		require.NoError(t, json.Unmarshal(lines.Bytes(), &answer))
		assert.Equal(t, "2.0", answer["jsonrpc"])
		return answer
	}
	hello := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	assert.Equal(t, "2025-06-18", exchange(hello)["result"].(object)["protocolVersion"])
	_, err := io.WriteString(stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	require.NoError(t, err)
	answer := exchange(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"search","arguments":{"query":"summer"}}}`)
	results := answer["result"].(object)["structuredContent"].(object)["results"].([]any)
	assert.Equal(t, "a.txt", results[0].(object)["path"])
	assert.Contains(t, exchange(`{"jsonrpc":"2.0","id":3,"method":"nope"}`), "error")
	assert.Contains(t, exchange(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"nope"}}`), "error")
	long := strings.Repeat("summer ", 100_000)
	assert.Equal(t, nil, exchange(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"embed","arguments":{"texts":["` + long + `"]}}}`)["result"].(object)["isError"])
	require.NoError(t, stdin.Close())
	assert.Zero(t, <-codes, "%s", &stderr)
}
