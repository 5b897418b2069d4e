package folderindex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/internal/gitignore"
)

// The bounds of a folder.
const (
	mostFiles   = 50_000    // that may be in an index
	mostEntries = 1_000_000 // that are looked at
	mostDepth   = 100       // of folders in folders
	mostBytes   = 1 << 20   // of a file that is read
)

// skipped are folders that are left out beside those whose name begins with a dot.
var skipped = []string{"node_modules"}

// An entry is a file that was found.
type entry struct {
	path       string
	size, time int64
}

// A walk is one way through a folder.
type walk struct {
	x     *Index
	ctx   context.Context
	rules []level
	seen  int
	found []entry
}

// A level is the rules of a folder's .gitignore.
type level struct {
	folder string // with a slash at its end; "" = the folder itself
	rules  gitignore.Rules
}

// walk returns the files of the folder that may be in the index, ascending by path: all
// that no .gitignore, from the folder down, leaves out, nor .git/info/exclude, nor a dot in
// front of their name. Links are not followed.
func (x *Index) walk(ctx context.Context) ([]entry, error) {
	w := &walk{x: x, ctx: ctx}
	w.addRules("", ".git/info/exclude")
	if err := w.enter("", 0); err != nil {
		return nil, fmt.Errorf("%s: %w", x.folder, err)
	}
	slices.SortFunc(w.found, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return w.found, nil
}

// addRules adds the rules of the file at that path, if there is one.
func (w *walk) addRules(folder, file string) {
	info, err := w.x.root.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	data, err := w.x.readFile(file, info.Size())
	if err != nil {
		w.x.cfg.Left(file, err.Error())
		return
	}
	w.rules = append(w.rules, level{folder, gitignore.Parse(data)})
}

// enter walks through a folder.
func (w *walk) enter(folder string, depth int) error {
	f, err := w.x.root.Open(path.Clean(folder))
	if err != nil {
		return err
	}
	defer f.Close()
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
	}
	rules := len(w.rules)
	defer func() { w.rules = w.rules[:rules] }()
	w.addRules(prefix, prefix+".gitignore")
	var folders []string
	for {
		list, err := f.ReadDir(1024)
		for _, d := range list {
			name := prefix + d.Name()
			switch folder, err := w.look(d, name); {
			case err != nil:
				return err
			case folder:
				folders = append(folders, name)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if len(folders) > 0 && depth == mostDepth {
		w.x.cfg.Left(folder, fmt.Sprintf("folders in more than %d others", mostDepth))
		return nil
	}
	for _, name := range folders {
		if err := w.enter(name, depth+1); err != nil {
			if w.ctx.Err() != nil || errors.As(err, new(*boundError)) {
				return err
			}
			if !errors.Is(err, fs.ErrNotExist) { // any more
				w.x.cfg.Left(name, err.Error())
			}
		}
	}
	return nil
}

// look adds d where it is a file, and reports whether it is a folder to go into.
func (w *walk) look(d os.DirEntry, name string) (folder bool, err error) {
	if err := w.ctx.Err(); err != nil {
		return false, err
	}
	if w.seen++; w.seen > mostEntries {
		return false, &boundError{mostEntries, "files and folders"}
	}
	folder = d.IsDir()
	switch {
	case !folder && !d.Type().IsRegular(),
		strings.HasPrefix(d.Name(), "."),
		folder && slices.Contains(skipped, d.Name()),
		!utf8.ValidString(d.Name()),
		w.leftOut(name, folder):
		return false, nil
	case folder:
		return true, nil
	}
	info, err := d.Info()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > mostBytes {
		return false, nil // gone, or another thing by now
	}
	if len(w.found) == mostFiles {
		return false, &boundError{mostFiles, "files"}
	}
	w.found = append(w.found, entry{name, info.Size(), info.ModTime().UnixNano()})
	return false, nil
}

// leftOut reports whether the rules leave out what is at that path: those of the deepest
// folder that say anything.
func (w *walk) leftOut(name string, folder bool) bool {
	for _, l := range slices.Backward(w.rules) {
		if out, known := l.rules.Match(name[len(l.folder):], folder); known {
			return out
		}
	}
	return false
}

// A boundError is that of a folder that has too much.
type boundError struct {
	most int
	what string
}

func (e *boundError) Error() string {
	return fmt.Sprintf("more than %d %s: expected a smaller folder, or a .gitignore that leaves out what is not to be found", e.most, e.what)
}
