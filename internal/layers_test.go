package internal

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/rhumb-go/rhumb"

// A row says what the non-test files of one package may import beyond the
// standard library. A path allows the packages below it too, where it is not
// one of ours.
type row struct {
	ours   []string // relative to the module; public stands for all that are not internal
	others []string
}

const public = "public"

// layers is the import table, lowest layer first. A package without a row is
// an error.
var layers = map[string]row{
	"tensor": {others: []string{
		"gonum.org/v1/gonum/blas/blas32", "github.com/x448/float16",
		"golang.org/x/sys/unix", "golang.org/x/sys/windows",
	}},
	"internal/manifest":    {},
	"internal/unsupported": {},
	"tokenizer": {ours: []string{"internal/manifest", "internal/parallel", "internal/unsupported"}, others: []string{
		"golang.org/x/text/unicode/norm", "github.com/dlclark/regexp2",
	}},
	"internal/chattemplate":    {others: []string{"golang.org/x/text/cases", "golang.org/x/text/language"}},
	"internal/parallel":        {},
	"internal/kernel":          {ours: []string{"tensor"}, others: []string{"golang.org/x/sys/cpu"}},
	"internal/kernel/generate": {},
	"internal/mutate":          {},
	"quant":                    {ours: []string{"internal/kernel", "internal/strictjson"}, others: []string{"github.com/x448/float16"}},
	"encoding":                 {ours: []string{"quant"}, others: []string{"github.com/x448/float16"}},
	"internal/weight":          {ours: []string{"tensor", "quant", "internal/kernel", "internal/unsupported"}},
	"internal/strictjson":      {ours: []string{"internal/unsupported"}},
	"internal/packed":          {ours: []string{"tensor", "internal/strictjson", "internal/unsupported"}, others: []string{"github.com/x448/float16"}},
	"internal/transformer":     {ours: []string{"tensor", "internal/kernel", "internal/packed", "internal/parallel", "internal/strictjson", "internal/unsupported", "internal/weight"}},
	"internal/gguf":            {ours: []string{"tensor", "internal/unsupported"}},
	"internal/modelfolder":     {ours: []string{"tensor", "tokenizer", "quant", "internal/gguf", "internal/manifest", "internal/strictjson", "internal/unsupported"}},
	"internal/pipeline":        {ours: []string{"tensor", "internal/kernel", "internal/parallel", "internal/transformer", "internal/unsupported"}},
	"internal/loader": {ours: []string{
		"tensor", "tokenizer",
		"internal/cachedir", "internal/chattemplate", "internal/gguf", "internal/kernel", "internal/manifest", "internal/modelfolder", "internal/parallel", "internal/pipeline", "internal/transformer", "internal/unsupported",
	}},
	"embed": {ours: []string{
		"tensor", "tokenizer", "quant", "encoding",
		"internal/kernel", "internal/loader", "internal/manifest", "internal/modelfolder", "internal/parallel", "internal/pipeline", "internal/unsupported", "internal/weight",
	}},
	"internal/facade": {ours: []string{
		"tokenizer", "embed", "internal/kernel", "internal/loader", "internal/modelfolder", "internal/pipeline",
	}},
	"embed/rerank": {ours: []string{
		"tensor", "tokenizer", "embed",
		"internal/facade", "internal/loader", "internal/modelfolder", "internal/pipeline",
	}},
	"embed/cache":      {},
	"embed/cache/disk": {ours: []string{"embed/cache"}, others: []string{"go.etcd.io/bbolt"}},
	"embed/chunk":      {ours: []string{"tokenizer"}, others: []string{"github.com/clipperhouse/uax29/v2"}},
	"embed/m3": {ours: []string{
		"tensor", "tokenizer", "embed", "embed/multivector", "embed/sparse",
		"internal/facade", "internal/loader", "internal/modelfolder", "internal/pipeline",
	}},
	"embed/multivector": {ours: []string{
		"tensor", "tokenizer", "embed", "embed/rerank",
		"internal/facade", "internal/kernel", "internal/loader", "internal/modelfolder", "internal/pipeline",
	}, others: []string{"github.com/x448/float16"}},
	"embed/sparse": {ours: []string{
		"tensor", "tokenizer", "embed",
		"internal/facade", "internal/loader", "internal/modelfolder", "internal/parallel", "internal/pipeline", "search",
	}},
	"search":               {ours: []string{"quant", "internal/kernel", "internal/parallel"}, others: []string{"github.com/x448/float16"}},
	"internal/cachedir":    {},
	"internal/gitignore":   {},
	"internal/folderindex": {ours: []string{"tokenizer", "quant", "embed", "embed/chunk", "search", "internal/filelock", "internal/gitignore"}},
	"internal/filelock":    {others: []string{"golang.org/x/sys/windows"}},
	"internal/rows": {ours: []string{"encoding", "internal/strictjson"}, others: []string{
		"github.com/parquet-go/parquet-go", "github.com/klauspost/compress", "github.com/x448/float16",
		"github.com/andybalholm/brotli", "github.com/pierrec/lz4/v4", // the codecs of Parquet
		"golang.org/x/text/encoding", "golang.org/x/text/transform",
	}},
	"internal/fill": {ours: []string{"tokenizer", "embed", "embed/chunk", "embed/multivector", "embed/sparse", "encoding", "internal/parallel", "internal/pipeline", "internal/rows"}},
	"embed/job": {ours: []string{"embed", "embed/multivector", "embed/sparse", "encoding", "internal/fill", "internal/rows", "internal/filelock"}, others: []string{
		"github.com/parquet-go/parquet-go",
	}},
	"embed/minilm":          {ours: []string{"embed"}},
	"embed/minilm/generate": {ours: []string{"tensor", "embed"}, others: []string{"github.com/x448/float16"}},
	"embed/hub":             {ours: []string{"internal/filelock", "internal/manifest"}, others: []string{"golang.org/x/sync", "golang.org/x/sys"}},
	"embed/embedhttp":       {ours: []string{"tokenizer", "embed", "embed/m3", "embed/multivector", "embed/rerank", "embed/sparse", "encoding"}, others: []string{"github.com/klauspost/compress/zstd", "golang.org/x/sync"}},
	"embed/adapt":           {ours: []string{"embed"}},
	"examples/batch":        {ours: []string{public}},
	"examples/hybrid":       {ours: []string{public}},
	"examples/rag":          {ours: []string{public}},
	"internal/plot":         {},
	"internal/verify":       {ours: []string{"tensor", "tokenizer", "embed", "embed/minilm", "embed/multivector", "embed/rerank", "embed/sparse", "internal/kernel"}, others: []string{"github.com/x448/float16"}},
	// internal/kernel is for doctor and bench, which look at each kernel set.
	"internal/command": {ours: []string{public, "internal/cachedir", "internal/fill", "internal/folderindex", "internal/kernel", "internal/rows", "internal/verify"}, others: []string{
		"github.com/spf13/cobra", "github.com/spf13/pflag", "go.yaml.in/yaml/v3", "github.com/schollz/progressbar/v3",
		"github.com/parquet-go/parquet-go", "github.com/x448/float16",
		"github.com/prometheus/client_golang", "golang.org/x/sys/unix", "golang.org/x/term",
		"github.com/modelcontextprotocol/go-sdk/mcp", "github.com/google/jsonschema-go/jsonschema",
	}},
	"cmd/rhumb": {ours: []string{"internal/command"}},
	// Those with dependencies of their own are modules of their own.
	"examples/service": {ours: []string{public}},
}

// restricted are the packages of the standard library, with those below them,
// that only some of ours may import.
var restricted = map[string][]string{
	"unsafe":   {"tensor", "internal/kernel"},
	"net/http": {"embed/embedhttp", "embed/hub", "internal/command", "examples/service"},
}

// forbidden returns why the package pkg may not import each of the imports of
// one of its files; nil where all are allowed. Of a test file's imports only
// cgo's is looked at.
func forbidden(pkg, file string, imports []string) []string {
	test := strings.HasSuffix(file, "_test.go")
	r, known := layers[pkg]
	var bad []string
	add := func(format string, args ...any) {
		bad = append(bad, file+": "+fmt.Sprintf(format, args...))
	}
	if !known && !test {
		add("package %s has no row in the table", pkg)
	}
	for _, imp := range imports {
		our, isOurs := strings.CutPrefix(imp, module+"/")
		switch {
		case imp == "C":
			add("imports C: this module has no cgo")
		case test:
		case isOurs:
			if !slices.Contains(r.ours, our) && !(slices.Contains(r.ours, public) && isPublic(our)) {
				add("%s may not import %s", pkg, our)
			}
		case isStandard(imp):
			for name, allowed := range restricted {
				if within(imp, name) && !slices.Contains(allowed, pkg) {
					add("imports %s: only for %s", imp, strings.Join(allowed, ", "))
				}
			}
		default:
			if !slices.ContainsFunc(r.others, func(o string) bool { return within(imp, o) }) {
				add("%s may not import %s", pkg, imp)
			}
		}
	}
	return bad
}

func isPublic(pkg string) bool {
	return !slices.Contains(strings.Split(pkg, "/"), "internal")
}

// isStandard reports whether imp is of the standard library: no other path
// has a first element without a dot.
func isStandard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

// within reports whether imp is the package p or one below it.
func within(imp, p string) bool {
	return imp == p || strings.HasPrefix(imp, p+"/")
}

func importPaths(f *ast.File) ([]string, error) {
	var paths []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

func TestLayers(t *testing.T) {
	for file, data := range goFiles(t) {
		// Every file counts, whatever its build tags and system.
		f, err := parser.ParseFile(token.NewFileSet(), file, data, parser.ImportsOnly)
		require.NoError(t, err)
		imports, err := importPaths(f)
		require.NoError(t, err)
		for _, why := range forbidden(path.Dir(file), file, imports) {
			t.Error(why)
		}
	}
}

// No file is too long to read in one go, tests included, but generated ones.
func TestLengths(t *testing.T) {
	const most = 500 // lines
	for file, data := range goFiles(t) {
		f, err := parser.ParseFile(token.NewFileSet(), file, data, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		if n := bytes.Count(data, []byte("\n")); n > most && !ast.IsGenerated(f) {
			t.Errorf("%s: %d lines, expected at most %d", file, n, most)
		}
	}
}

// goFiles returns the content of each Go file of this module, by its path with slashes.
func goFiles(t *testing.T) map[string][]byte {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	files := map[string][]byte{}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && skipped(name, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)] = data
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(files), 1, "files seen under %s", root)
	return files
}

// The modules of their own use what every program can, and those of commands the command
// line and the names of objects: the go command lets them import internal packages, as their paths are below ours.
func TestModules(t *testing.T) {
	modules, err := filepath.Glob("../examples/*/go.mod")
	require.NoError(t, err)
	require.NotEmpty(t, modules)
	for _, mod := range append(modules, "../embed/embedhttp/otelembed/go.mod", "../cmd/rhumb-cloud/go.mod", "../cmd/rhumb-man/go.mod") {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(mod), "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, mod)
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			require.NoError(t, err)
			imports, err := importPaths(f)
			require.NoError(t, err)
			for _, imp := range imports {
				our, isOurs := strings.CutPrefix(imp, module+"/")
				command := strings.Contains(mod, "/cmd/") && (our == "internal/command" || our == "internal/rows")
				assert.False(t, isOurs && !isPublic(our) && !command, "%s imports %s", file, imp)
			}
		}
	}
}

// skipped reports whether the go command would leave the folder out of this
// module: hidden, testdata, or with a go.mod of its own.
func skipped(dir, base string) bool {
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func TestForbidden(t *testing.T) {
	tests := []struct {
		name string
		file string
		src  string
		want string // part of the one complaint; empty for none
	}{
		{"standard library", "tensor/a.go", `import "os"`, ""},
		{"ours in the table", "quant/a.go", `import "` + module + `/internal/kernel"`, ""},
		{"ours not in the table", "tensor/a.go", `import "` + module + `/quant"`, "tensor may not import quant"},
		{"a package below one in the table", "embed/hub/a.go", `import "` + module + `/embed/minilm"`, "may not import embed/minilm"},
		{"third party in the table", "internal/kernel/a.go", `import "golang.org/x/sys/cpu"`, ""},
		{"below third party in the table", "embed/hub/a.go", `import "golang.org/x/sync/errgroup"`, ""},
		{"beside third party in the table", "tensor/a.go", `import "golang.org/x/sys/unixes"`, "tensor may not import golang.org/x/sys/unixes"},
		{"CPU features outside the kernels", "tensor/a.go", `import "golang.org/x/sys/cpu"`, "tensor may not import golang.org/x/sys/cpu"},
		{"unsafe where it may be", "internal/kernel/a.go", `import "unsafe"`, ""},
		{"unsafe elsewhere", "embed/a.go", `import _ "unsafe"`, "imports unsafe: only for tensor, internal/kernel"},
		{"HTTP where it may be", "embed/hub/a.go", `import "net/http"`, ""},
		{"HTTP elsewhere", "embed/a.go", `import "net/http"`, "imports net/http: only for"},
		{"a package of HTTP elsewhere", "embed/a.go", `import "net/http/pprof"`, "imports net/http/pprof: only for"},
		{"another system's file", "tokenizer/a_windows.go", "//go:build ignore\n\npackage p\nimport \"unsafe\"", "imports unsafe"},
		{"testify in a test", "tensor/a_test.go", `import "github.com/stretchr/testify/require"`, ""},
		{"testify outside tests", "tensor/a.go", `import "github.com/stretchr/testify/require"`, "tensor may not import github.com/stretchr/testify/require"},
		{"cgo", "internal/kernel/a.go", `import "C"`, "imports C"},
		{"cgo in a test", "internal/kernel/a_test.go", `import "C"`, "imports C"},
		{"no row", "utils/a.go", `import "os"`, "package utils has no row"},
		{"no row, only tests", "internal/a_test.go", `import "os"`, ""},
		{"the command and a public package", "internal/command/a.go", `import "` + module + `/embed/hub"`, ""},
		{"the command and the kernels", "internal/command/a.go", `import "` + module + `/internal/kernel"`, ""},
		{"the command and an internal package", "internal/command/a.go", `import "` + module + `/internal/parallel"`, "may not import internal/parallel"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := tt.src
			if !strings.Contains(src, "package") {
				src = "package p\n" + src
			}
			f, err := parser.ParseFile(token.NewFileSet(), tt.file, src, parser.ImportsOnly)
			require.NoError(t, err)
			imports, err := importPaths(f)
			require.NoError(t, err)
			got := forbidden(path.Dir(tt.file), tt.file, imports)
			if tt.want == "" {
				assert.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			assert.Contains(t, got[0], tt.file+": ")
			assert.Contains(t, got[0], tt.want)
		})
	}
}
