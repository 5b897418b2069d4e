package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A mcpServer answers an agent.
type mcpServer struct {
	model    *embed.Model
	run      embed.Embedder // a queue of model, where a query goes in between the files that are read
	scorer   scorer         // nil = none
	folders  []*mcpFolder
	patience time.Duration
}

// closeFolders waits for what reads them, whose context has ended.
func (s *mcpServer) closeFolders() (err error) {
	for _, f := range s.folders {
		f.workers.Wait()
		err = errors.Join(err, f.Close())
	}
	return err
}

// The most that a call may ask for.
const (
	mcpMostResults   = 50
	mcpMostTexts     = 100
	mcpMostDocuments = 1000
)

// server returns the protocol's server. Its calls end with ctx.
func (s *mcpServer) server(ctx context.Context, log *slog.Logger) (*mcp.Server, error) {
	server := mcp.NewServer(
		&mcp.Implementation{Name: "rhumb", Title: "Rhumb", Version: version()},
		&mcp.ServerOptions{Instructions: s.instructions(), Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}},
	)
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(call context.Context, method string, req mcp.Request) (mcp.Result, error) {
			call, cancel := context.WithCancel(call)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			result, err := next(call, method, req)
			if err != nil && call.Err() == nil {
				log.Warn("call", "method", method, "error", err)
			}
			return result, err
		}
	})
	err := addTool(server, "search", "Search by meaning",
		"Finds the parts of the files whose meaning is nearest to a query in words, with their lines. Files that changed since the last search are read again.",
		func(p map[string]*jsonschema.Schema) {
			p["query"].MinLength = jsonschema.Ptr(1)
			bound(p["top_k"], 1, mcpMostResults, "10")
		}, s.search)
	err = errors.Join(err, addTool(server, "embed", "Embed texts",
		"Makes the embedding of each text, a vector whose cosine with another says how near they are in meaning.",
		func(p map[string]*jsonschema.Schema) {
			p["texts"].MinItems, p["texts"].MaxItems = jsonschema.Ptr(1), jsonschema.Ptr(mcpMostTexts)
			p["texts"].Types, p["texts"].Type = nil, "array"
			p["purpose"].Enum, p["purpose"].Default = []any{"query", "document"}, []byte(`"document"`)
		}, s.embed))
	if s.scorer != nil {
		err = errors.Join(err, addTool(server, "rerank", "Rerank documents",
			"Orders documents by how well each answers a query, the best first.",
			func(p map[string]*jsonschema.Schema) {
				p["query"].MinLength = jsonschema.Ptr(1)
				p["documents"].MinItems, p["documents"].MaxItems = jsonschema.Ptr(1), jsonschema.Ptr(mcpMostDocuments)
				p["documents"].Types, p["documents"].Type = nil, "array"
				bound(p["top_n"], 1, mcpMostDocuments, "")
			}, s.rerank))
	}
	return server, err
}

// bound has a number be from least to most, and its default where it is not given.
func bound(s *jsonschema.Schema, least, most float64, usual string) {
	s.Minimum, s.Maximum = &least, &most
	if usual != "" {
		s.Default = []byte(usual)
	}
}

// addTool adds a tool that changes nothing. schema adds to what the types say of its arguments.
func addTool[In, Out any](server *mcp.Server, name, title, description string, schema func(map[string]*jsonschema.Schema), call mcp.ToolHandlerFor[In, Out]) error {
	in, err := jsonschema.For[In](nil)
	if err != nil {
		return err
	}
	schema(in.Properties)
	mcp.AddTool(server, &mcp.Tool{
		Name: name, Title: title, Description: description, InputSchema: in,
		Annotations: &mcp.ToolAnnotations{Title: title, ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: new(bool), DestructiveHint: new(bool)},
	}, call)
	return nil
}

type embedArguments struct {
	Texts   []string `json:"texts" jsonschema:"the texts"`
	Purpose string   `json:"purpose,omitempty" jsonschema:"what the texts are for: queries and documents are embedded differently by some models"`
}

type embedAnswer struct {
	Model      string      `json:"model"`
	Dimensions int         `json:"dimensions"`
	Embeddings [][]float32 `json:"embeddings" jsonschema:"of each text, in their order"`
	Truncated  []int       `json:"truncated" jsonschema:"tokens of each text over the model's limit, which were not read"`
}

// embed is the tool of that name.
func (s *mcpServer) embed(ctx context.Context, _ *mcp.CallToolRequest, in embedArguments) (*mcp.CallToolResult, embedAnswer, error) {
	answer := embedAnswer{Model: s.model.Info().Name, Embeddings: [][]float32{}, Truncated: []int{}}
	result, err := s.run.Embed(ctx, in.Texts, embed.Options{PromptName: in.Purpose})
	if err != nil {
		return nil, answer, err
	}
	answer.Dimensions = result.Dimensions
	for _, e := range result.Embeddings {
		answer.Embeddings = append(answer.Embeddings, e.Float32)
		answer.Truncated = append(answer.Truncated, e.Truncated)
	}
	return nil, answer, nil
}

type rerankArguments struct {
	Query     string   `json:"query" jsonschema:"what the documents are to answer"`
	Documents []string `json:"documents" jsonschema:"the texts to order"`
	TopN      int      `json:"top_n,omitempty" jsonschema:"how many of the best to return; all where it is not given"`
}

type rerankAnswer struct {
	Results []rankedDocument `json:"results" jsonschema:"the best first"`
}

type rankedDocument struct {
	Index int     `json:"index" jsonschema:"of the document, counted from 0"`
	Score float32 `json:"score"`
}

// rerank is the tool of that name.
func (s *mcpServer) rerank(ctx context.Context, _ *mcp.CallToolRequest, in rerankArguments) (*mcp.CallToolResult, rerankAnswer, error) {
	answer := rerankAnswer{Results: []rankedDocument{}}
	scores, err := s.scorer.Score(ctx, in.Query, in.Documents, rerank.Options{})
	if err != nil {
		return nil, answer, err
	}
	for _, r := range rerank.Order(scores, in.TopN) {
		answer.Results = append(answer.Results, rankedDocument{r.Index, r.Value})
	}
	return nil, answer, nil
}
