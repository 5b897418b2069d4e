// Package rows reads inputs from files of texts, JSON lines, comma-separated
// values and Parquet, and writes what became of them.
package rows

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/parquet-go/parquet-go"

	"github.com/rhumb-go/rhumb/encoding"
)

// An Input is one text, a pair of texts or one list of token ids.
type Input struct {
	File string          // its source's name, "" for an argument
	Line int             // where it begins in its source, from 1: line, row or argument
	From int64           // the byte at which the Range begins from which Line counts, as of LinesBefore; 0 = the source's beginning
	ID   json.RawMessage // the caller's own id, a JSON value; nil if there is none
	Text string
	Pair *string // the second text of a pair; nil for a text alone
	IDs  []int32 // nil for a text or a pair
	Kept []Value // of the columns that are carried through

	Skipped int // blank lines of a text file that were passed over before it, or with io.EOF behind the last
}

// A Value is what an input has in a column that is carried through, in the form
// that was asked for.
type Value struct {
	Name    string
	JSON    json.RawMessage
	Parquet [][]parquet.Value // of each leaf of the column; nil is null
}

// A Source gives inputs one after another.
type Source interface {
	// Next returns the next input, or io.EOF after the last. With a *BadInput
	// the next call goes on behind it; after any other error there is no more.
	Next() (Input, error)
	// Columns returns the columns that are carried through, as far as they are
	// known before the inputs are read. It is called before Next, if at all.
	Columns() ([]Column, error)
	// Progress returns how much has been read and how much there is, in the
	// source's own unit; the total is -1 where it is not known.
	Progress() (done, total int64)
	// Position returns where the next input begins, so that a Reader can go on there;
	// false where it can only begin anew.
	Position() (Position, bool)
	// At says where an input is, for messages: "input.jsonl:3".
	At(line int) string
	Close() error
}

// A BadInput is an error of one input, in a source that can go on without it.
type BadInput struct {
	Input // what was read of it
	Err   error
}

func (b *BadInput) Error() string { return b.Err.Error() }

// Next returns the next input of s, or io.EOF after the last. A bad input is
// an error that says where it is.
func Next(s Source) (Input, error) {
	in, err := s.Next()
	if bad := (*BadInput)(nil); errors.As(err, &bad) {
		err = fmt.Errorf("%s: %w", s.At(bad.Line), bad.Err)
	}
	return in, err
}

// A Result is what became of one input, or of a chunk of its text: an embedding or an error.
type Result struct {
	Index int // of the input, from 0
	Input
	Embedding
	Err     error
	Chunks  []Chunk // of the text, in place of the Embedding; nil = there is one of the whole input
	Vectors []Token // of the input's tokens, in place of the Embedding's; nil = none
	Part    *Part   // where in the input's text Text is; nil = it is all of it
}

// A Chunk is a part of a text, and what became of it.
type Chunk struct {
	Start, End int // bytes
	Embedding
}

// A Token is one of a text with its vector, an embed.Token.
type Token struct {
	ID         int32
	Start, End int // bytes
	Float32    []float32
}

// A Part says where in a text a chunk is: of which number, from 0, and in bytes.
type Part struct{ Number, Start, End int }

// Rows returns the rows of r: itself, or one for each of its chunks. They are valid
// until the next.
func (r *Result) Rows() iter.Seq[*Result] {
	return func(yield func(*Result) bool) {
		if r.Chunks == nil {
			yield(r)
			return
		}
		part := Part{}
		row := *r
		row.Chunks, row.Part = nil, &part
		for i, c := range r.Chunks {
			part = Part{i, c.Start, c.End}
			row.Text, row.Embedding = r.Text[c.Start:c.End], c.Embedding
			if !yield(&row) {
				return
			}
		}
	}
}

// An Embedding is that of one input: an embed.Embedding, a sparse.Vector or a multivector.Embedding.
type Embedding struct {
	encoding.Vector
	Sparse    *Sparse           // in place of the Vector; nil = none
	Multi     []encoding.Vector // in place of the Vector, of the tokens that count
	Tokens    int               // read by the model
	Truncated int               // dropped
}

// Sparse are the weights of a vocabulary's entries that are not zero.
type Sparse struct {
	Indices []int32 // ascending
	Values  []float32
	Pieces  []string // what the entries are; nil where nobody asks
}

// location says where an input of a file is.
func location(name string, line int) string { return fmt.Sprintf("%s:%d", name, line) }
