package verify

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
)

// poolings are ways to make one vector of those of a text's tokens, with the weight of each of them.
var poolings = []struct {
	name, says string
	own        bool // says more than which mode
	weight     func(t []embed.Token, i int) float64
}{
	{"mean", "mean pooling", false, func([]embed.Token, int) float64 { return 1 }},
	{"cls", "cls pooling", false, func(_ []embed.Token, i int) float64 { return only(i == 0) }},
	{"lasttoken", "lasttoken pooling", false, func(t []embed.Token, i int) float64 { return only(i == len(t)-1) }},
	{"weightedmean", "weightedmean pooling", false, func(_ []embed.Token, i int) float64 { return float64(i + 1) }},
	{"max", "max pooling", false, nil},
	{"text", "the mean of the text's own tokens, without special ones and the prompt", true, func(t []embed.Token, i int) float64 { return only(t[i].End > t[i].Start) }},
	{"lasttext", "the last token of the text, before the special ones", true, func(t []embed.Token, i int) float64 {
		for j := len(t) - 1; j >= 0; j-- {
			if t[j].End > t[j].Start {
				return only(i == j)
			}
		}
		return 0
	}},
}

func only(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// pooled returns the vectors that a variant pools of the tokens of texts. Those of one input are computed once.
func (c *comparer) pooled(ctx context.Context, v variant, texts []string, opts embed.Options) (rows [][]float32, err error) {
	if v.other && v.prompt == "" && c.m.Info().DefaultPrompt != "" {
		return nil, errors.New("the model's default prompt would come back")
	}
	r := c.tokens[v.input]
	if r == nil {
		r, err = c.m.EmbedTokens(ctx, texts, tokenOptions(opts))
		if err != nil {
			return nil, err
		}
		c.tokens[v.input] = r
	}
	for _, t := range r.Texts {
		rows = append(rows, pool(v.pooling, t.Tokens))
	}
	return rows, nil
}

// pool returns the vector that the pooling of that name makes, summed in float64.
func pool(name string, tokens []embed.Token) []float32 {
	sums := make([]float64, len(tokens[0].Float32))
	for _, p := range poolings {
		if p.name != name {
			continue
		}
		for i, t := range tokens {
			for j, x := range t.Float32 {
				switch {
				case p.weight != nil:
					sums[j] += p.weight(tokens, i) * float64(x)
				case i == 0 || float64(x) > sums[j]:
					sums[j] = float64(x)
				}
			}
		}
	}
	row := make([]float32, len(sums))
	for j, s := range sums {
		row[j] = float32(s)
	}
	return row
}
