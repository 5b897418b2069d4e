package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// What --as takes a folder for.
const (
	asEmbedding   = "embedding"
	asSparse      = "sparse"
	asMultiVector = "multi-vector"
	asRerank      = "rerank"
	asClassify    = "classify"
)

var allKinds = []string{asEmbedding, asSparse, asMultiVector, asRerank, asClassify}

// asOf are those by the kind that a folder says it is.
var asOf = map[string]string{
	"embedding model": asEmbedding, "sparse model": asSparse, "multi-vector model": asMultiVector,
	"reranker": asRerank, "classifier": asClassify, "cross-encoder": asClassify,
}

// addAs adds the flag that says what a folder is taken for, one of these kinds. Without it
// the folder says what it is.
func (f *modelFlags) addAs(cmd *cobra.Command, kinds ...string) {
	f.as = addChoice(cmd, "as", "`KIND` to take the folder for, whatever it says it is: "+strings.Join(kinds, " or ")+" (default: as the folder says)", kinds...)
	f.as.value = "" // as the folder says
	cmd.Flags().Lookup("as").DefValue = ""
}

// kind returns what the flags say that the folder is taken for, "" for what it says it is.
func (f *modelFlags) kind() string {
	if f.as == nil {
		return ""
	}
	return f.as.value
}

// loadAs loads the model in a folder, "" for the one inside the binary, as one of allKinds.
func loadAs(ctx context.Context, dir string, cfg embed.Config, as string) (servedModel, error) {
	if err := checkBuiltin(dir, as); err != nil {
		return nil, err
	}
	switch as {
	case asSparse:
		return sparse.Load(ctx, dir, cfg)
	case asMultiVector:
		return multivector.Load(ctx, dir, cfg)
	case asRerank, asClassify:
		m, err := rerank.Load(ctx, dir, cfg)
		if err != nil {
			return nil, err
		}
		if err := checkCross(m.Info(), as); err != nil {
			return nil, errors.Join(err, m.Close())
		}
		return m, nil
	}
	return open(ctx, dir, cfg)
}

// loadKind is loadAs where as is given; else it loads the model as what its folder says it
// is, an embedding model or one of kinds.
func loadKind(ctx context.Context, dir string, cfg embed.Config, as string, kinds []string) (servedModel, error) {
	if as != "" {
		return loadAs(ctx, dir, cfg, as)
	}
	m, err := open(ctx, dir, cfg)
	var other *embed.KindError
	if errors.As(err, &other) && slices.Contains(kinds, asOf[other.Kind]) {
		return loadAs(ctx, dir, cfg, asOf[other.Kind])
	}
	return m, err
}

// checkBuiltin returns an error where dir is the model inside the binary and as another kind
// than its.
func checkBuiltin(dir, as string) error {
	if dir != "" || as == "" || as == asEmbedding {
		return nil
	}
	return fmt.Errorf("--as %s: %s is an embedding model alone", as, builtin)
}

// checkCross returns an error where a classifier is to rerank.
func checkCross(i rerank.Info, as string) error {
	if n := len(i.Labels); as == asRerank && n != 1 {
		return fmt.Errorf("--as %s: %s is a classifier with %d labels, expected a reranker", as, i.Name, n)
	}
	return nil
}
