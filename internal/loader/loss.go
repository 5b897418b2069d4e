package loader

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Loss is what a precision loses of built-in texts: 1 - the cosine of what is pooled of the
// hidden states of each to the same in float32. The zero Loss is of no texts.
type Loss struct {
	Texts int
	Mean  float64 // of plain texts
	Worst float64 // of all, hard ones too
}

// over returns how many times l is what Int8 may have.
func (l Loss) over() float64 { return max(l.Mean/lossMean, l.Worst/lossWorst) }

// Measures reports whether losses of e are measured: a large model takes minutes, and the head of a
// classifier, whose products are refined, has the answer of one.
func (e *Encoder) Measures() bool {
	return e.opens.Head != transformer.ClassificationHead && e.Transformer.Operations([]int{1}) <= lossLargest
}

// lossTexts is a text a line, none of which any weights are rounded for.
//
//go:embed loss.txt
var lossTexts string

// heldTexts returns texts that no weights are rounded for, the first of which are plain ones.
func heldTexts() (texts []string, plain int) {
	texts = strings.Split(strings.TrimSpace(lossTexts), "\n")
	plain = len(texts)
	return append(texts,
		strings.Repeat("hello ", 510), strings.Repeat("paper ", 60), "no no no no", strings.Repeat("\U0001F680", 200), strings.Repeat("31415 92653 ", 60),
		strings.Repeat("A small boat crossed the bay before the storm came in. ", 40), strings.Repeat("sun солнце 太陽 سورج सूरज ήλιος 태양 ดวงอาทิตย์ ", 5), strings.Repeat("ספר טוב مدينة قديمة ", 12),
		strings.Repeat("for i in range(10):\n    print(i * i)\n", 10), strings.Repeat("<a href='x'>y</a> ", 20), strings.Repeat("beef 0x1234abcd ", 20),
		strings.Repeat("... !!! ??? ", 30), strings.Repeat("o\u0308", 60), strings.Repeat("b", 120), "y", "!", "7",
	), plain
}

// Lost returns what of, a copy of the model of e, loses of texts that nothing was rounded for, up to the model's limit.
func (m *Model) Lost(ctx context.Context, e *Encoder, of *Model) (Loss, error) {
	i := slices.IndexFunc(of.Encoders(), func(o *Encoder) bool { return o.Transformer != nil && o.Base.Path == e.Base.Path })
	if i < 0 {
		return Loss{}, fmt.Errorf("%s: the copy has no such transformer", e.Base.Path)
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	texts, plain := heldTexts()
	return m.lost(ctx, team, e, of.Encoders()[i].Transformer, texts, roundWork, [2]int{0, plain})
}

// lost returns what t, of the weights of e, loses of as many of texts as take that work, of which those from plain[0] to plain[1] (exclusive)
// are plain ones.
func (m *Model) lost(ctx context.Context, team *parallel.Team, e *Encoder, t *transformer.Model, texts []string, work float64, plain [2]int) (Loss, error) {
	b, err := m.sample(e, texts, modelfolder.Lowest(roundMost, e.limit), work)
	if err != nil || len(b.IDs) == 0 {
		return Loss{}, err
	}
	config := e.opens
	config.Set, config.Outliers, config.Packed = m.Set, nil, nil
	exact, err := transformer.OpenExact(ctx, config)
	if err != nil {
		return Loss{}, err
	}
	want, got := tensor.NewMatrix(len(b.IDs), t.Hidden), tensor.NewMatrix(len(b.IDs), t.Hidden)
	if err := exact.Forward(ctx, team, want, b); err != nil {
		return Loss{}, err
	}
	if err := t.Forward(ctx, team, got, b); err != nil {
		return Loss{}, err
	}
	return m.loss(e, want, got, b.Starts, plain), nil
}
