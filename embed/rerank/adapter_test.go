package rerank

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// The adapter of a classifier, on a base model without a head, brings one of as many labels
// as its weight has rows.
func TestAdapters(t *testing.T) {
	for _, name := range []string{"bert-classifier", "qwen3-reranker"} {
		dir := filepath.Join("../../testdata/adapters", name)
		var c struct {
			Labels int
			Pairs  [][2]string
			Logits [][]float32
		}
		data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &c))
		for _, p := range embed.Precisions() {
			m := load(t, dir, embed.Config{Precision: p})
			i, err := Inspect(t.Context(), dir, embed.Config{Precision: p})
			require.NoError(t, err)
			require.Equal(t, m.Info().Labels, i.Labels)
			require.Equal(t, m.Info().Activation, i.Activation)
			require.Equal(t, c.Labels == 1, m.Reranks())
			require.Len(t, i.Labels, c.Labels)
			require.Equal(t, "LABEL_0", i.Labels[0])
		}
		m := load(t, dir, embed.Config{})
		var want, got []float32
		if m.Reranks() {
			scores, err := m.Pairs(t.Context(), c.Pairs, Options{})
			require.NoError(t, err)
			for i, s := range scores {
				want, got = append(want, float32(1/(1+math.Exp(-float64(c.Logits[i][0]))))), append(got, s.Value)
			}
		} else {
			all, err := m.ClassifyPairs(t.Context(), c.Pairs, Options{})
			require.NoError(t, err)
			for i, labels := range all {
				sum := 0.0
				for _, x := range c.Logits[i] {
					sum += math.Exp(float64(x))
				}
				for _, l := range labels.Labels {
					j, err := strconv.Atoi(strings.TrimPrefix(l.Name, "LABEL_"))
					require.NoError(t, err)
					want, got = append(want, float32(math.Exp(float64(c.Logits[i][j]))/sum)), append(got, l.Score)
				}
			}
		}
		require.Less(t, worst(t, want, got), tol)
		_, err = embed.Load(t.Context(), dir, embed.Config{})
		var kind *embed.KindError
		require.True(t, errors.As(err, &kind), "%v", err)
		require.ErrorContains(t, err, fmt.Sprintf("adapter_config.json: task_type: %q, a classifier, expected an embedding model; rerank.Load", "SEQ_CLS"))
	}
}
