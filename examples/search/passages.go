package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// size is how long a passage grows, in bytes: 150 to 230 tokens of English and
// of code, of the 256 that the model reads.
const size = 700

// A passage is a piece of a file.
type passage struct {
	file string
	line int // its first one, from 1
	text string
}

// read returns the passages of the Markdown and text files below root, or of the
// file root. Hidden folders are left out.
func read(root string) (passages []passage, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != root && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		case path != root && !slices.Contains([]string{".md", ".txt"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		passages = append(passages, split(filepath.ToSlash(path), string(text))...)
		return nil
	})
	if err == nil && len(passages) == 0 {
		err = fmt.Errorf("%s: no text, expected .md or .txt files", root)
	}
	return passages, err
}

// split returns the passages of a text. A passage ends before a heading, at a
// blank line when it is half full, and where the next line does not fit; a line
// that is too long is cut at a space. Text in a fence has no headings.
func split(file, text string) (passages []passage) {
	p := passage{file: file}
	flush := func() {
		if p.text = strings.TrimSpace(p.text); p.text != "" {
			passages = append(passages, p)
		}
		p.text = ""
	}
	fenced, number := false, 0
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		heading := strings.HasPrefix(line, "#") && !fenced
		blank := strings.TrimSpace(line) == ""
		if heading || blank && len(p.text) > size/2 {
			flush()
		}
		for line != "" {
			piece := line[:fitting(line)]
			line = line[len(piece):]
			if len(p.text)+len(piece) > size {
				flush()
			}
			if p.text == "" {
				if strings.TrimSpace(piece) == "" {
					continue // what comes behind it has the number of its own line
				}
				p.line = number
			}
			p.text += piece
		}
	}
	flush()
	return passages
}

// fitting returns how many bytes of line, which is not empty, fit into a passage.
func fitting(line string) int {
	if len(line) <= size {
		return len(line)
	}
	if space := strings.LastIndexByte(line[:size], ' '); space > 0 {
		return space + 1
	}
	n := size
	for n > size-utf8.UTFMax && !utf8.RuneStart(line[n]) {
		n--
	}
	return n
}
