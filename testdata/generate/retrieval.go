// Command retrieval makes testdata/retrieval of the doc comments in Go's standard
// library: documents of some 150 tokens, and queries that are the first sentences of
// comments in them, which the documents themselves lack. What it writes depends on
// the sources alone:
//
//	GOTOOLCHAIN=go1.26.8 go run testdata/generate/retrieval.go testdata/retrieval
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	least = 500 // bytes of a document, where its package has as many
	most  = 900 // bytes of a document
	each  = 9   // documents of a package, the first ones
)

// A Document is what is searched.
type Document struct {
	ID   string `json:"id"` // package and number
	Text string `json:"text"`
}

// A Query is answered by one document.
type Query struct {
	Text     string `json:"text"`
	Document string `json:"document"`
}

// A unit is the comment of one declaration.
type unit struct{ name, text, query string }

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: retrieval DIR")
	}
	root := filepath.Join(runtime.GOROOT(), "src")
	var documents []Document
	var queries []Query
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if slices.Contains([]string{"internal", "testdata", "vendor", "cmd", "builtin", "unsafe", "simd", "syscall"}, d.Name()) {
			return fs.SkipDir
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		units, err := read(path)
		if err != nil {
			return err
		}
		more, asked := split(filepath.ToSlash(name), units)
		documents, queries = append(documents, more...), append(queries, asked...)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	queries = once(queries, documents)
	write(filepath.Join(os.Args[1], "documents.jsonl.gz"), documents)
	write(filepath.Join(os.Args[1], "queries.jsonl.gz"), queries)
	fmt.Println(len(documents), "documents,", len(queries), "queries")
}

// read returns the comments of the package in dir in the order of go doc.
func read(dir string) (units []unit, err error) {
	files := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if f.Name.Name != "main" && !slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool { return strings.Contains(c.Text(), "go:build ignore") }) {
			parsed = append(parsed, f)
		}
	}
	parsed = slices.DeleteFunc(parsed, func(f *ast.File) bool { return f.Name.Name != parsed[0].Name.Name })
	if len(parsed) == 0 {
		return nil, nil
	}
	p, err := doc.NewFromFiles(files, parsed, dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{} // a function may have a file for each system
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text != "" && !seen[name] && !strings.Contains(text, "Deprecated:") {
			seen[name] = true
			units = append(units, cut(p, name, text))
		}
	}
	add("package "+p.Name, p.Doc)
	functions := func(all []*doc.Func) {
		for _, f := range all {
			name := f.Name
			if f.Recv != "" {
				name = strings.Trim(f.Recv, "*") + "." + name
			}
			add("func "+name, f.Doc)
		}
	}
	functions(p.Funcs)
	for _, t := range p.Types {
		add("type "+t.Name, t.Doc)
		functions(t.Funcs)
		functions(t.Methods)
	}
	return units, nil
}

// cut makes a unit whose query is the first sentence of the text, and whose text is the
// rest, where both are long enough.
func cut(p *doc.Package, name, text string) unit {
	whole := unit{name: name, text: shorten(text)}
	sentence := p.Synopsis(text)
	rest, found := strings.CutPrefix(strings.Join(strings.Fields(text), " "), sentence)
	words := strings.Fields(sentence)
	if !found || len(words) < 8 || len(words) > 30 || len(strings.Fields(rest)) < 25 || strings.HasPrefix(name, "package") {
		return whole
	}
	own := name[strings.LastIndexAny(name, " .")+1:]
	switch {
	case words[0] == own:
		words = words[1:]
	case len(words) > 1 && words[1] == own && slices.Contains([]string{"A", "An", "The"}, words[0]):
		words = words[2:]
	default:
		return whole
	}
	// The rest with its lines: from behind as many words as the sentence has.
	at := 0
	for range strings.Fields(sentence) {
		at += len(text[at:]) - len(strings.TrimLeft(text[at:], " \t\n"))
		if end := strings.IndexAny(text[at:], " \t\n"); end >= 0 {
			at += end
		} else {
			return whole
		}
	}
	return unit{name: name, text: shorten(strings.TrimSpace(text[at:])), query: strings.TrimRight(strings.Join(words, " "), ".:")}
}

// shorten returns the first lines of the text, as many as fit into a document.
func shorten(text string) string {
	for len(text) > most-100 {
		text = strings.TrimSpace(text[:strings.LastIndex(text[:len(text)-1], "\n")])
	}
	return text
}

// split makes documents of the comments of a package, and takes from each the query
// of its first comment that has one.
func split(name string, units []unit) (documents []Document, queries []Query) {
	var text strings.Builder
	query := ""
	flush := func() {
		if text.Len() == 0 {
			return
		}
		id := fmt.Sprintf("%s#%d", name, len(documents)+1)
		documents = append(documents, Document{id, strings.TrimSpace(text.String())})
		if query != "" {
			queries = append(queries, Query{query, id})
		}
		query = ""
		text.Reset()
	}
	for _, u := range units {
		if len(documents) == each {
			return documents, queries
		}
		if text.Len() > 0 && (text.Len() >= least || text.Len()+len(u.name)+len(u.text) > most) {
			flush()
		}
		fmt.Fprintf(&text, "%s\n\n%s\n\n", u.name, u.text)
		if query == "" {
			query = u.query
		}
	}
	if len(documents) < each {
		flush()
	}
	return documents, queries
}

// once leaves out queries that come twice or stand in a document, whichever.
func once(queries []Query, documents []Document) []Query {
	plain := func(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }
	var all strings.Builder
	for _, d := range documents {
		all.WriteString(plain(d.Text) + "\n")
	}
	times := map[string]int{}
	for _, q := range queries {
		times[plain(q.Text)]++
	}
	return slices.DeleteFunc(queries, func(q Query) bool {
		return times[plain(q.Text)] > 1 || strings.Contains(all.String(), plain(q.Text))
	})
}

// write writes rows as lines of JSON.
func write(path string, rows any) {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	encode := func(row any) {
		if err := e.Encode(row); err != nil {
			log.Fatal(err)
		}
	}
	switch rows := rows.(type) {
	case []Document:
		for _, row := range rows {
			encode(row)
		}
	case []Query:
		for _, row := range rows {
			encode(row)
		}
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
