package command

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/spf13/cobra"
	"github.com/x448/float16"
)

// A writer writes results in one format, in the order they come.
type writer interface {
	write(r *rows.Result) error
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
func newWriter(t *target, format string, l *rows.Layout) (writer, error) {
	buf := bufio.NewWriterSize(t, 64<<10)
	switch format {
	case "json":
		return &jsonWriter{w: buf, layout: l, array: true}, nil
	case "jsonl":
		return &jsonWriter{w: buf, layout: l}, nil
	case "csv":
		return newCSVWriter(t, l)
	case "table":
		switch {
		case l.Tokens:
			return &tokenTable{buf}, nil
		case l.Sparse:
			return &sparseTable{buf}, nil
		case l.Multi:
			return &multiTable{buf, l.Formats[0]}, nil
		}
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
	layout *rows.Layout
	array  bool
	n      int
	line   []byte
}

func (j *jsonWriter) write(r *rows.Result) error {
	b := j.line[:0]
	if j.array {
		b = append(b, "[,"[min(j.n, 1)], '\n')
	}
	b = j.layout.AppendJSON(b, r)
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
	layout *rows.Layout
	row    []string
	list   []byte
}

func newCSVWriter(w io.Writer, l *rows.Layout) (*csvWriter, error) {
	c := &csvWriter{w: csv.NewWriter(w), layout: l}
	header := []string{"index", "id"}
	if l.Chunks {
		header = append(header, rows.ChunkColumns...)
	}
	header = append(header, l.Columns()...)
	if l.Scale {
		header = append(header, "scale")
	}
	header = append(header, "tokens", "truncated")
	if l.Errors {
		header = append(header, "error")
	}
	return c, c.w.Write(header)
}

func (c *csvWriter) write(r *rows.Result) error {
	c.row = append(c.row[:0], strconv.Itoa(r.Index), rows.Plain(r.ID))
	switch p := r.Part; {
	case p != nil:
		c.row = append(c.row, strconv.Itoa(p.Number), strconv.Itoa(p.Start), strconv.Itoa(p.End))
	case c.layout.Chunks: // of an error
		c.row = append(c.row, "", "", "")
	}
	if c.layout.Sparse {
		var indices, values []byte
		if s := r.Sparse; s != nil {
			vector := encoding.Vector{Float32: s.Values}
			indices, values = rows.AppendIntegers(nil, s.Indices), vector.AppendJSON(nil, c.layout.Formats)
		}
		c.row = append(c.row, string(indices), string(values))
	}
	for i, f := range c.layout.Formats {
		if c.layout.Sparse {
			break
		}
		list := r.Base64
		if f != encoding.Base64 && r.Err == nil {
			c.list = r.AppendJSON(c.list[:0], c.layout.Formats[i:i+1])
			list = string(c.list)
		}
		c.row = append(c.row, list)
	}
	rest := []string{strconv.FormatFloat(float64(r.Scale), 'g', -1, 32), strconv.Itoa(r.Tokens), strconv.Itoa(r.Truncated), ""}
	if r.Err != nil {
		rest = []string{"", "", "", r.Err.Error()}
	}
	if !c.layout.Scale {
		rest = rest[1:]
	}
	if !c.layout.Errors {
		rest = rest[:len(rest)-1]
	}
	return c.w.Write(append(c.row, rest...))
}

func (c *csvWriter) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) close() error { return c.flush() }

// tableWriter writes a line an input for people to read, with the beginning of the
// first format.
type tableWriter struct {
	w      *bufio.Writer
	layout *rows.Layout
	width  int // characters of the embedding's column; 0 before the header
}

func (t *tableWriter) write(r *rows.Result) error {
	if r.Err != nil {
		_, err := fmt.Fprintf(t.w, "%5d %s\n", r.Index, escaped(r.Err.Error()))
		return err
	}
	beginning := shown(&r.Vector, t.layout.Formats[0])
	if t.width == 0 {
		name := fmt.Sprintf("embedding, %d dimensions", t.layout.Dimensions)
		if f := t.layout.Formats[0]; f != encoding.Float {
			name += ", " + f.String()
		}
		t.width = max(utf8.RuneCountInString(beginning), len(name)+1)
		fmt.Fprintf(t.w, "%5s %6s %7s  %-*s text\n", "index", "tokens", "norm", t.width, name)
	}
	norm := "-"
	if r.Float32 != nil {
		norm = strconv.FormatFloat(math.Sqrt(dot(r.Float32, r.Float32)), 'f', 4, 64)
	}
	_, err := fmt.Fprintf(t.w, "%5d %6d %7s %-*s  %s\n", r.Index, r.Tokens, norm, t.width, beginning, excerpt(r.Text, 32))
	return err
}

// shown returns the beginning of v in a format.
func shown(v *encoding.Vector, f encoding.Format) string {
	const most = 6 // components
	switch e := rows.Elements(v, f).(type) {
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
