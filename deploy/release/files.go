package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/deploy/internal/build"
)

// shells are those that rhumb completion writes scripts for, and the names that they look for.
var shells = []struct{ shell, name string }{
	{"bash", "rhumb.bash"}, {"fish", "rhumb.fish"}, {"powershell", "rhumb.ps1"}, {"zsh", "_rhumb"},
}

// commonFiles returns what all archives have beside the command: texts, licenses, manual pages and
// completions. It writes into the folder work.
func commonFiles(ctx context.Context, root, work string) ([]file, error) {
	var files []file
	for _, f := range []struct{ name, from string }{
		{"LICENSE", "LICENSE"}, {"README.md", "README.md"}, {"CHANGELOG.md", "CHANGELOG.md"},
		{"minilm/LICENSE", "embed/minilm/LICENSE"}, {"minilm/NOTICE", "embed/minilm/NOTICE"},
	} {
		content, err := os.ReadFile(filepath.Join(root, f.from))
		if err != nil {
			return nil, err
		}
		files = append(files, file{f.name, 0o644, content})
	}
	licenses, err := licensesOf(ctx, root)
	if err != nil {
		return nil, err
	}
	files = append(files, file{"THIRD_PARTY_LICENSES", 0o644, licenses})

	here, err := filepath.Abs(filepath.Join(work, "here"))
	if err != nil {
		return nil, err
	}
	if err := build.Binary(ctx, root, here, runtime.GOOS, runtime.GOARCH); err != nil {
		return nil, err
	}
	for _, s := range shells {
		script, err := run(ctx, root, here, "completion", s.shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"completions/" + s.name, 0o644, script})
	}
	man := filepath.Join(work, "man")
	if _, err := run(ctx, filepath.Join(root, "cmd", "rhumb-man"), "go", "run", "-trimpath", ".", man); err != nil {
		return nil, err
	}
	pages, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil || len(pages) == 0 {
		return nil, errors.Join(err, errors.New("cmd/rhumb-man wrote no page"))
	}
	for _, page := range pages { // by name
		content, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"man/man1/" + filepath.Base(page), 0o644, content})
	}
	return files, nil
}

// run returns what a program prints, run in dir.
func run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "RHUMB_MODEL=")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(append([]string{filepath.Base(program)}, args...), " "), err)
	}
	return out, nil
}

// licenseName is what files are called that copies of a program have to carry along.
var licenseName = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([.-].*)?$`)

// licensesOf returns the licenses of all code that is linked into the command, on whatever system: of Go itself,
// and of each package the files in its folder and those above it, up to its module's.
func licensesOf(ctx context.Context, root string) ([]byte, error) {
	goroot, err := run(ctx, root, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	found := map[string]string{} // files, by what they are called here
	found["Go's standard library: LICENSE"] = filepath.Join(strings.TrimSpace(string(goroot)), "LICENSE")
	for _, p := range platforms {
		out, err := run(ctx, root, "env", "GOOS="+p.os, "GOARCH="+p.arch, "go", "list", "-deps", "-f",
			`{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{$.Dir}}{{end}}{{end}}`, "./cmd/rhumb")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			if len(fields) != 3 {
				continue
			}
			if err := addLicenses(found, fields[0], fields[1], fields[2]); err != nil {
				return nil, err
			}
		}
	}
	var all bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(found)) {
		content, err := os.ReadFile(found[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "=== %s\n\n%s\n", name, bytes.TrimSpace(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))))
		all.WriteString("\n")
	}
	return all.Bytes(), nil
}

// addLicenses adds the licenses of a package in the folder dir, of a module in the folder top. A module
// without any is an error.
func addLicenses(found map[string]string, module, top, dir string) error {
	n := 0
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type() == fs.ModeDir || !licenseName.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			path := filepath.Join(dir, e.Name())
			rel, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			found[module+": "+filepath.ToSlash(rel)] = path
			n++
		}
		if dir == top {
			break
		}
		dir = filepath.Dir(dir)
	}
	if n == 0 {
		return fmt.Errorf("%s: no license found", module)
	}
	return nil
}
