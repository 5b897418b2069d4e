package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
)

// A Reference is what another engine made of texts.
type Reference struct {
	Vectors [][]float32   // of each text, all of one length
	IDs     [][]int32     // that it read of each text, special tokens included; nil = not known
	Hidden  [][][]float32 // the last hidden states of each text, a row a token; nil = not known
}

// A Stage is one step on the way from a text to its vector, and whether both do the same there.
type Stage struct {
	Name  string `json:"name"` // "ids", "hidden states", "direction", "length"
	Equal bool   `json:"equal"`
	Found string `json:"found"` // in words
}

// A Comparison says how far a model is from a reference, and what makes the difference.
type Comparison struct {
	Texts       int     `json:"texts"`
	Dimensions  int     `json:"dimensions"` // of the reference's vectors
	Equal       bool    `json:"equal"`      // in all stages
	Difference  float64 `json:"difference"` // |a - b| of the two vectors at unit length, of the text where it is largest
	Text        int     `json:"text"`       // that text
	Tolerance   float64 `json:"tolerance"`
	Stages      []Stage `json:"stages"`
	Explanation string  `json:"explanation,omitempty"` // what the reference did otherwise; "" = nothing, or it is not known
	Remaining   float64 `json:"remaining,omitempty"`   // the difference where the model is made to do the same
}

// fewTexts are so many as the ways to explain a difference are tried on.
const fewTexts = 16

// A comparer has what Compare asks its model.
type comparer struct {
	m         *embed.Model
	texts     []string
	ref       *Reference
	opts      embed.Options // of the request; MaxTokens is the folder's limit
	base      string        // its prompt
	reading   embed.Reading
	tolerance float64
	tokens    map[input]*embed.TokenResult // of the few texts
	few       []int
}

// Compare holds what m makes of texts with opts against ref. Two vectors are equal where the difference of the two at
// unit length is at most tolerance. The limit of tokens is opts.MaxTokens; m may read longer texts, to find that the reference did.
// That ref has not a row for each text, or dimensions that m has not, is an error.
func Compare(ctx context.Context, m *embed.Model, texts []string, ref *Reference, opts embed.Options, tolerance float64) (*Comparison, error) {
	if err := ref.check(len(texts)); err != nil {
		return nil, err
	}
	dimensions := len(ref.Vectors[0])
	if most := m.Info().Dimensions; dimensions > most {
		return nil, fmt.Errorf("the reference has %d dimensions, the model %d: they are not of one model", dimensions, most)
	}
	c := &comparer{m: m, texts: texts, ref: ref, opts: opts, tolerance: tolerance, tokens: map[input]*embed.TokenResult{}}
	var err error
	if c.base, err = m.Prompt(opts); err != nil {
		return nil, err
	}
	if c.reading, err = m.Reading(opts); err != nil {
		return nil, err
	}
	own, err := m.Embed(ctx, texts, opts)
	if err != nil {
		return nil, err
	}
	out := &Comparison{Texts: len(texts), Dimensions: dimensions, Tolerance: tolerance}
	each := make([]float64, len(texts))
	for i, e := range own.Embeddings {
		each[i] = apart(e.Float32, ref.Vectors[i])
		if !(each[i] <= out.Difference) {
			out.Difference, out.Text = each[i], i
		}
	}
	c.choose(each, own)
	if ref.IDs != nil || ref.Hidden != nil {
		if err := c.inside(ctx, out); err != nil {
			return nil, err
		}
	}
	same := out.Difference <= tolerance
	found := fmt.Sprintf("%.2g apart at unit length, text %d", out.Difference, out.Text)
	if have := len(own.Embeddings[0].Float32); have != dimensions {
		found += fmt.Sprintf("; the reference has the first %d of %d dimensions", dimensions, have)
	}
	out.Stages = append(out.Stages, Stage{"direction", same, found})
	if !same {
		if err := c.explain(ctx, out); err != nil {
			return nil, err
		}
	} else {
		out.Stages = append(out.Stages, c.lengths(own))
	}
	out.Equal = !slices.ContainsFunc(out.Stages, func(s Stage) bool { return !s.Equal })
	return out, nil
}

func (r *Reference) check(texts int) error {
	switch {
	case texts == 0:
		return fmt.Errorf("no texts: expected one or more")
	case len(r.Vectors) != texts:
		return fmt.Errorf("%d texts, and the reference has %d vectors", texts, len(r.Vectors))
	case r.IDs != nil && len(r.IDs) != texts:
		return fmt.Errorf("%d texts, and the reference has ids of %d", texts, len(r.IDs))
	case r.Hidden != nil && len(r.Hidden) != texts:
		return fmt.Errorf("%d texts, and the reference has hidden states of %d", texts, len(r.Hidden))
	}
	for i, v := range r.Vectors {
		if len(v) != len(r.Vectors[0]) || len(v) == 0 {
			return fmt.Errorf("reference: row %d has %d dimensions, the first %d", i, len(v), len(r.Vectors[0]))
		}
		if n := norm(v); n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("reference: row %d is of length %v", i, n)
		}
	}
	return nil
}

// choose takes the few texts: those that are farthest apart, and the longest of them all.
func (c *comparer) choose(each []float64, own *embed.Result) {
	order := make([]int, len(each))
	longest := 0
	for i := range order {
		order[i] = i
		if e := own.Embeddings; e[i].Tokens+e[i].Truncated > e[longest].Tokens+e[longest].Truncated {
			longest = i
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case a == longest && b != longest || each[a] > each[b]:
			return -1
		case b == longest && a != longest || each[a] < each[b]:
			return 1
		}
		return 0
	})
	c.few = order[:min(fewTexts, len(order))]
}

// lengths compares lengths, where directions are the same.
func (c *comparer) lengths(own *embed.Result) Stage {
	apart, units := 0.0, true
	for i, e := range own.Embeddings {
		want := norm(c.ref.Vectors[i])
		units = units && math.Abs(want-1) <= c.tolerance
		if len(e.Float32) == len(c.ref.Vectors[i]) {
			apart = max(apart, math.Abs(norm(e.Float32)-want)/want)
		} else if !c.opts.Unnormalized { // cut, and at unit length again or not
			apart = max(apart, math.Abs(1-want))
		}
	}
	switch {
	case apart <= c.tolerance:
		return Stage{"length", true, fmt.Sprintf("%.2g apart", apart)}
	case units:
		return Stage{"length", false, "the reference's vectors are of unit length, these are not: leave out --no-normalize"}
	case c.opts.Unnormalized:
		return Stage{"length", false, fmt.Sprintf("%.2g apart, and no vector of the reference is normalized: it scales them otherwise", apart)}
	}
	return Stage{"length", false, "the reference's vectors are not of unit length: --no-normalize leaves them as the model makes them"}
}

// apart returns the difference of two vectors at unit length, of the first components that both have.
func apart(a, b []float32) float64 {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	x, y := norm(a), norm(b)
	if !(x > 0 && y > 0) {
		return 2
	}
	sum := 0.0
	for i := range a {
		d := float64(a[i])/x - float64(b[i])/y
		sum += d * d
	}
	return math.Sqrt(sum)
}

// inside compares the ids and the hidden states that the reference has.
func (c *comparer) inside(ctx context.Context, out *Comparison) error {
	all := make([]int, len(c.texts))
	for i := range all {
		all[i] = i
	}
	ids, hidden := Stage{"ids", true, "the same"}, Stage{"hidden states", true, ""}
	worst := 0.0
	for part := range slices.Chunk(all, 64) {
		r, err := c.m.EmbedTokens(ctx, c.of(part, nil), tokenOptions(c.opts))
		if err != nil {
			return err
		}
		for j, i := range part {
			tokens := r.Texts[j].Tokens
			if c.ref.IDs != nil && ids.Equal {
				ids.Found = c.idsPart(i, tokens)
				ids.Equal = ids.Found == ""
			}
			if c.ref.Hidden == nil || !hidden.Equal {
				continue
			}
			if have := len(c.ref.Hidden[i]); have < len(tokens) {
				hidden.Equal, hidden.Found = false, fmt.Sprintf("text %d: %d tokens, the reference has %d", i, len(tokens), have)
				continue
			}
			for t, token := range tokens {
				want := c.ref.Hidden[i][t]
				if len(want) != len(token.Float32) {
					return fmt.Errorf("reference: text %d: hidden states of %d, the model's are of %d", i, len(want), len(token.Float32))
				}
				if d := apart(token.Float32, want); !(d <= c.tolerance) && hidden.Equal {
					hidden.Equal, hidden.Found = false, fmt.Sprintf("text %d, token %d (id %d): %.2g apart at unit length", i, t, token.ID, d)
				} else {
					worst = max(worst, d)
				}
			}
		}
	}
	if c.ref.IDs != nil {
		if ids.Equal {
			ids.Found = "the same"
		} else if why := c.explainIDs(); why != "" {
			ids.Found += "; they are the same " + why
		}
		out.Stages = append(out.Stages, ids)
	}
	if c.ref.Hidden != nil {
		if hidden.Equal {
			hidden.Found = fmt.Sprintf("%.2g apart at unit length", worst)
		}
		out.Stages = append(out.Stages, hidden)
	}
	return nil
}

// idsPart says where the ids of a text part from the reference's, "" where they do not.
func (c *comparer) idsPart(i int, tokens []embed.Token) string {
	ids := make([]int32, len(tokens))
	for t, token := range tokens {
		ids[t] = token.ID
	}
	want := unpadded(c.ref.IDs[i], len(ids))
	if slices.Equal(ids, want) {
		return ""
	}
	for t := range min(len(ids), len(want)) {
		if ids[t] != want[t] {
			return fmt.Sprintf("text %d, token %d: %d, the reference has %d", i, t, ids[t], want[t])
		}
	}
	return fmt.Sprintf("text %d: %d tokens, the reference has %d", i, len(ids), len(want))
}

// unpadded returns ids without padding behind the first n: one id and no other.
func unpadded(ids []int32, n int) []int32 {
	for i := n; i < len(ids); i++ {
		if ids[i] != ids[n] {
			return ids
		}
	}
	return ids[:min(n, len(ids))]
}
