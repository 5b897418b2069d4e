package command

import (
	"bufio"
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
	cmd.Flags().StringVarP(&f.file, "output", "o", "", "`FILE` to write, complete or not at all (default: standard output)")
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
		return &arrayWriter{w: buf, layout: l}, nil
	case "jsonl", "csv":
		return newRecordsWriter(buf, format, l)
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

// recordsWriter writes a record an input.
type recordsWriter struct {
	w       *bufio.Writer
	records *rows.Records
	record  []byte
}

func newRecordsWriter(w *bufio.Writer, format string, l *rows.Layout) (*recordsWriter, error) {
	records, err := rows.NewRecords(format, l, "")
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(records.Begin)
	return &recordsWriter{w: w, records: records}, err
}

func (w *recordsWriter) write(r *rows.Result) (err error) {
	if w.record, err = w.records.Append(w.record[:0], r); err != nil {
		return err
	}
	_, err = w.w.Write(w.record)
	return err
}

func (w *recordsWriter) flush() error { return w.w.Flush() }
func (w *recordsWriter) close() error { return w.w.Flush() }

// arrayWriter writes a JSON array of an object an input.
type arrayWriter struct {
	w      *bufio.Writer
	layout *rows.Layout
	n      int
	object []byte
}

func (a *arrayWriter) write(r *rows.Result) error {
	a.object = append(a.object[:0], "[,"[min(a.n, 1)], '\n')
	a.object = a.layout.AppendJSON(a.object, r)
	a.n++
	_, err := a.w.Write(a.object)
	return err
}

func (a *arrayWriter) flush() error { return a.w.Flush() }

func (a *arrayWriter) close() error {
	end := "\n]\n"
	if a.n == 0 {
		end = "[]\n"
	}
	if _, err := a.w.WriteString(end); err != nil {
		return err
	}
	return a.w.Flush()
}

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
