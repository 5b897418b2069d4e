package command

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/folderindex"
)

// mcpCandidates is how many times more parts than asked for a reranker orders.
const mcpCandidates = 5

type searchArguments struct {
	Query string `json:"query" jsonschema:"what to find, in words: a question, or what the code does or the text says"`
	Path  string `json:"path,omitempty" jsonschema:"search this folder or file alone: relative to the folder that is searched, or absolute and within it"`
	Glob  string `json:"glob,omitempty" jsonschema:"search files that match this pattern alone, as in a .gitignore: *.go, cmd/**, **/test/*.py"`
	TopK  int    `json:"top_k,omitempty" jsonschema:"how many parts to return"`
}

type searchAnswer struct {
	Results  []foundPart `json:"results" jsonschema:"the nearest first"`
	Files    int         `json:"files" jsonschema:"files in the index"`
	Parts    int         `json:"parts" jsonschema:"parts of these"`
	Complete bool        `json:"complete" jsonschema:"false where files are still being read: a later search may find more"`
}

type foundPart struct {
	Folder string  `json:"folder,omitempty" jsonschema:"which of several folders the path is in"`
	Path   string  `json:"path" jsonschema:"relative to the folder"`
	First  int     `json:"start_line"`
	Last   int     `json:"end_line"`
	Score  float32 `json:"score" jsonschema:"the higher the nearer, of this search alone"`
	Text   string  `json:"text"`
}

// search is the tool of that name.
func (s *mcpServer) search(ctx context.Context, req *mcp.CallToolRequest, in searchArguments) (*mcp.CallToolResult, searchAnswer, error) {
	answer := searchAnswer{Results: []foundPart{}}
	filters, err := s.choose(in.Path)
	if err != nil {
		return nil, answer, err
	}
	notes, err := s.refresh(ctx, filters, progressOf(ctx, req))
	if err != nil {
		return nil, answer, err
	}
	answer.Complete = len(notes) == 0
	if in.Path != "" && !slices.ContainsFunc(s.folders, func(f *mcpFolder) bool {
		at, ok := filters[f]
		return ok && f.Has(at)
	}) {
		return nil, answer, fmt.Errorf("path %q: no such file in the index, nor a folder with one; %s", in.Path, cmp.Or(strings.Join(notes, "; "), "names with a dot in front and what a .gitignore leaves out are not in it"))
	}
	asked, err := s.run.Embed(ctx, []string{in.Query}, embed.Options{PromptName: "query"})
	if err != nil {
		return nil, answer, fmt.Errorf("query: %w", err)
	}
	k := in.TopK
	if s.scorer != nil {
		k *= mcpCandidates
	}
	for _, f := range s.folders {
		at, ok := filters[f]
		if !ok {
			continue
		}
		files, parts := f.Counts()
		answer.Files, answer.Parts = answer.Files+files, answer.Parts+parts
		hits, err := f.Search(ctx, asked.Embeddings[0].Float32, k, folderindex.Filter{Path: at, Glob: in.Glob})
		if err != nil {
			return nil, answer, err
		}
		for _, h := range hits {
			found := foundPart{Path: h.Path, First: h.First, Last: h.Last, Score: h.Score, Text: h.Text}
			if len(s.folders) > 1 {
				found.Folder = f.Folder()
			}
			answer.Results = append(answer.Results, found)
		}
	}
	if err := s.score(ctx, in.Query, answer.Results); err != nil {
		return nil, answer, err
	}
	slices.SortStableFunc(answer.Results, func(a, b foundPart) int { return cmp.Compare(b.Score, a.Score) })
	answer.Results = answer.Results[:min(in.TopK, len(answer.Results))]
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: answer.text(notes)}}}, answer, nil
}

// choose returns the folders to search, each with the path in it that the argument names.
func (s *mcpServer) choose(name string) (map[*mcpFolder]string, error) {
	filters := map[*mcpFolder]string{}
	for _, f := range s.folders {
		at := ""
		switch {
		case filepath.IsAbs(name):
			rel, ok := f.relative(filepath.Clean(name))
			if !ok {
				continue
			}
			at = rel
		case name != "":
			if at = path.Clean(filepath.ToSlash(name)); at == "." {
				at = ""
			} else if !filepath.IsLocal(filepath.FromSlash(at)) {
				continue
			}
		}
		filters[f] = at
	}
	if len(filters) == 0 {
		var names []string
		for _, f := range s.folders {
			names = append(names, f.Folder())
		}
		return nil, fmt.Errorf("path %q: outside of %s, which is all that is searched", name, strings.Join(names, ", "))
	}
	return filters, nil
}

// refresh reads what changed in the folders, and returns what is to be said of those that
// are not ready.
func (s *mcpServer) refresh(ctx context.Context, filters map[*mcpFolder]string, tell func(done, total int64)) (notes []string, err error) {
	begun := map[*mcpFolder]*mcpRefresh{}
	for f := range filters {
		begun[f] = f.begin()
	}
	patience, stop := context.WithTimeout(ctx, s.patience)
	defer stop()
	for _, f := range s.folders {
		r, ok := begun[f]
		if !ok {
			continue
		}
		ready, err := f.await(ctx, r, patience, tell)
		if err != nil {
			return nil, err
		}
		if !ready {
			notes = append(notes, f.Folder()+": "+f.left())
		}
	}
	return notes, nil
}

// score gives parts the scores of the reranker, where there is one.
func (s *mcpServer) score(ctx context.Context, query string, parts []foundPart) error {
	if s.scorer == nil || len(parts) == 0 {
		return nil
	}
	texts := make([]string, len(parts))
	for i := range parts {
		texts[i] = parts[i].Text
	}
	scores, err := s.scorer.Score(ctx, query, texts, rerank.Options{})
	if err != nil {
		return err
	}
	for i := range parts {
		parts[i].Score = scores[i].Value
	}
	return nil
}

// progressOf returns what tells the client how far a call is, if it asked for that.
func progressOf(ctx context.Context, req *mcp.CallToolRequest) func(done, total int64) {
	token := req.Params.GetProgressToken()
	last := int64(-1)
	return func(done, total int64) {
		if token == nil || done <= last { // it only goes up
			return
		}
		last = done
		// An error is one of the connection, which ends the call.
		_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Progress: float64(done), Total: float64(total),
			Message: fmt.Sprintf("read %d of %d files", done, total),
		})
	}
}

// text returns the answer for a reader.
func (a *searchAnswer) text(notes []string) string {
	var b strings.Builder
	for _, r := range a.Results {
		name := r.Path
		if r.Folder != "" {
			name = filepath.Join(r.Folder, filepath.FromSlash(r.Path))
		}
		fmt.Fprintf(&b, "%s:%d-%d (score %.3f)\n%s\n\n", escaped(name), r.First, r.Last, r.Score, r.Text)
	}
	if len(a.Results) == 0 {
		b.WriteString("Nothing was found.\n")
	}
	for _, note := range notes {
		fmt.Fprintf(&b, "Not complete: %s. Search again later to find more.\n", escaped(note))
	}
	return strings.TrimRight(b.String(), "\n")
}
