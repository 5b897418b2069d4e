package rows

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"

	"github.com/rhumb-go/rhumb/encoding"
)

// csvRecords makes comma-separated values as in RFC 4180, but with LF at the end of a line,
// under a header row: index, id, chunk, start and end of chunks, the columns that are carried
// through, those of the embedding, scale, tokens, truncated, and error, where results may be
// errors. An embedding is a JSON list, or base64's string; what there is not is empty.
func csvRecords(l *Layout, _ string) (*Records, error) {
	var line appender
	w := csv.NewWriter(&line)
	write := func(fields []string) ([]byte, error) {
		line = line[:0]
		err := w.Write(fields)
		w.Flush()
		return line, err
	}
	fields := []string{"index", "id"}
	if l.Chunks {
		fields = append(fields, ChunkColumns...)
	}
	for _, c := range l.Kept {
		fields = append(fields, c.Name)
	}
	fields = append(fields, l.Columns()...)
	if l.Scale {
		fields = append(fields, "scale")
	}
	fields = append(fields, "tokens", "truncated")
	if l.Errors {
		fields = append(fields, "error")
	}
	header, err := write(fields)
	records := &Records{Begin: string(header), Errors: l.Errors}
	records.Append = func(b []byte, r *Result) ([]byte, error) {
		kept, err := l.keptTexts(r)
		if err != nil {
			return b, err
		}
		fields = append(fields[:0], strconv.Itoa(r.Index), Plain(r.ID))
		switch p := r.Part; {
		case p != nil:
			fields = append(fields, strconv.Itoa(p.Number), strconv.Itoa(p.Start), strconv.Itoa(p.End))
		case l.Chunks: // an error, of a whole text
			fields = append(fields, "", "", "")
		}
		for _, text := range kept {
			if text == nil {
				text = new(string)
			}
			fields = append(fields, *text)
		}
		fields = l.appendEmbedding(fields, r)
		rest := []string{strconv.FormatFloat(float64(r.Scale), 'g', -1, 32), strconv.Itoa(r.Tokens), strconv.Itoa(r.Truncated), ""}
		if r.Err != nil {
			rest = []string{"", "", "", r.Err.Error()}
		}
		if !l.Scale {
			rest = rest[1:]
		}
		if !l.Errors {
			rest = rest[:len(rest)-1]
		}
		record, err := write(append(fields, rest...))
		return append(b, record...), err
	}
	return records, err
}

// appendEmbedding appends the columns of an embedding as texts.
func (l *Layout) appendEmbedding(fields []string, r *Result) []string {
	switch {
	case l.Sparse && r.Sparse == nil: // an error
		return append(fields, "", "")
	case l.Sparse:
		return append(fields, string(AppendIntegers(nil, r.Sparse.Indices)), string(appendFloats(nil, r.Sparse.Values)))
	}
	for i, f := range l.Formats {
		text := r.Base64
		if f != encoding.Base64 && r.Err == nil {
			text = string(r.Vector.AppendJSON(nil, l.Formats[i:i+1]))
		}
		fields = append(fields, text)
	}
	return fields
}

// keptTexts returns the columns that are carried through as texts, nil for null, as l has them.
func (l *Layout) keptTexts(r *Result) ([]*string, error) {
	all := make([]*string, len(l.Kept))
	for _, v := range r.Kept {
		i := slices.IndexFunc(l.Kept, func(c Column) bool { return c.Name == v.Name })
		if i < 0 {
			return nil, fmt.Errorf("column %q is not among those of the first input: %q", v.Name, columnNames(l.Kept))
		}
		if string(v.JSON) != "null" {
			text := Plain(v.JSON)
			all[i] = &text
		}
	}
	return all, nil
}

func columnNames(columns []Column) (names []string) {
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return names
}
