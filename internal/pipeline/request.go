package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// A Way is what ids go through to become rows. Those of two Ways are never in
// one pass, so that a model has one for each of its ways and keeps it.
type Way struct {
	Encoder Encoder
	Head    Head
}

// reads returns the head where it makes its rows of one hidden state of each item, nil
// where it does not.
func (w *Way) reads() reading {
	if r, ok := w.Head.(reading); ok && r.readsOne() {
		return r
	}
	return nil
}

// Operations returns the floating-point operations of the matrix products of the encoder
// for inputs of so many tokens.
func (w *Way) Operations(lengths []int) float64 {
	if t, ok := w.Encoder.(Transformer); ok && w.reads() != nil {
		return t.Model.ReadOperations(lengths)
	}
	return w.Encoder.Operations(lengths)
}

// A Request says how the inputs of a call are run. Those of several calls go
// together where Way, Layers and Task are the same.
type Request struct {
	Way    *Way
	Layers int // transformer blocks to run, the first ones; 0 = all
	Task   int // as transformer.Batch.Task
	Skip   int // leading tokens of each input that pooling leaves out
}

// sameWay reports whether inputs of r and of o may go together.
func (r *Request) sameWay(o *Request) bool {
	return r.Way == o.Way && r.Layers == o.Layers && r.Task == o.Task
}

// Tokens are those of an input, or of several end to end.
type Tokens struct {
	IDs   []int32
	Types []int32 // as transformer.Batch.Types, one for each id; none = all 0

	// Groups are the tokens of each row that Grouped makes of the input that was appended
	// last: their indices in it, ascending, one at least, or nil for the whole input.
	Groups [][]int32

	// Seen is how many tokens of the input that was appended last are seen by others, its
	// first ones; 0 = all. It is for transformers that hide tokens.
	Seen int
}

// A Call is what one caller asks for: inputs, and what takes the rows that they
// become. Its methods are called in their order here, or not at all once
// something went wrong.
type Call interface {
	Inputs
	Sink
}

// Inputs are those of one call.
type Inputs interface {
	// Count returns the number of inputs.
	Count() int
	// Check checks the call, while its model is open.
	Check() (Request, error)
	// Size returns about how many tokens the inputs have, without making them,
	// and how many bytes of text are to be tokenized for that, 0 for token ids. A
	// Queue alone asks.
	Size() (tokens, bytes int)
	// Begin is told that the call was accepted, and the context in which Append
	// works: that ends with the caller's, or before.
	Begin(ctx context.Context)
	// Append appends the tokens of input i to dst, at the same time as those of
	// others. ErrTaken says that the input's rows were known and are taken, so that it
	// is not run; any other error is a fault of that input.
	Append(dst Tokens, i int) (Tokens, error)
}

// ErrTaken is what Append returns for an input that is not to be run.
var ErrTaken = errors.New("the rows of the input are taken")

// A Sink takes what the inputs of a call became.
type Sink interface {
	// Take takes the rows of input i, at the same time as those of others. It may
	// write to rows, which are lost when it returns. An error is a fault of that
	// input. After Queue.Run returned the error of a context or ErrClosed, Take may
	// still be called.
	Take(i int, rows tensor.Matrix) error
}

// Faults are what is wrong with inputs, by index. As an error they are that of
// the first input that has one.
type Faults map[int]error

// First returns the first input at fault and what is wrong with it. There is one. Of
// several, errors.As finds the Faults in the error, so that who is told of the first can
// leave out all.
func (f Faults) First() (int, error) {
	i := slices.Min(slices.Collect(maps.Keys(f)))
	if len(f) > 1 {
		return i, &firstFault{f[i], f}
	}
	return i, f[i]
}

// A firstFault is one of several.
type firstFault struct {
	error
	all Faults
}

func (f *firstFault) Unwrap() error { return f.error }

// As gives the Faults that the fault is one of.
func (f *firstFault) As(target any) bool {
	all, ok := target.(*Faults)
	if ok {
		*all = f.all
	}
	return ok
}

// Error returns a message such as "input 3: 612 tokens, model reads 512".
func (f Faults) Error() string {
	i, err := f.First()
	return fmt.Sprintf("input %d: %v", i, err)
}
