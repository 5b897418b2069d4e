package loader

import (
	"cmp"
	"context"
	_ "embed"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

const (
	// roundFiner is the part of the weights that is in Int8 where others are rounded to Int4: with 8 bits,
	// and 4.5 for others, 4.73 bits in all, and 4.75 with outliers.
	roundFiner = 0.065

	// roundCausal is roundFiner of causal models, of all layers, for 5.4 bits in all, where Q4_K_M of llama.cpp has as many or more.
	roundCausal = 0.25

	roundWork  = 8 * calibrationWork
	roundMost  = 512 // tokens of one text
	roundLong  = 32  // texts that are made of roundLines
	roundLines = 8
	roundAlike = 192 // sequences of few tokens over and over
	roundTries = 20  // tokens that are tried for one of these
	roundEvery = 4   // tokens of a text that repeats itself count for all
	roundOf    = 9   // tokens that count, at the least, of those of few
)

// roundText is short texts of many kinds, one a line, none of which is among those of the calibration: without them weights
// are rounded for the words of few.
//
//go:embed round.txt
var roundText string

// roundTexts returns texts to round weights for: short ones, hard ones, some of them to the limit of most models,
// from long on roundLong of those that are made of lines in no order, for layers have other inputs far from the beginning and among others, and
// more short ones at the end, for models that are small enough.
func roundTexts() (texts []string, long int) {
	lines, more := calibrationLines(), strings.Split(strings.TrimSpace(roundText), "\n")
	texts = slices.Concat(lines, alikeTexts, rareTexts, limitTexts)
	long = len(texts)
	lines = append(lines, more...)
	random := rand.New(rand.NewPCG(1, 2))
	for range roundLong {
		var some []string
		for range roundLines {
			some = append(some, lines[random.IntN(len(lines))])
		}
		texts = append(texts, strings.Join(some, " "))
	}
	return append(texts, more...), long
}

// addAlike adds sequences to b of one to three tokens over and over, up to an eighth of length tokens and every fourth alone, which
// begin and end as its first sequence does: no texts have the error of each token times the length of a text. Two of three have tokens
// of b, as often as they are there, the third any of the vocabulary, all of which check has nothing against. No more are added where they are most tokens.
func addAlike(b *transformer.Batch, length, most, vocabulary int, check func(ids []int32) error) {
	random := rand.New(rand.NewPCG(5, 6))
	texts := slices.Clone(b.IDs)
	first := texts[:b.Starts[1]]
	for i := 0; i < roundAlike && len(b.IDs)-len(texts) < most; i++ {
		n := max([]int{length / 8, length / 32, length / 128, 1}[i%4], 3)
		for range roundTries {
			some := make([]int32, []int{1, 1, 2, 1, 3}[i%5])
			for j := range some {
				if some[j] = int32(random.IntN(vocabulary)); i%3 < 2 {
					some[j] = texts[random.IntN(len(texts))]
				}
			}
			ids := slices.Repeat(some, n)[:n]
			ids[0], ids[n-1] = first[0], first[len(first)-1]
			if check(ids) == nil {
				b.IDs = append(b.IDs, ids...)
				b.Starts = append(b.Starts, len(b.IDs))
				break
			}
		}
	}
}

// mixTokens makes half of the tokens of every second sequence of b, from sequence first to end (exclusive), any of the
// vocabulary that check has nothing against: no texts of this size have them all.
func mixTokens(b transformer.Batch, first, end, vocabulary int, check func(ids []int32) error) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := first + 1; i < min(end, b.Sequences()); i += 2 {
		ids := b.IDs[b.Starts[i]:b.Starts[i+1]]
		for j := 1; j < len(ids)-1; j++ {
			if random.IntN(2) != 0 {
				continue
			}
			was := ids[j]
			if ids[j] = int32(random.IntN(vocabulary)); check(ids) != nil {
				ids[j] = was
			}
		}
	}
}

// A Rounded is what Round makes.
type Rounded = transformer.Rounded

// Round returns the weights of e's linear layers in Int4, and their biases, see transformer.Model.Round, of calibration texts; some layers
// are in Int8: those of attention, or of causal models any, whose outputs Int4 has most off, for their size. Of a model that is too
// large to be measured there are none.
func (m *Model) Round(ctx context.Context, e *Encoder) (*Rounded, error) {
	if e.Transformer.Operations([]int{1}) > lossLargest {
		return new(Rounded), nil
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	texts, long := roundTexts()
	most := modelfolder.Lowest(roundMost, e.limit)
	batch, err := m.sample(e, texts, most, roundWork)
	if err != nil || len(batch.IDs) == 0 {
		return new(Rounded), err
	}
	runs := pipeline.Transformer{Model: e.Transformer}
	check := func(ids []int32) error { return runs.Check(pipeline.Tokens{IDs: ids}) }
	mixTokens(batch, long, long+roundLong, runs.Vocabulary(), check)
	alike := batch.Sequences()
	addAlike(&batch, most, int(min(roundWork/4/e.Transformer.Operations([]int{1}), 1<<30)), runs.Vocabulary(), check)
	every := make([]int, batch.Sequences())
	for i := range every {
		if i >= alike {
			every[i] = max((batch.Starts[i+1]-batch.Starts[i])/roundOf, 1)
		} else if i >= long-len(limitTexts) && i < long {
			every[i] = roundEvery
		}
	}
	config := e.opens
	config.Set = m.Set
	t, err := transformer.OpenToRound(ctx, config)
	if err != nil {
		return nil, err
	}
	layers, err := t.Errors(ctx, team, batch, nil)
	if err != nil {
		return nil, err
	}
	attention, part := t.AttentionLayers(), roundFiner
	causal := slices.ContainsFunc(t.Layers, func(l transformer.Layer) bool { return l.Attention.Causal })
	if causal {
		part = roundCausal
	}
	left, finer := 0.0, map[string]bool{}
	for _, layer := range layers {
		left += part * float64(layer.Weights)
	}
	for _, name := range worstLayers(layers) {
		if weights := float64(layers[name].Weights); (causal || attention[name]) && weights <= left {
			finer[name] = true
			left -= weights
		}
	}
	return t.Round(ctx, team, batch, every, finer)
}

// worstLayers returns the names of layers, those first whose outputs are off most for their size.
func worstLayers(layers map[string]transformer.LayerError) []string {
	return slices.SortedFunc(maps.Keys(layers), func(a, b string) int {
		x, y := layers[a], layers[b]
		return cmp.Or(cmp.Compare(y.Error/float64(y.Weights), x.Error/float64(x.Weights)), cmp.Compare(a, b))
	})
}
