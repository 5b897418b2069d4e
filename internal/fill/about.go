package fill

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A describer says what of a model makes rows.
type describer struct {
	name        string
	fingerprint func(ctx context.Context) (string, error)
	prompt      func() (string, error)
}

// About returns what makes the rows of f, which have the layout.
func (f *Filler) About(ctx context.Context, l *rows.Layout) (*rows.About, error) {
	a := &rows.About{Model: f.describer.name, Dimensions: l.Dimensions}
	for _, format := range l.Formats {
		a.Encodings = append(a.Encodings, format.String())
	}
	var err error
	if a.Prompt, err = f.describer.prompt(); err != nil {
		return nil, err
	}
	a.Fingerprint, err = f.describer.fingerprint(ctx)
	return a, err
}
