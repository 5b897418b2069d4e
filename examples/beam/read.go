package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

// maxLine is the most bytes of a line of JSONL.
const maxLine = 64 << 20

func init() {
	register.DoFn4x1[context.Context, Part, func(Row), func(DeadLetter), error](&readFn{})
}

// A Source says where the files have what is read of a row.
type Source struct {
	TextField string
	IDField   string
}

// Read returns the rows of the files that match glob, and the dead letters of
// those that are not as expected. A file's name ends in .jsonl or .parquet, and
// may have .gz behind that. A file that can be read from any place is dealt out
// in parts to all workers, another is read by one. No match, another name, and a
// file that is damaged end the pipeline.
func Read(s beam.Scope, glob string, src Source) (rows, unread beam.PCollection) {
	s = s.Scope("Read")
	files := fileio.ReadMatches(s, fileio.MatchFiles(s, glob, fileio.MatchEmptyDisallow()))
	parts := beam.ParDo(s, &splitFn{}, beam.Reshuffle(s, files))
	return beam.ParDo2(s, &readFn{src}, beam.Reshuffle(s, parts))
}

type readFn struct{ Source }

// ProcessElement reads one part.
func (f *readFn) ProcessElement(ctx context.Context, p Part, row func(Row), dead func(DeadLetter)) error {
	ext, err := extension(p.File)
	if err != nil {
		return err
	}
	r := &rowReader{ctx: ctx, Source: f.Source, part: p, row: row, dead: dead}
	return withFile(ctx, p.File, func(stream io.Reader) error {
		if ext == ".jsonl" {
			return r.jsonl(stream)
		}
		return r.parquet(stream)
	})
}

// A rowReader reads the rows of one part.
type rowReader struct {
	Source
	ctx  context.Context
	part Part
	row  func(Row)
	dead func(DeadLetter)
}

// emit passes on the row of that number, which has a text unless err says why not.
func (r *rowReader) emit(number int64, id, text string, err error) {
	rowsRead.Inc(r.ctx, 1)
	source := fmt.Sprintf("%s:%d", r.part.File.Metadata.Path, number)
	if err != nil {
		deadLetters.Inc(r.ctx, 1)
		r.dead(DeadLetter{Source: source, ID: id, Row: strings.ToValidUTF8(text, "\ufffd"), Error: err.Error()})
		return
	}
	if id == "" {
		id = source
	}
	r.row(Row{ID: id, Source: source, Text: text})
}

// jsonl reads an object a line. A line of white space alone is no row.
func (r *rowReader) jsonl(file io.Reader) error {
	if r.part.End > 0 {
		file = io.NewSectionReader(file.(io.ReaderAt), r.part.Begin, r.part.End-r.part.Begin)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	number := r.part.Before
	for lines.Scan() {
		line := lines.Bytes()
		if number++; number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		id, text, err := r.parse(line)
		if err != nil {
			text = string(line)
		}
		r.emit(number, id, text, err)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return nil
}

// parse returns the id, "" for none, and the text of a line of JSONL. The id is
// there with an error, too, where it was read.
func (r *rowReader) parse(line []byte) (id, text string, err error) {
	if !utf8.Valid(line) {
		return "", "", errors.New("not UTF-8")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return "", "", fmt.Errorf("expected a JSON object: %w", err)
	}
	if raw := fields[r.IDField]; len(raw) > 0 && string(raw) != "null" {
		switch c := raw[0]; {
		case c == '"':
			if err := json.Unmarshal(raw, &id); err != nil {
				return "", "", fmt.Errorf("%q: %w", r.IDField, err)
			}
		case c == '-' || '0' <= c && c <= '9':
			id = string(raw)
		default:
			return "", "", fmt.Errorf("%q: expected a string or a number", r.IDField)
		}
	}
	raw, ok := fields[r.TextField]
	if !ok {
		return id, "", fmt.Errorf("no %q", r.TextField)
	}
	if raw[0] != '"' {
		return id, "", fmt.Errorf("%q: expected a string", r.TextField)
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return id, "", fmt.Errorf("%q: %w", r.TextField, err)
	}
	return id, text, nil
}
