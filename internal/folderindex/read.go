package folderindex

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/embed/chunk"
)

// mostLine is how many bytes a line may have: a longer one is data, or code that was made
// for machines.
const mostLine = 16 << 10

// settled is how long ago a file must have changed for its time to count: a later change has
// another one then, also by the clocks of file systems that count in steps of two seconds.
const settled = 4 * time.Second

// A sum is the beginning of the SHA-256 of a file's content.
type sum [16]byte

func sumOf(data []byte) sum {
	whole := sha256.Sum256(data)
	return sum(whole[:])
}

func (s sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

func (s *sum) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(s)) {
		return fmt.Errorf("sum of %d digits, expected %d", len(text), hex.EncodedLen(len(s)))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// readFile returns the content of a file, which has size bytes, within the folder.
func (x *Index) readFile(path string, size int64) ([]byte, error) {
	f, err := x.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("not a file any more"))
	}
	if size > mostBytes {
		return nil, fmt.Errorf("%d bytes, expected at most %d", size, mostBytes)
	}
	var b bytes.Buffer
	b.Grow(int(size) + bytes.MinRead)
	if _, err = b.ReadFrom(io.LimitReader(f, mostBytes+1)); err != nil {
		return nil, err
	}
	if b.Len() > mostBytes {
		return nil, fmt.Errorf("more than %d bytes", mostBytes)
	}
	return b.Bytes(), nil
}

// read returns what the file at e is, without its parts, and its text; "" where it is none.
func (x *Index) read(e entry) (f file, text string, err error) {
	data, err := x.readFile(e.path, e.size)
	if err != nil {
		return f, "", err
	}
	f = file{Path: e.path, Size: e.size, Time: e.time, Sum: sumOf(data)}
	if age := time.Since(time.Unix(0, e.time)); age < settled {
		f.Time = 0
	}
	if isText(data) {
		text = string(data)
	}
	return f, text, nil
}

// isText reports whether data is what people read: UTF-8 without a NUL, in lines.
func isText(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
		return false
	}
	for line := range bytes.Lines(data) {
		if len(line) > mostLine {
			return false
		}
	}
	return true
}

// split returns the parts of a text, without blank lines at their ends: the chunks that
// package chunk makes, but that one which ends inside a line ends before that line, where it
// has others.
func (x *Index) split(text string, done <-chan struct{}) ([]part, error) {
	cfg := x.chunks
	cfg.Done = done
	var parts []part
	line := 1 // that of start
	for start := 0; start < len(text); {
		end, err := x.end(text, start, cfg)
		if err != nil {
			return nil, err
		}
		next := end
		lines := strings.Count(text[start:next], "\n")
		first := line
		for blank := range strings.Lines(text[start:end]) {
			if strings.TrimSpace(blank) != "" {
				break
			}
			start += len(blank)
			first++
		}
		if kept := strings.TrimRightFunc(text[start:end], unicode.IsSpace); kept != "" {
			parts = append(parts, part{start, start + len(kept), first, first + strings.Count(kept, "\n")})
		}
		start, line = next, line+lines
	}
	return parts, nil
}

// end returns where the part ends that begins at start.
func (x *Index) end(text string, start int, cfg chunk.Config) (int, error) {
	for size := 6 * cfg.MaxTokens; ; size *= 2 { // bytes that are likely to have more than the tokens
		window := text[start:]
		if size < len(window) {
			for !utf8.RuneStart(window[size]) {
				size--
			}
			window = window[:size]
		}
		chunks, err := chunk.Split(x.tok, window, cfg)
		if err != nil {
			return 0, fmt.Errorf("from byte %d: %w", start, err)
		}
		end := start + chunks[0].End
		switch {
		case end == len(text):
			return end, nil
		case chunks[0].End == len(window):
			continue // it may be longer
		}
		if lines := strings.LastIndexByte(text[start:end], '\n') + 1; lines > 0 && strings.TrimSpace(text[start:start+lines]) != "" {
			end = start + lines
		}
		return end, nil
	}
}
