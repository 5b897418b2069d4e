package embed

import (
	"context"
	"os"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
)

// A Loss is what a precision loses of some built-in texts, plain and hard ones: 1 - the cosine of each vector to that in
// Float32, before the modules behind the pooling. The zero Loss is of no texts.
type Loss struct {
	Texts int
	Mean  float64 // of plain texts
	Worst float64 // of all, one word over and over to the model's limit among them
}

// Over reports whether l is more than precision p should lose: 5e-4 in the mean or 2e-3 of a text in Int8, 1e-2 or 3e-2
// in Int4. Of other precisions it is false.
func (l Loss) Over(p Precision) bool {
	mean, worst := p.MostLoss()
	return worst > 0 && (l.Mean > mean || l.Worst > worst)
}

// MostLoss returns what p should lose at the most, in the mean of texts and of one, see Loss.Over; zero for a precision that is not Int8 or Int4.
func (p Precision) MostLoss() (mean, worst float64) {
	switch p {
	case Int8:
		return 5e-4, 2e-3
	case Int4:
		return 1e-2, 3e-2
	}
	return 0, 0
}

// measure loads the copy, and sets q.loss to what all its transformers lose.
func (q *quantizer) measure(ctx context.Context, cfg loader.Config) error {
	var copied *loader.Model
	for _, e := range q.model.Encoders() {
		if e.Transformer == nil || !e.Measures() {
			continue
		}
		if copied == nil {
			var err error
			if copied, err = loader.Open(ctx, os.DirFS(q.out), q.out, cfg, modelfolder.ReadAny); err != nil {
				return err
			}
			defer copied.Close() //nolint:errcheck // nothing was written
		}
		l, err := q.model.Lost(ctx, e, copied)
		if err != nil {
			return err
		}
		if all := q.loss.Texts + l.Texts; all > 0 {
			q.loss.Mean = (q.loss.Mean*float64(q.loss.Texts) + l.Mean*float64(l.Texts)) / float64(all)
			q.loss.Worst, q.loss.Texts = max(q.loss.Worst, l.Worst), all
		}
	}
	return nil
}
