package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/spf13/cobra"
	"github.com/x448/float16"
)

// A result is what became of one input: an embedding or an error.
type result struct {
	index int // of the input, from 0
	in    input
	embed.Embedding
	err error
}

// A writer writes results in one format, in the order they come.
type writer interface {
	write(r *result) error
	// flush hands on what a reader can use already.
	flush() error
	// close writes what is left; it does not close what the writer writes to.
	close() error
}

// outputFlags are the flags that say where results go.
type outputFlags struct {
	file   string
	format *choice
}

func (f *outputFlags) add(cmd *cobra.Command, formats ...string) {
	cmd.Flags().StringVar(&f.file, "output", "", "`FILE` to write, complete or not at all (default: standard output)")
	f.format = addChoice(cmd, "output-format",
		"format of the output; auto goes by the file's name, standard output is table on a terminal and jsonl elsewhere",
		append([]string{"auto"}, formats...)...)
}

// resolve returns the format that the flags ask for.
func (f *outputFlags) resolve(stdout io.Writer) (string, error) {
	format := f.format.value
	toStdout := f.file == "" || f.file == "-"
	if format == "auto" {
		switch ext := strings.ToLower(filepath.Ext(f.file)); {
		case toStdout && isTerminal(stdout):
			format = "table"
		case toStdout || ext == ".ndjson":
			format = "jsonl"
		default:
			if ext == "" || f.format.Set(ext[1:]) != nil {
				return "", usagef("%s: the name does not tell the format: give --output-format", f.file)
			}
			format = ext[1:]
		}
	}
	if toStdout && isTerminal(stdout) && (format == "npy" || format == "parquet") {
		return "", usagef("%s is not for a terminal: give --output", format)
	}
	return format, nil
}

// newWriter returns a writer to t of results of that layout, which has been
// checked against the format.
func newWriter(t *target, format string, l *layout) (writer, error) {
	buf := bufio.NewWriterSize(t, 64<<10)
	switch format {
	case "json":
		return &jsonWriter{w: buf, layout: l, array: true}, nil
	case "jsonl":
		return &jsonWriter{w: buf, layout: l}, nil
	case "csv":
		return newCSVWriter(t, l)
	case "table":
		return &tableWriter{w: buf, layout: l}, nil
	case "parquet":
		return newParquetWriter(t, l), nil
	case "npy":
		if file, ok := t.Writer.(io.WriteSeeker); ok {
			return newNPYWriter(file, l)
		}
	}
	panic("rhumb: no writer for " + format)
}

// jsonWriter writes an object an input: one a line, or all in one array.
type jsonWriter struct {
	w      *bufio.Writer
	layout *layout
	array  bool
	n      int
	line   []byte
}

func (j *jsonWriter) write(r *result) error {
	b := j.line[:0]
	if j.array {
		b = append(b, "[,"[min(j.n, 1)], '\n')
	}
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(r.index), 10)
	if r.in.id != nil {
		b = append(b, `,"id":`...)
		b = append(b, r.in.id...)
	}
	if r.err != nil {
		b = append(b, `,"error":`...)
		b = append(b, quote(r.err.Error())...)
	} else {
		b = append(b, `,"embedding":`...)
		b = r.AppendJSON(b, j.layout.formats)
		if j.layout.scale {
			b = append(b, `,"scale":`...)
			b = strconv.AppendFloat(b, float64(r.Scale), 'g', -1, 32)
		}
		b = append(b, `,"tokens":`...)
		b = strconv.AppendInt(b, int64(r.Tokens), 10)
		if r.Truncated > 0 {
			b = append(b, `,"truncated":`...)
			b = strconv.AppendInt(b, int64(r.Truncated), 10)
		}
	}
	b = append(b, '}')
	if !j.array {
		b = append(b, '\n')
	}
	j.n++
	j.line = b
	_, err := j.w.Write(b)
	return err
}

func (j *jsonWriter) flush() error { return j.w.Flush() }

func (j *jsonWriter) close() error {
	end := ""
	if j.array {
		end = "\n]\n"
		if j.n == 0 {
			end = "[]\n"
		}
	}
	if _, err := j.w.WriteString(end); err != nil {
		return err
	}
	return j.w.Flush()
}

// csvWriter writes a row an input; each format is one column, a JSON list or
// base64's string.
type csvWriter struct {
	w      *csv.Writer
	layout *layout
	row    []string
	list   []byte
}

func newCSVWriter(w io.Writer, l *layout) (*csvWriter, error) {
	c := &csvWriter{w: csv.NewWriter(w), layout: l}
	header := append([]string{"index", "id"}, l.columns()...)
	if l.scale {
		header = append(header, "scale")
	}
	header = append(header, "tokens", "truncated")
	if l.errors {
		header = append(header, "error")
	}
	return c, c.w.Write(header)
}

func (c *csvWriter) write(r *result) error {
	c.row = append(c.row[:0], strconv.Itoa(r.index), plain(r.in.id))
	for i, f := range c.layout.formats {
		list := r.Base64
		if f != encoding.Base64 && r.err == nil {
			c.list = r.AppendJSON(c.list[:0], c.layout.formats[i:i+1])
			list = string(c.list)
		}
		c.row = append(c.row, list)
	}
	rest := []string{strconv.FormatFloat(float64(r.Scale), 'g', -1, 32), strconv.Itoa(r.Tokens), strconv.Itoa(r.Truncated), ""}
	if r.err != nil {
		rest = []string{"", "", "", r.err.Error()}
	}
	if !c.layout.scale {
		rest = rest[1:]
	}
	if !c.layout.errors {
		rest = rest[:len(rest)-1]
	}
	return c.w.Write(append(c.row, rest...))
}

func (c *csvWriter) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) close() error { return c.flush() }

// plain returns an id as text: a JSON string's content, any other value as it is.
func plain(id json.RawMessage) string {
	var s string
	if json.Unmarshal(id, &s) == nil {
		return s
	}
	return string(id)
}

// tableWriter writes a line an input for people to read, with the beginning of the
// first format.
type tableWriter struct {
	w      *bufio.Writer
	layout *layout
	width  int // characters of the embedding's column; 0 before the header
}

func (t *tableWriter) write(r *result) error {
	if r.err != nil {
		_, err := fmt.Fprintf(t.w, "%5d %v\n", r.index, r.err)
		return err
	}
	beginning := shown(&r.Vector, t.layout.formats[0])
	if t.width == 0 {
		name := fmt.Sprintf("embedding, %d dimensions", t.layout.dimensions)
		if f := t.layout.formats[0]; f != encoding.Float {
			name += ", " + f.String()
		}
		t.width = max(utf8.RuneCountInString(beginning), len(name)+1)
		fmt.Fprintf(t.w, "%5s %6s %7s  %-*s text\n", "index", "tokens", "norm", t.width, name)
	}
	norm := "-"
	if r.Float32 != nil {
		norm = strconv.FormatFloat(math.Sqrt(dot(r.Float32, r.Float32)), 'f', 4, 64)
	}
	_, err := fmt.Fprintf(t.w, "%5d %6d %7s %-*s  %s\n", r.index, r.Tokens, norm, t.width, beginning, excerpt(r.in.text, 32))
	return err
}

// shown returns the beginning of v in a format.
func shown(v *encoding.Vector, f encoding.Format) string {
	const most = 6 // components
	switch e := elements(v, f).(type) {
	case []float32:
		return cells("%10.6f", e[:min(most, len(e))])
	case []float16.Float16:
		return cells("%10.6f", quant.FromFloat16(nil, e[:min(most, len(e))]))
	case []int8:
		return cells("%10d", e[:min(most, len(e))])
	case []uint8:
		return cells("%10d", e[:min(most, len(e))])
	}
	return " " + excerpt(v.Base64, 10*most-1)
}

// cells returns the elements of v, each in that form.
func cells[E any](form string, v []E) string {
	var b strings.Builder
	for _, x := range v {
		fmt.Fprintf(&b, form, x)
	}
	return b.String()
}

func (t *tableWriter) flush() error { return t.w.Flush() }
func (t *tableWriter) close() error { return t.w.Flush() }

// excerpt returns the beginning of s, at most n characters in one line.
func excerpt(s string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s[:min(len(s), utf8.UTFMax*(n+1))])
	if utf8.RuneCountInString(clean) <= n {
		return clean
	}
	return string([]rune(clean)[:n-1]) + "…"
}
