package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// An input is one text or one list of token ids.
type input struct {
	line int             // where it begins in its source, from 1: line, row or argument
	id   json.RawMessage // the caller's own id, a JSON value; nil if there is none
	text string
	ids  []int32 // nil for a text
}

// A source gives inputs one after another.
type source interface {
	// next returns the next input, or io.EOF after the last. With a *badInput
	// the next call goes on behind it; after any other error there is no more.
	next() (input, error)
	// progress returns how much has been read and how much there is, in the
	// source's own unit; the total is -1 where it is not known.
	progress() (done, total int64)
	// at says where an input is, for messages: "input.jsonl:3".
	at(line int) string
	Close() error
}

// A badInput is an error of one input, in a source that can go on without it.
type badInput struct {
	line int
	id   json.RawMessage
	err  error
}

func (b *badInput) Error() string { return b.err.Error() }

// nextInput returns the next input of s, or io.EOF after the last. A bad input is
// an error that says where it is.
func nextInput(s source) (input, error) {
	in, err := s.next()
	if bad := (*badInput)(nil); errors.As(err, &bad) {
		err = fmt.Errorf("%s: %w", s.at(bad.line), bad.err)
	}
	return in, err
}

// inputFlags are the flags that say what is read.
type inputFlags struct {
	file   string
	format *choice
	field  string
}

func (f *inputFlags) add(cmd *cobra.Command) {
	f.addAs(cmd, "input", "`FILE` to read, - for standard input (default: standard input if there is no TEXT)")
}

// addAs adds the flags, that of the file under another name.
func (f *inputFlags) addAs(cmd *cobra.Command, name, usage string) {
	cmd.Flags().StringVar(&f.file, name, "", usage)
	f.format = addChoice(cmd, "input-format", "format of the input; auto goes by the file's name, standard input is text",
		"auto", "text", "jsonl", "csv", "parquet")
	cmd.Flags().StringVar(&f.field, "text-field", "text", "`NAME` of the field or column that holds the text")
}

// open returns the source that the flags name: args, a file or standard input.
func (f *inputFlags) open(ctx context.Context, stdin io.Reader, args []string) (source, error) {
	if len(args) > 0 {
		if f.file != "" || f.format.value != "auto" {
			return nil, usagef("TEXT arguments and --input or --input-format: give one of them")
		}
		return &argSource{args: args}, nil
	}
	format := f.format.value
	if format == "auto" {
		var err error
		if format, err = inputFormat(f.file); err != nil {
			return nil, err
		}
	}
	file, isFile := stdin.(*os.File)
	name := "stdin"
	if f.file != "" && f.file != "-" {
		name = f.file
		var err error
		if file, err = os.Open(name); err != nil {
			return nil, err
		}
		isFile = true
	}
	size := int64(-1)
	if isFile {
		info, err := file.Stat()
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			return nil, errors.Join(fmt.Errorf("%s: a folder; expected a file", name), file.Close())
		case info.Mode().IsRegular():
			size = info.Size()
		}
	}
	if format == "parquet" {
		if size < 0 {
			return nil, usagef("parquet is read from a file, not from a pipe")
		}
		return openParquet(file, name, size, f.field)
	}
	var r io.Reader = stdin
	closer := io.Closer(io.NopCloser(nil))
	if name != "stdin" {
		r, closer = file, file
	}
	if size < 0 {
		r = &pipe{ctx: ctx, r: r}
	}
	lines := newLineReader(r, name, size, closer)
	switch format {
	case "jsonl":
		return &jsonlSource{lineReader: lines, field: f.field}, nil
	case "csv":
		return newCSVSource(lines, f.field), nil
	}
	return &textSource{lines}, nil
}

// inputFormat returns the format that a file's name tells.
func inputFormat(name string) (string, error) {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case "", ".txt", ".text", ".md":
		return "text", nil
	case ".jsonl", ".ndjson":
		return "jsonl", nil
	case ".csv", ".parquet":
		return ext[1:], nil
	}
	return "", usagef("%s: the name does not tell the format: give --input-format", name)
}

// argSource is the texts of the command line.
type argSource struct {
	args []string
	n    int
}

func (s *argSource) next() (input, error) {
	if s.n == len(s.args) {
		return input{}, io.EOF
	}
	s.n++
	return input{line: s.n, text: s.args[s.n-1]}, nil
}

func (s *argSource) progress() (done, total int64) { return int64(s.n), int64(len(s.args)) }
func (s *argSource) at(line int) string            { return fmt.Sprintf("argument %d", line) }
func (s *argSource) Close() error                  { return nil }

// textSource is a text a line.
type textSource struct{ *lineReader }

func (s *textSource) next() (input, error) {
	line, err := s.readLine()
	if err != nil {
		return input{}, err
	}
	return input{line: s.line, text: string(line)}, nil
}

// jsonlSource is a JSON value a line: a string, a list of token ids, or an
// object. Lines of white space alone are passed over.
type jsonlSource struct {
	*lineReader
	field string
}

func (s *jsonlSource) next() (input, error) {
	for {
		line, err := s.readLine()
		if err != nil {
			return input{}, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		in, err := parseJSON(line, s.field)
		in.line = s.line
		if err != nil {
			return input{}, &badInput{line: s.line, id: in.id, err: err}
		}
		return in, nil
	}
}

// parseJSON reads one value of a jsonl file. The id is set with an error, too,
// where it was read.
func parseJSON(line []byte, field string) (in input, err error) {
	if !utf8.Valid(line) {
		return in, errors.New("not UTF-8")
	}
	switch line[0] {
	case '"':
		return in, unmarshal(line, &in.text, "a string")
	case '[':
		in.ids, err = parseIDs(line)
		return in, err
	case '{':
	default:
		return in, errors.New("expected a JSON string, a list of token ids or an object")
	}
	var fields map[string]json.RawMessage
	if err := unmarshal(line, &fields, "an object"); err != nil {
		return in, err
	}
	if id := fields["id"]; id != nil && string(id) != "null" {
		in.id = id
	}
	text, tokens := fields[field], fields["tokens"]
	switch {
	case text != nil && tokens != nil && field != "tokens":
		return in, fmt.Errorf("%q and \"tokens\": expected one of them", field)
	case text != nil:
		if text[0] != '"' {
			return in, fmt.Errorf("%q: expected a string", field)
		}
		return in, unmarshal(text, &in.text, "a string")
	case tokens != nil:
		in.ids, err = parseIDs(tokens)
		return in, err
	}
	return in, fmt.Errorf("no %q and no \"tokens\"", field)
}

func parseIDs(list []byte) ([]int32, error) {
	ids := []int32{}
	if list[0] != '[' || bytes.Contains(list, []byte("null")) {
		return nil, errors.New(`"tokens": expected a list of token ids`)
	}
	if err := unmarshal(list, &ids, "a token id"); err != nil {
		return nil, err
	}
	return ids, nil
}

// unmarshal reads data into dst, with messages about JSON in place of Go.
func unmarshal(data []byte, dst any, want string) error {
	err := json.Unmarshal(data, dst)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("%s: expected %s", mismatch.Value, want)
	}
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	return nil
}
