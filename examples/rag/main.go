// Command rag finds the passages that answer a question, as one does before a
// language model gets to read them beside the question (retrieval-augmented
// generation). It has two steps. Search: an embedding model, which read each of 1,000
// passages without the question, finds the 50 that are nearest to it; that is fast.
// Reranking: another model reads each of these together with the question, and puts
// the best first; that is better, and too slow for all. The passages are this
// repository's own documentation.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/search"
)

const (
	most       = 1000 // passages that are searched
	candidates = 50   // of them that are reranked
	answers    = 3    // of them that are shown
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: rag [--reranker DIR] QUESTION")
		flag.PrintDefaults()
	}
	reranker := flag.String("reranker", "../../testdata/heads/rerank-bert/model", "`DIR` of the reranker; the default has random weights")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := rag(context.Background(), os.Stdout, "../..", *reranker, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "rag:", err)
		os.Exit(1)
	}
}

// rag writes the passages below root that answer the question best to w, by the
// reranker in the folder dir.
func rag(ctx context.Context, w io.Writer, root, dir, question string) (err error) {
	passages, err := read(root)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d passages\n", len(passages))
	embedder, err := minilm.Load(ctx, embed.Config{}) // or embed.Load(ctx, "path/to/model", embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, embedder.Close()) }()
	reranker, err := rerank.Load(ctx, dir, embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reranker.Close()) }()

	found, err := nearest(ctx, embedder, passages, question)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "the nearest of %d that the search found:\n", len(found))
	for _, p := range found[:min(answers, len(found))] {
		fmt.Fprintln(w, " ", p)
	}
	best, err := reranker.Rank(ctx, question, texts(found), answers, rerank.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "the best of them, by the reranker:")
	for _, b := range best {
		fmt.Fprintln(w, " ", found[b.Index])
	}
	return nil
}

// nearest returns the passages that are candidates for the question, the nearest
// first.
func nearest(ctx context.Context, embedder *embed.Model, passages []passage, question string) (found []passage, err error) {
	// Each text becomes a vector, and near vectors are near in meaning. Some models put
	// other words before what is searched than before what it is searched for; this one
	// puts none. A real program embeds passages once and keeps their vectors.
	documents, err := embedder.Embed(ctx, texts(passages), embed.Options{PromptName: "document"})
	if err != nil {
		return nil, err
	}
	var vectors []float32 // one after the other
	for _, e := range documents.Embeddings {
		vectors = append(vectors, e.Float32...)
	}
	query, err := embedder.Embed(ctx, []string{question}, embed.Options{PromptName: "query"})
	if err != nil {
		return nil, err
	}
	// The vectors have unit length: their dot product is the cosine of their angle.
	matches, err := search.Nearest(search.Dot, query.Embeddings[0].Float32, vectors, candidates)
	for _, m := range matches {
		found = append(found, passages[m.Row])
	}
	return found, err
}

func texts(passages []passage) []string {
	all := make([]string, len(passages))
	for i, p := range passages {
		all[i] = p.text
	}
	return all
}

// A passage is a piece of a file.
type passage struct {
	file string
	line int // its first one, from 1
	text string
}

// String is the place of p and the beginning of its text.
func (p passage) String() string {
	words := strings.Fields(p.text)
	return fmt.Sprintf("%s:%d  %s …", p.file, p.line, strings.Join(words[:min(12, len(words))], " "))
}

// read returns the first passages below root: paragraphs of Markdown files, and
// comments of Go files. It leaves out tests, examples, hidden folders, and what is
// shorter than ten words.
func read(root string) (passages []passage, err error) {
	add := func(file string, line int, text string) {
		if len(strings.Fields(text)) >= 10 && len(passages) < most {
			passages = append(passages, passage{file, line, text})
		}
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name()[0] == '.' || d.Name() == "testdata" || d.Name() == "examples"):
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(name, "_test.go"):
			return nil
		case strings.HasSuffix(name, ".md"):
			data, err := os.ReadFile(path)
			line := 1
			for text := range strings.SplitSeq(string(data), "\n\n") {
				add(name, line, text)
				line += strings.Count(text, "\n") + 2
			}
			return err
		case strings.HasSuffix(name, ".go"):
			files := token.NewFileSet()
			f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			for _, comment := range f.Comments {
				add(name, files.Position(comment.Pos()).Line, comment.Text())
			}
		}
		return nil
	})
	if err == nil && len(passages) == 0 {
		err = fmt.Errorf("%s: no passages, expected .md or .go files", root)
	}
	return passages, err
}
