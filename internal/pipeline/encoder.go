package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Batch is the items that an Encoder runs at once: a sequence each, end to end.
type Batch struct {
	transformer.Batch
	Skip   []int       // of each sequence: leading tokens that pooling leaves out
	Groups [][][]int32 // of each sequence: Tokens.Groups
}

// An Encoder makes hidden states of ids. It is read-only.
type Encoder interface {
	// Forward returns the hidden states of b, a row each: of the tokens, or where
	// the encoder pools by itself of the sequences. They lie in s.
	Forward(ctx context.Context, team *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error)
	// Check returns why the tokens of a sequence cannot be run, nil where they can.
	Check(sequence Tokens) error
	// Operations returns the floating-point operations of the matrix products of
	// a Forward over sequences of so many tokens.
	Operations(lengths []int) float64
	Family() string  // of its architecture: config.json's model_type
	Width() int      // components of a hidden state
	Vocabulary() int // token ids are 0 to Vocabulary-1
	Layers() int     // transformer blocks
	Tasks() []string // the names of adapters, in the order of Request.Task, which counts from 1
}

// A Transformer has hidden states of tokens.
type Transformer struct{ Model *transformer.Model }

// Forward is that of Encoder.
func (t Transformer) Forward(ctx context.Context, team *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error) {
	hidden := asMatrix(grow(&s.hidden, len(b.IDs)*t.Width()), len(b.IDs), t.Width())
	return hidden, t.Model.Forward(ctx, team, hidden, b.Batch)
}

// Check is that of Encoder.
func (t Transformer) Check(sequence Tokens) error {
	if len(sequence.IDs) == 0 {
		return errors.New("no tokens, expected at least one")
	}
	if n := t.Model.Types(); n > 1 {
		for _, typ := range sequence.Types {
			if typ < 0 || int(typ) >= n {
				return fmt.Errorf("token type %d, expected 0 to %d", typ, n-1)
			}
		}
	}
	if n := sequence.Seen; n > 0 && (n > len(sequence.IDs) || !t.Model.HidesTokens()) {
		return fmt.Errorf("%d of %d tokens are seen, which this model does not do", n, len(sequence.IDs))
	}
	if end := t.Model.End; end != nil && !slices.Contains(sequence.IDs, *end) {
		return fmt.Errorf("no token id %d, which ends a text", *end)
	}
	for _, id := range t.Model.Placeholders {
		if slices.Contains(sequence.IDs, id) {
			return fmt.Errorf("token id %d, which stands for an image, a sound or a video: expected those of a text alone", id)
		}
	}
	return checkRange(sequence.IDs, t.Vocabulary())
}

// ended returns those of ids that come no later than the first one that ends a text, where the
// model has such a token. No other sees those behind it.
func (t Transformer) ended(ids []int32) []int32 {
	if end := t.Model.End; end != nil {
		return ids[:slices.Index(ids, *end)+1]
	}
	return ids
}

// checkRange checks that ids are those of a vocabulary of n tokens.
func checkRange(ids []int32, n int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= n {
			return fmt.Errorf("token id %d, expected 0 to %d: ids must come from this model's tokenizer", id, n-1)
		}
	}
	return nil
}

// Operations is that of Encoder.
func (t Transformer) Operations(lengths []int) float64 { return t.Model.Operations(lengths) }

// Family is that of Encoder.
func (t Transformer) Family() string { return t.Model.Family }

// Width is that of Encoder.
func (t Transformer) Width() int { return t.Model.Hidden }

// Vocabulary is that of Encoder.
func (t Transformer) Vocabulary() int { return t.Model.Embeddings.Tokens.Rows }

// Layers is that of Encoder.
func (t Transformer) Layers() int { return len(t.Model.Layers) }

// Tasks is that of Encoder.
func (t Transformer) Tasks() (names []string) {
	for i := range t.Model.Tasks {
		names = append(names, t.Model.Tasks[i].Name)
	}
	return names
}
