package embed

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

// outliersName is the file, optional, that says which inputs of linear layers
// Int8 keeps apart: for the name of a layer's first weight the columns, ascending.
const outliersName = manifest.Outliers

// calibrationText is short texts of many kinds, one a line. What comes first is
// the most varied: large models read only that.
//
//go:embed calibration.txt
var calibrationText string

// calibrationVersion is counted up with a change after which other outliers are found.
const calibrationVersion = "calibration 1"

const (
	calibrationMost  = 256  // tokens of one text
	calibrationWork  = 1e12 // floating-point operations after which no more texts are read
	calibrationLeast = 8    // texts that are read in any case
)

// OutlierColumns loads the model in dir as Load does, in Int8, and returns the
// inputs of its linear layers that are so much larger than the others on a
// built-in sample of texts that Int8 keeps them apart: for the name of a layer's
// first weight the columns, ascending. As JSON in the file outlier_columns.json of
// the model's folder, or of each module's that has weights, they spare Load the
// run of that sample. The file that is there is not read.
func OutlierColumns(dir string, cfg Config) (map[string][]int, error) {
	cfg.Precision, cfg.inspect, cfg.calibrate, cfg.recalibrate = Int8, true, true, true
	m, err := Load(dir, cfg)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	if m.route.transformer == nil {
		return nil, errors.New("the model has no linear layers")
	}
	var columns map[string][]int
	err = m.pipeline.Guard(func() error {
		columns, err = m.route.calibrate(context.Background(), &m.info)
		return err
	})
	return columns, err
}

// loadOutliers reads those of f, in Int8. Where f has none, they are to be found.
func (e *encoder) loadOutliers(l *loader, f folder) error {
	if l.model.info.Precision != Int8 {
		return nil
	}
	e.recipe.Outliers = calibrationVersion
	data, err := f.read(outliersName)
	if l.recalibrate || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &e.outliers); err != nil || e.outliers == nil {
		return f.errorIn(outliersName, errors.New("expected an object with a list of whole numbers for each linear layer"))
	}
	e.recipe.Outliers = string(canonical(data))
	return nil
}

// calibrates reports whether e's outliers, in Int8, are to be found.
func (e *encoder) calibrates(l *loader) bool {
	return e.recipe.Outliers == calibrationVersion && (l.packed != nil || l.calibrate)
}

// calibrate runs e's model, which was opened for that, on the built-in texts behind
// the model's default prompt, all at once, and returns the outliers.
func (e *encoder) calibrate(ctx context.Context, info *Info) (transformer.Outliers, error) {
	prompt := info.Prompts[info.DefaultPrompt]
	team := parallel.NewTeam(info.Workers)
	defer team.Close()
	batch := transformer.Batch{Starts: []int{0}}
	options := e.encode
	options.MaxTokens = lowest(calibrationMost, e.transformer.MaxPositions) // whatever Config.MaxTokens is
	work := 0.0
	for i, text := range strings.Split(strings.TrimSpace(calibrationText), "\n") {
		before := len(batch.IDs)
		var err error
		if batch.IDs, _, err = e.tokenizer.Append(batch.IDs, prompt+text, options); err != nil {
			return nil, fmt.Errorf("calibration: %w", err)
		}
		n := len(batch.IDs) - before
		if n == 0 {
			continue
		}
		if err := e.Check(pipeline.Tokens{IDs: batch.IDs[before:]}); err != nil {
			return nil, fmt.Errorf("calibration: %w", err)
		}
		batch.Starts = append(batch.Starts, len(batch.IDs))
		if work += e.transformer.Operations([]int{n}); work > calibrationWork && i+1 >= calibrationLeast {
			break
		}
	}
	if len(batch.IDs) == 0 {
		return transformer.Outliers{}, nil
	}
	return e.transformer.Calibrate(ctx, team, batch)
}
