package command

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// tokenTable writes a line a token for people to read, with the beginning of its vector.
type tokenTable struct{ w *bufio.Writer }

func (t *tokenTable) write(r *rows.Result) error {
	b := fmt.Appendf(nil, "%d: %d tokens  %s\n", r.Index, len(r.Vectors), excerpt(r.Text, 60))
	if r.Err != nil {
		b = fmt.Appendf(nil, "%d: %s\n", r.Index, escaped(r.Err.Error()))
	}
	for _, v := range r.Vectors {
		b = fmt.Appendf(b, "%8d %6d %6d %s  %s\n", v.ID, v.Start, v.End,
			cells("%10.6f", v.Float32[:min(6, len(v.Float32))]), excerpt(r.Text[v.Start:v.End], 24))
	}
	_, err := t.w.Write(b)
	return err
}

func (t *tokenTable) flush() error { return t.w.Flush() }
func (t *tokenTable) close() error { return t.w.Flush() }

// sparseTable writes a line an input for people to read, with the largest weights of its
// sparse embedding.
type sparseTable struct{ w *bufio.Writer }

func (t *sparseTable) write(r *rows.Result) error {
	if r.Err != nil {
		_, err := fmt.Fprintf(t.w, "%5d %s\n", r.Index, escaped(r.Err.Error()))
		return err
	}
	s := r.Sparse
	order := make([]int, len(s.Indices))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Values[b], s.Values[a]) })
	b := fmt.Appendf(nil, "%5d %6d tokens %6d weights ", r.Index, r.Tokens, len(order))
	for _, i := range order[:min(6, len(order))] {
		name := fmt.Sprint(s.Indices[i])
		if s.Pieces != nil {
			name = excerpt(s.Pieces[i], 16)
		}
		b = fmt.Appendf(b, " %s %.3f", name, s.Values[i])
	}
	_, err := fmt.Fprintf(t.w, "%s  %s\n", b, excerpt(r.Text, 32))
	return err
}

func (t *sparseTable) flush() error { return t.w.Flush() }
func (t *sparseTable) close() error { return t.w.Flush() }

// multiTable writes a line an input for people to read, with the beginning of the first of
// its vectors.
type multiTable struct {
	w      *bufio.Writer
	format encoding.Format
}

func (t *multiTable) write(r *rows.Result) error {
	if r.Err != nil {
		_, err := fmt.Fprintf(t.w, "%5d %s\n", r.Index, escaped(r.Err.Error()))
		return err
	}
	first := ""
	if len(r.Multi) > 0 {
		first = shown(&r.Multi[0], t.format)
	}
	_, err := fmt.Fprintf(t.w, "%5d %6d tokens %6d vectors %s  %s\n", r.Index, r.Tokens, len(r.Multi), first, excerpt(r.Text, 32))
	return err
}

func (t *multiTable) flush() error { return t.w.Flush() }
func (t *multiTable) close() error { return t.w.Flush() }
