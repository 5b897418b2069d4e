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
	"github.com/spf13/cobra"
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

// newWriter returns a writer to t of embeddings of that many dimensions.
// withErrors says that results may be errors.
func newWriter(t *target, format string, dimensions int, withErrors bool) (writer, error) {
	buf := bufio.NewWriterSize(t, 64<<10)
	switch format {
	case "json":
		return &jsonWriter{w: buf, array: true}, nil
	case "jsonl":
		return &jsonWriter{w: buf}, nil
	case "csv":
		c := &csvWriter{w: csv.NewWriter(t)}
		header := []string{"index", "id", "embedding", "tokens", "truncated"}
		if withErrors {
			header = append(header, "error")
		}
		c.row = make([]string, len(header))
		return c, c.w.Write(header)
	case "table":
		return &tableWriter{w: buf}, nil
	case "parquet":
		return newParquetWriter(t, dimensions), nil
	case "npy":
		if file, ok := t.Writer.(io.WriteSeeker); ok {
			return newNPYWriter(file, dimensions)
		}
	}
	panic("rhumb: no writer for " + format)
}

// jsonWriter writes an object an input: one a line, or all in one array.
type jsonWriter struct {
	w     *bufio.Writer
	array bool
	n     int
	line  []byte
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
		b = encoding.AppendJSON(b, r.Float32)
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

// csvWriter writes a row an input; the embedding is one column, a JSON list.
type csvWriter struct {
	w    *csv.Writer
	row  []string
	list []byte
}

func (c *csvWriter) write(r *result) error {
	clear(c.row)
	c.row[0] = strconv.Itoa(r.index)
	c.row[1] = plain(r.in.id)
	if r.err != nil {
		c.row[5] = r.err.Error()
	} else {
		c.list = encoding.AppendJSON(c.list[:0], r.Float32)
		c.row[2] = string(c.list)
		c.row[3] = strconv.Itoa(r.Tokens)
		c.row[4] = strconv.Itoa(r.Truncated)
	}
	return c.w.Write(c.row)
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

// tableWriter writes a line an input for people to read.
type tableWriter struct {
	w      *bufio.Writer
	headed bool
}

func (t *tableWriter) write(r *result) error {
	const shown = 6 // components
	if !t.headed && r.err == nil {
		t.headed = true
		fmt.Fprintf(t.w, "%5s %6s %7s  %-*s text\n", "index", "tokens", "norm",
			10*min(shown, len(r.Float32)), fmt.Sprintf("embedding, %d dimensions", len(r.Float32)))
	}
	if r.err != nil {
		_, err := fmt.Fprintf(t.w, "%5d %v\n", r.index, r.err)
		return err
	}
	sum := 0.0
	for _, v := range r.Float32 {
		sum += float64(v) * float64(v)
	}
	fmt.Fprintf(t.w, "%5d %6d %7.4f ", r.index, r.Tokens, math.Sqrt(sum))
	for _, v := range r.Float32[:min(shown, len(r.Float32))] {
		fmt.Fprintf(t.w, " %9.6f", v)
	}
	_, err := fmt.Fprintf(t.w, "  %s\n", excerpt(r.in.text, 32))
	return err
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
