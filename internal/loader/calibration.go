package loader

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

// calibrationText is short texts of many kinds, one a line. What comes first is
// the most varied: large models read only that.
//
//go:embed calibration.txt
var calibrationText string

func calibrationLines() []string { return strings.Split(strings.TrimSpace(calibrationText), "\n") }

// calibrationVersion is counted up with a change after which other outliers are found.
const calibrationVersion = "calibration 4"

const (
	calibrationMost  = 256  // tokens of one text
	calibrationWork  = 1e12 // floating-point operations after which no more texts are read
	calibrationLeast = 8    // texts that are read in any case
)

// Calibrate runs e's transformer, which was opened for that, on built-in texts behind
// the model's default prompt, all at once, and returns the inputs of its linear layers
// that are so much larger than the others that Int8 keeps them apart, and the layers that
// Int8 does not hold well enough (finer.go).
func (m *Model) Calibrate(ctx context.Context, e *Encoder) (transformer.Outliers, error) {
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	lines := calibrationLines()
	batch, err := m.sample(e, lines, calibrationMost, calibrationWork)
	if err != nil {
		return nil, err
	}
	if len(batch.IDs) == 0 {
		return transformer.Outliers{}, nil
	}
	outliers, err := e.Transformer.Calibrate(ctx, team, batch)
	if err != nil {
		return nil, err
	}
	return outliers, m.keepFiner(ctx, team, e, outliers, lines)
}

// sample returns the tokens of texts behind the model's default prompt, tokens at the most of each and of as many as take
// that work, in floating-point operations.
func (m *Model) sample(e *Encoder, texts []string, tokens int, most float64) (transformer.Batch, error) {
	prompt := m.Spec.Prompts[m.Spec.DefaultPrompt]
	batch := transformer.Batch{Starts: []int{0}}
	options := e.Options()
	options.MaxTokens = modelfolder.Lowest(tokens, e.Transformer.MaxPositions) // whatever the caller's limit is
	runs := pipeline.Transformer{Model: e.Transformer}
	work := 0.0
	for i, text := range texts {
		before := len(batch.IDs)
		var err error
		if batch.IDs, _, err = e.Tokenizer.Append(batch.IDs, prompt+text, options); err != nil {
			return batch, fmt.Errorf("calibration: %w", err)
		}
		n := len(batch.IDs) - before
		if n == 0 {
			continue
		}
		if err := runs.Check(pipeline.Tokens{IDs: batch.IDs[before:]}); err != nil {
			return batch, fmt.Errorf("calibration: %w", err)
		}
		batch.Starts = append(batch.Starts, len(batch.IDs))
		if work += e.Transformer.Operations([]int{n}); work > most && i+1 >= calibrationLeast {
			break
		}
	}
	return batch, nil
}
