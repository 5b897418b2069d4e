package loader

import (
	"context"
	_ "embed"
	"fmt"
	"math"
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

// Lost returns what of, a copy of the model of e, loses of texts that nothing was rounded for, up to the model's limit; where
// e was calibrated, which is of a copy in Int8, the worst is that of the texts of e.Loss, too.
func (m *Model) Lost(ctx context.Context, e *Encoder, of *Model) (Loss, error) {
	i := slices.IndexFunc(of.Encoders(), func(o *Encoder) bool { return o.Transformer != nil && o.Base.Path == e.Base.Path })
	if i < 0 {
		return Loss{}, fmt.Errorf("%s: the copy has no such transformer", e.Base.Path)
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	texts, plain := heldTexts()
	l, err := m.lost(ctx, team, e, of.Encoders()[i].Transformer, texts, roundWork, [2]int{0, plain})
	l.Texts, l.Worst = l.Texts+e.Loss.Texts, max(l.Worst, e.Loss.Worst)
	return l, err
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
	want := &pooled{m: m, e: e, batch: b, plain: plain}
	if err := exact.InParts(ctx, team, b, want.keep); err != nil {
		return Loss{}, err
	}
	return want.loss(ctx, team, t)
}

// A pooled is what is pooled of the hidden states of texts in float32.
type pooled struct {
	m     *Model
	e     *Encoder
	batch transformer.Batch
	plain [2]int      // the texts from and to (exclusive) that are plain ones
	sums  [][]float64 // of the rows of each vector, in the order of texts
}

// keep adds what is pooled of sequences from, from+1, … to (exclusive), a transformer.Part.
func (p *pooled) keep(from, to int, states tensor.Matrix) {
	for _, rows := range p.rows(from, to, states) {
		p.sums = append(p.sums, sumOf(make([]float64, states.Cols), rows.states))
	}
}

// loss returns what t loses of the texts.
func (p *pooled) loss(ctx context.Context, team *parallel.Team, t *transformer.Model) (Loss, error) {
	l := Loss{Texts: p.batch.Sequences()}
	var sum float64
	at, losses, got := 0, 0, make([]float64, t.Hidden)
	err := t.InParts(ctx, team, p.batch, func(from, to int, states tensor.Matrix) {
		for _, rows := range p.rows(from, to, states) {
			loss := max(1-cosine(p.sums[at], sumOf(got, rows.states)), 0)
			at++
			l.Worst = max(l.Worst, loss)
			if rows.text >= p.plain[0] && rows.text < p.plain[1] {
				sum += loss
				losses++
			}
		}
	})
	l.Mean = sum / float64(max(losses, 1))
	return l, err
}

// A pooledRows is the hidden states of a text that make a vector by their mean.
type pooledRows struct {
	text   int
	states tensor.Matrix
}

// rows returns those of texts from, from+1, … to (exclusive), whose hidden states these are.
func (p *pooled) rows(from, to int, states tensor.Matrix) (list []pooledRows) {
	first := p.batch.Starts[from]
	for i := from; i < to; i++ {
		for _, r := range p.m.pooled(p.e, p.batch.Starts[i]-first, p.batch.Starts[i+1]-first) {
			list = append(list, pooledRows{i, states.Slice(r[0], r[1])})
		}
	}
	return list
}

// sumOf returns the sum of the rows of a, in dst.
func sumOf(dst []float64, a tensor.Matrix) []float64 {
	clear(dst)
	for i := range a.Rows {
		for j, v := range a.Row(i) {
			dst[j] += float64(v)
		}
	}
	return dst
}

// cosine returns that of a and b; 1 where one is zero.
func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for j, x := range a {
		y := b[j]
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 1
	}
	return ab / math.Sqrt(aa*bb)
}
