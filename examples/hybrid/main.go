// Command hybrid finds the passages of a folder's Markdown files that answer a
// question, by three models whose answers are joined. A dense model finds passages
// that mean the same in other words; a sparse one those with the words that matter,
// names and numbers too. A reranker then reads what either found together with the
// question. Each of the three puts passages in an order, and reciprocal rank fusion
// makes one of these, by places alone: the models' scores need not be comparable.
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/search"
	"github.com/rhumb-go/rhumb/tokenizer"
)

const (
	tokens     = 128 // of a passage, at most
	candidates = 20  // passages that the dense and the sparse model find, each
	answers    = 5   // passages that are shown
)

func main() {
	sparse := flag.String("sparse", "../../testdata/heads/sparse-bert-max/model", "`DIR` of the sparse model; the default has random weights")
	reranker := flag.String("reranker", "../../testdata/heads/rerank-bert/model", "`DIR` of the reranker; the default has random weights")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: hybrid [--sparse DIR] [--reranker DIR] FOLDER QUESTION")
	}
	if err := hybrid(context.Background(), os.Stdout, *sparse, *reranker, flag.Arg(0), flag.Arg(1)); err != nil {
		log.Fatal("hybrid: ", err)
	}
}

// hybrid writes the passages below root that answer the question best to w.
func hybrid(ctx context.Context, w io.Writer, sparseDir, rerankerDir, root, question string) error {
	denseModel, err := minilm.Load(ctx, embed.Config{}) // or embed.Load(ctx, "path/to/model", embed.Config{})
	if err != nil {
		return err
	}
	defer denseModel.Close()
	sparseModel, err := sparse.Load(ctx, sparseDir, embed.Config{})
	if err != nil {
		return err
	}
	defer sparseModel.Close()
	reranker, err := rerank.Load(ctx, rerankerDir, embed.Config{})
	if err != nil {
		return err
	}
	defer reranker.Close()

	texts, places, err := read(root, denseModel.Tokenizer())
	if err != nil {
		return err
	}
	// A real program embeds the passages once, and keeps their vectors.
	byMeaning, err := byDense(ctx, denseModel, texts, question)
	if err != nil {
		return err
	}
	byWords, err := bySparse(ctx, sparseModel, texts, question)
	if err != nil {
		return err
	}
	byReading, err := byReranker(ctx, reranker, texts, question, fuse(byMeaning, byWords))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d passages\n", len(texts))
	best := fuse(byMeaning, byWords, byReading)
	for _, b := range best[:min(answers, len(best))] {
		fmt.Fprintf(w, "%s\n\tdense %s, sparse %s, reranker %s\n", places[b.Row], place(byMeaning, b.Row), place(byWords, b.Row), place(byReading, b.Row))
	}
	return nil
}

// byDense returns the texts whose embeddings are nearest to the question's.
func byDense(ctx context.Context, model *embed.Model, texts []string, question string) ([]search.Match, error) {
	// Some models put other words before what is searched than before what it is searched for.
	documents, err := model.Embed(ctx, texts, embed.Options{PromptName: "document"})
	if err != nil {
		return nil, err
	}
	var vectors []float32 // one after the other
	for _, e := range documents.Embeddings {
		vectors = append(vectors, e.Float32...)
	}
	query, err := model.Embed(ctx, []string{question}, embed.Options{PromptName: "query"})
	if err != nil {
		return nil, err
	}
	// The vectors have unit length: their dot product is the cosine of their angle.
	return search.Nearest(search.Dot, query.Embeddings[0].Float32, vectors, candidates)
}

// bySparse returns the texts with the most weight in what the question has weight in.
func bySparse(ctx context.Context, model *sparse.Model, texts []string, question string) ([]search.Match, error) {
	documents, err := model.Embed(ctx, texts, sparse.Options{PromptName: "document"})
	if err != nil {
		return nil, err
	}
	query, err := model.Embed(ctx, []string{question}, sparse.Options{PromptName: "query"})
	if err != nil {
		return nil, err
	}
	var index sparse.Index
	for _, d := range documents {
		if _, err := index.Add(d); err != nil {
			return nil, err
		}
	}
	return index.Search(query[0], candidates)
}

// byReranker returns the texts that were found, those first that answer the question best.
func byReranker(ctx context.Context, model *rerank.Model, texts []string, question string, found []search.Match) (order []search.Match, err error) {
	documents := make([]string, len(found))
	for i, f := range found {
		documents[i] = texts[f.Row]
	}
	ranked, err := model.Rank(ctx, question, documents, 0, rerank.Options{})
	for _, r := range ranked {
		order = append(order, search.Match{Row: found[r.Index].Row, Score: r.Value})
	}
	return order, err
}

// fuse joins orders by the sum of 1/(60 + place), where the first place is 1:
// reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
func fuse(orders ...[]search.Match) (all []search.Match) {
	sums := map[int]float32{}
	for _, order := range orders {
		for i, m := range order {
			sums[m.Row] += 1 / float32(60+i+1)
		}
	}
	for row, sum := range sums {
		all = append(all, search.Match{Row: row, Score: sum})
	}
	slices.SortFunc(all, func(a, b search.Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
	return all
}

// place returns the place of a text in an order, from 1, and - where it has none.
func place(order []search.Match, row int) string {
	i := slices.IndexFunc(order, func(m search.Match) bool { return m.Row == row })
	if i < 0 {
		return "-"
	}
	return fmt.Sprint(i + 1)
}

// read returns the passages of the Markdown files below root: paragraphs, as many as
// fit into one, and longer ones in pieces. Beside them it returns where each is.
func read(root string, t *tokenizer.Tokenizer) (texts, places []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		chunks, err := chunk.Split(t, string(data), chunk.Config{MaxTokens: tokens})
		for _, c := range chunks {
			text := string(data[c.Start:c.End])
			texts = append(texts, text)
			line := 1 + bytes.Count(data[:c.Start], []byte("\n"))
			words := strings.Fields(text)
			places = append(places, fmt.Sprintf("%s:%d  %s …", filepath.ToSlash(path), line, strings.Join(words[:min(10, len(words))], " ")))
		}
		return err
	})
	if err == nil && len(texts) == 0 {
		err = fmt.Errorf("%s: no passages, expected .md files", root)
	}
	return texts, places, err
}
