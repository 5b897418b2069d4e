package rows

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// textSource is a text a line. Lines of white space alone are passed over, unless
// blank says that they are inputs.
type textSource struct {
	*lineReader
	carry Carry
	blank bool
}

func (s *textSource) Columns() ([]Column, error) {
	if s.carry.some() {
		return nil, fmt.Errorf("%s: a text a line has no columns to keep or to drop", s.name)
	}
	return nil, nil
}

func (s *textSource) Next() (Input, error) {
	for skipped := 0; ; skipped++ {
		line, err := s.readLine()
		if bad := (*BadInput)(nil); errors.As(err, &bad) {
			bad.Skipped = skipped
		}
		if err != nil {
			return Input{Skipped: skipped}, err
		}
		if !s.blank && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		in := Input{File: s.name, Line: s.line, From: s.start, Skipped: skipped}
		if err := s.set.check(line); err != nil {
			return Input{}, &BadInput{in, err}
		}
		in.Text = string(line)
		return in, nil
	}
}

// jsonlSource is a JSON value a line: a string, a list of token ids or a pair, or an
// object. Lines of white space alone are passed over.
type jsonlSource struct {
	*lineReader
	field string
	id    string // the field that holds the id
	pairs bool   // a list of two strings is a pair
	carry Carry

	names   []string // of the fields to keep in Parquet's form, once their types are known
	objects int      // read
	absent  []string // columns to keep, and of ids, that none of them had
}

func newJSONLSource(l *lineReader, how Reader) *jsonlSource {
	s := &jsonlSource{lineReader: l, field: how.Field, id: cmp.Or(how.ID, "id"), pairs: how.Pairs, carry: how.Carry}
	if s.absent = slices.Clone(how.Carry.Keep); how.ID != "" {
		s.absent = append(s.absent, how.ID)
	}
	s.names = s.carry.fields()
	return s
}

// keptWithin is in how many objects each column to keep has to be there once.
const keptWithin = 1024

// maxFields is the most fields of objects, together, that become columns.
const maxFields = 1000

// Columns returns the columns to keep. In Parquet's form they have the types of Carry,
// or else those of the fields in all lines, which are read for that; in JSON's form, which
// others there are beside those to drop shows only in each line.
func (s *jsonlSource) Columns() (all []Column, err error) {
	if s.carry.Drop != nil && s.carry.Fixed {
		return nil, fmt.Errorf("%s: a table's columns must be known before the lines are read: name those to keep, in place of those to drop", s.name)
	}
	if s.carry.Form != Parquet {
		for _, name := range s.carry.Keep {
			all = append(all, Column{Name: name})
		}
		return all, s.carry.allFree(s.carry.Keep)
	}
	if err := s.carry.allFree(s.carry.Keep); err != nil {
		return nil, err
	}
	if s.carry.some() && s.carry.Types == nil {
		if s.carry.Types, err = s.findTypes(); err != nil {
			return nil, err
		}
		s.names = s.carry.fields()
	}
	return s.carry.FieldColumns(), s.carry.allFree(s.names)
}

// Types returns the types of the fields of jsonl that s keeps in Parquet's form, once it
// has told its Columns; nil for another source.
func Types(s Source) map[string]Type {
	if s, ok := s.(*jsonlSource); ok {
		return s.carry.Types
	}
	return nil
}

// findTypes returns the types of the fields to keep in all lines.
func (s *jsonlSource) findTypes() (map[string]Type, error) {
	types := map[string]Type{}
	for {
		line, err := s.readLine()
		if err := s.missing(err); err != nil {
			return nil, err
		}
		if bad := (*BadInput)(nil); errors.As(err, &bad) {
			continue
		}
		if err == io.EOF {
			return types, nil
		}
		if err != nil {
			return nil, err
		}
		for name, value := range s.seeLine(line) {
			if s.chosen(name) {
				types[name] = types[name].with(typeOf(value), value)
			}
		}
		if len(types) > maxFields {
			return nil, fmt.Errorf("%s: more than %d fields up to here, which would be columns; expected names of those to keep", s.At(s.line), maxFields)
		}
	}
}

// chosen reports whether a field of that name is carried through.
func (s *jsonlSource) chosen(name string) bool {
	if s.carry.Drop == nil {
		return slices.Contains(s.carry.Keep, name)
	}
	return name != s.id && !slices.Contains(s.carry.Drop, name)
}

// seeLine sees the object of a line, and returns its fields; nil where there is none.
func (s *jsonlSource) seeLine(line []byte) (fields map[string]json.RawMessage) {
	if line = bytes.TrimSpace(line); len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &fields) != nil {
		return nil
	}
	s.see(fields)
	return fields
}

// see counts an object, and which columns have shown.
func (s *jsonlSource) see(fields map[string]json.RawMessage) {
	s.objects++
	s.absent = slices.DeleteFunc(s.absent, func(name string) bool {
		return fields[name] != nil || name == s.id && member(fields, name) != nil
	})
}

// enter has s read a Range, from a position in it. Which columns there are the first lines
// of the file show.
func (s *jsonlSource) enter(r Range, at Position) error {
	for len(s.absent) > 0 && s.objects < keptWithin && s.offset() < max(r.From, at.Offset) {
		line, err := s.readLine()
		if bad := (*BadInput)(nil); errors.As(err, &bad) {
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		s.seeLine(line)
	}
	s.inside = false
	return s.lineReader.enter(r, at)
}

// missing returns an error of a column that no object had where there have been many, or
// where err is the end of the file.
func (s *jsonlSource) missing(err error) error {
	if len(s.absent) == 0 || s.objects < keptWithin && (err != io.EOF || s.objects == 0 || s.end > 0) {
		return nil
	}
	what := "to keep"
	if !slices.Contains(s.carry.Keep, s.absent[0]) {
		what = "of ids"
	}
	return fmt.Errorf("%s: no column %q %s in the first %d objects", s.name, s.absent[0], what, s.objects)
}

func (s *jsonlSource) Next() (Input, error) {
	for {
		line, err := s.readLine()
		if err := s.missing(err); err != nil {
			return Input{}, err
		}
		if err != nil {
			return Input{}, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		in, err := s.parse(line)
		in.File, in.Line, in.From = s.name, s.line, s.start
		if err != nil {
			return Input{}, &BadInput{in, err}
		}
		return in, nil
	}
}

// parse reads the value of a line. What was read of it is set with an error, too.
func (s *jsonlSource) parse(line []byte) (in Input, err error) {
	if err := s.set.check(line); err != nil {
		return in, err
	}
	switch line[0] {
	case '"':
		return in, unmarshal(line, &in.Text, "a string")
	case '[':
		if s.pairs && isTexts(line) {
			return in, in.parsePair(line)
		}
		in.IDs, err = parseIDs(line)
		return in, err
	case '{':
	default:
		return in, errors.New("expected a JSON string, a list of token ids or an object")
	}
	var fields map[string]json.RawMessage
	if err := unmarshal(line, &fields, "an object"); err != nil {
		return in, err
	}
	if id := member(fields, s.id); id != nil && string(id) != "null" {
		in.ID = id
	}
	s.see(fields)
	if in.Kept, err = s.keep(line, fields); err != nil {
		return in, err
	}
	text, tokens := member(fields, s.field), fields["tokens"]
	switch {
	case text != nil && tokens != nil && s.field != "tokens":
		return in, fmt.Errorf("%q and \"tokens\": expected one of them", s.field)
	case text != nil && s.pairs && isTexts(text):
		if err := in.parsePair(text); err != nil {
			return in, fmt.Errorf("%q: %w", s.field, err)
		}
		return in, nil
	case text != nil:
		if text[0] != '"' {
			return in, fmt.Errorf("%q: expected a string", s.field)
		}
		return in, unmarshal(text, &in.Text, "a string")
	case tokens != nil:
		in.IDs, err = parseIDs(tokens)
		return in, err
	}
	return in, fmt.Errorf("no %q and no \"tokens\"", s.field)
}

// member returns the field of that name or, where there is none, the one that the name
// leads to: behind a dot one of the object before it. nil = none.
func member(fields map[string]json.RawMessage, name string) json.RawMessage {
	if value, ok := fields[name]; ok {
		return value
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		var inner map[string]json.RawMessage
		if outer := fields[name[:i]]; len(outer) > 0 && outer[0] == '{' && json.Unmarshal(outer, &inner) == nil {
			if value := member(inner, name[i+1:]); value != nil {
				return value
			}
		}
	}
	return nil
}

// keep returns the fields of an object that are carried through, in the order of
// Columns or else of the line.
func (s *jsonlSource) keep(line []byte, fields map[string]json.RawMessage) (kept []Value, err error) {
	names := s.carry.Keep
	switch {
	case s.carry.Form == Parquet:
		names = s.names
		for name := range fields {
			if _, ok := s.carry.Types[name]; !ok && s.carry.Drop != nil && s.chosen(name) {
				return nil, fmt.Errorf("column %q: in no line when the columns were found; expected one of them", name)
			}
		}
	case s.carry.Drop != nil:
		if names, err = keys(line); err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !s.chosen(name) })
	}
	for _, name := range names {
		value, ok := fields[name]
		switch {
		case s.carry.Form == Parquet && !ok:
			kept = append(kept, Value{Name: name, Parquet: [][]parquet.Value{nil}})
		case s.carry.Form == Parquet:
			values, err := s.carry.Types[name].values(value)
			if err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
			kept = append(kept, Value{Name: name, Parquet: [][]parquet.Value{values}})
		case ok:
			if err := s.carry.free(name); err != nil {
				return nil, err
			}
			kept = append(kept, Value{Name: name, JSON: value})
		}
	}
	return kept, nil
}

// keys returns the names of the fields of an object, in their order, each once.
func keys(object []byte) (names []string, err error) {
	members, err := strictjson.Members(object)
	seen := map[string]bool{}
	for _, m := range members {
		if !seen[m.Key] {
			seen[m.Key] = true
			names = append(names, m.Key)
		}
	}
	return names, err
}

// isTexts reports whether a JSON value is a list that begins with a string.
func isTexts(value []byte) bool {
	return value[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(value[1:], " \t\r\n"), []byte(`"`))
}

// parsePair reads a list of two strings.
func (in *Input) parsePair(list []byte) error {
	var texts []*string
	if err := unmarshal(list, &texts, "a string"); err != nil {
		return err
	}
	if len(texts) != 2 || texts[1] == nil {
		return fmt.Errorf("a list of %d, expected two strings, a pair of texts", len(texts))
	}
	in.Text, in.Pair = *texts[0], texts[1]
	return nil
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
