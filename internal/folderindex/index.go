// Package folderindex finds the parts of the files of a folder that are nearest to a query. What
// a model made of the files is kept in a file of the user's cache, and made again of those
// that changed.
package folderindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// mostTokens of a part, where the model reads more: about a function of code.
const mostTokens = 256

// Config says how a folder is indexed.
type Config struct {
	Model *embed.Model                     // what cuts files into parts, and who made the vectors
	Run   embed.Embedder                   // what makes them: Model or a queue of it
	Cache string                           // the folder for the index's own file, which is made; "" = nothing is kept
	Left  func(path string, reason string) // told what is not in the index, as often as it is looked at, and why the index is not kept; nil = nobody is told
}

// An Index is the parts of the files of a folder. Any number of calls may run at the same
// time, and several processes share the file of a folder: one at a time reads what changed.
type Index struct {
	cfg    Config
	folder string // absolute, without links
	root   *os.Root
	tok    *tokenizer.Tokenizer
	chunks chunk.Config
	width  int    // dimensions of a row
	key    string // of all that decides what rows say: the folder, the model, how files are cut
	file   string // of the index; "" = none

	turn  chan struct{} // of Refresh
	now   atomic.Pointer[snapshot]
	saved os.FileInfo // of file, as it was read or written last; nil = not yet
}

// Open returns the index of a folder, as it was kept. An index that is damaged is as one that
// there is not. Errors are those of the folder, and of a model whose limit leaves nothing to
// a text.
func Open(ctx context.Context, folder string, cfg Config) (*Index, error) {
	folder, err := filepath.Abs(folder)
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return nil, err
	}
	if cfg.Left == nil {
		cfg.Left = func(string, string) {}
	}
	info := cfg.Model.Info()
	x := &Index{cfg: cfg, folder: folder, width: info.DefaultDimensions, turn: make(chan struct{}, 1)}
	reading, err := cfg.Model.Reading(embed.Options{PromptName: document})
	if err != nil {
		return nil, err
	}
	x.tok, x.chunks.Prompt, x.chunks.MaxTokens = reading.Tokenizer, reading.Prompt, mostTokens
	if reading.MaxTokens > 0 {
		x.chunks.MaxTokens = min(mostTokens, reading.MaxTokens)
	}
	if _, err := chunk.Split(x.tok, "", x.chunks); err != nil {
		return nil, err
	}
	print, err := cfg.Model.Fingerprint(ctx)
	if err != nil {
		return nil, err
	}
	if x.root, err = os.OpenRoot(folder); err != nil {
		return nil, err
	}
	x.now.Store(&snapshot{first: []int{0}})
	x.place(print)
	x.load()
	return x, nil
}

// document names the prompt of files.
const document = "document"

// Folder returns the path of the folder, absolute and without links.
func (x *Index) Folder() string { return x.folder }

// Counts returns how many files have parts, and how many parts there are.
func (x *Index) Counts() (files, parts int) {
	s := x.now.Load()
	for i := range s.files {
		if len(s.files[i].Parts) > 0 {
			files++
		}
	}
	return files, s.first[len(s.files)]
}

// Close waits for a Refresh under way, and lets go of the folder.
func (x *Index) Close() error {
	x.turn <- struct{}{}
	defer func() { <-x.turn }()
	return x.root.Close()
}

// A snapshot is what an index has at a time. Nothing of it changes.
type snapshot struct {
	files []file // ascending by path
	first []int  // the row of each file's first part, and the number of all rows
	rows  []int8 // parts × dimensions, each at a scale of its own, which a cosine does not depend on
}

// A file is what an index knows of a file.
type file struct {
	Path  string `json:"path"` // relative to the folder, with slashes
	Size  int64  `json:"size"`
	Time  int64  `json:"time"` // of its last change, in nanoseconds; 0 = so young that another may have the same
	Sum   sum    `json:"sum"`
	Parts []part `json:"parts,omitempty"` // none of what is no text

	rows []int8
}

// A part is the bytes from Start to End of a file, which are in the lines from First to
// Last, counted from 1.
type part struct {
	Start int `json:"start"`
	End   int `json:"end"`
	First int `json:"first"`
	Last  int `json:"last"`
}

// newSnapshot returns the snapshot of files, whose rows it copies.
func newSnapshot(files []file) *snapshot {
	s := &snapshot{files: files, first: make([]int, 1, len(files)+1)}
	size := 0
	for i := range files {
		size += len(files[i].rows)
	}
	s.rows = make([]int8, 0, size)
	for i := range files {
		f, from := &files[i], len(s.rows)
		s.rows = append(s.rows, f.rows...)
		f.rows = s.rows[from:len(s.rows):len(s.rows)]
		s.first = append(s.first, s.first[i]+len(f.Parts))
	}
	return s
}

// embedTexts returns the rows of texts, and which of them have none, as the model does not
// take them.
func (x *Index) embedTexts(ctx context.Context, texts []string) (rows [][]float32, err error) {
	rows = make([][]float32, len(texts))
	taken := make([]int, len(texts)) // those that the model takes
	for i := range taken {
		taken[i] = i
	}
	for len(taken) > 0 {
		list := make([]string, len(taken))
		for i, t := range taken {
			list[i] = texts[t]
		}
		result, err := x.cfg.Run.Embed(ctx, list, embed.Options{PromptName: document})
		var bad *embed.InputError
		if errors.As(err, &bad) && bad.Index >= 0 && bad.Index < len(taken) {
			taken = append(taken[:bad.Index], taken[bad.Index+1:]...)
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, t := range taken {
			rows[t] = result.Embeddings[i].Float32
		}
		if result.Dimensions != x.width {
			return nil, fmt.Errorf("embeddings of %d dimensions, expected %d", result.Dimensions, x.width)
		}
		break
	}
	return rows, nil
}
