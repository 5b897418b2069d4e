package internal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// methods are those by which the packages are used, beside their functions: each
// has an example under its own name.
var methods = map[string][]string{
	"tokenizer":         {"Tokenizer.Encode", "Tokenizer.EncodeAll", "Tokenizer.EncodePair", "Tokenizer.EncodeOffsets", "Tokenizer.Decode"},
	"embed":             {"Model.Embed", "Model.EmbedIDs", "Model.EmbedSeq", "Model.EmbedTokens", "Model.Reading", "Queue.Embed"},
	"embed/embedhttp":   {"Handler.Drain"},
	"embed/sparse":      {"Model.Embed", "Index.Search"},
	"embed/m3":          {"Model.Embed"},
	"embed/multivector": {"Model.EmbedQueries", "Model.EmbedQuery", "Model.EmbedDocuments", "Model.Score", "Model.Rank"},
	"embed/rerank":      {"Model.Rank", "Model.Score", "Model.Pairs", "Model.Classify", "Model.ClassifyPairs"},
}

// Every exported function of a package that programs import is called by one of the
// package's runnable examples, under its own name or with what it belongs to, and
// each of methods is one.
func TestExampleOfEachFunction(t *testing.T) {
	for pkg := range layers {
		if !isPublic(pkg) || strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "examples/") || strings.HasSuffix(pkg, "/generate") {
			continue
		}
		t.Run(pkg, func(t *testing.T) {
			functions, examples, called, err := exported(filepath.Join("..", filepath.FromSlash(pkg)))
			require.NoError(t, err)
			assert.NotEmpty(t, examples)
			for _, f := range functions {
				assert.Contains(t, called, f, "no example calls %s.%s", pkg, f)
			}
			for _, m := range methods[pkg] {
				assert.Contains(t, examples, "Example"+strings.ReplaceAll(m, ".", "_"))
			}
		})
	}
}

// exported returns the exported functions of the package in dir, its examples that
// go test runs, and what these call.
func exported(dir string) (functions []string, examples, called map[string]bool, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	examples, called = map[string]bool{}, map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok || fn.Recv != nil:
			case !strings.HasSuffix(name, "_test.go"):
				if fn.Name.IsExported() {
					functions = append(functions, fn.Name.Name)
				}
			case strings.HasPrefix(fn.Name.Name, "Example") && hasOutput(f, fn):
				examples[fn.Name.Name] = true
				maps.Copy(called, calls(fn, filepath.Base(dir)))
			}
		}
	}
	return functions, examples, called, err
}

// hasOutput reports whether a comment in fn begins with "Output:".
func hasOutput(f *ast.File, fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		return c.Pos() > fn.Pos() && c.End() < fn.End() && strings.HasPrefix(c.Text(), "Output:")
	})
}

// calls returns the names after "pkg." in fn.
func calls(fn *ast.FuncDecl, pkg string) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && fmt.Sprint(s.X) == pkg {
			names[s.Sel.Name] = true
		}
		return true
	})
	return names
}
