package multivector

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// values are what is put in the place of a value; "" takes it out.
var values = append(mutate.Values(), `2`, `513`, `"[Q] "`, `"query"`, `[-1, 5]`,
	`{"strategy": "min", "length": 9}`, `{"strategy": "fixed", "length": 3, "attend": true, "token": "a"}`,
	`"sentence_transformers.Normalize"`, `"sentence_transformers.HierarchicalTokenPooling"`)

// use loads a folder, and where that works embeds and scores with it.
func use(t testing.TB, files fstest.MapFS, text string) {
	m, err := LoadFS(t.Context(), files, embed.Config{Workers: 1})
	if err != nil {
		require.NotEmpty(t, err.Error())
		return
	}
	defer m.Close() //nolint:errcheck
	q, err := m.EmbedQuery(t.Context(), text, Options{})
	if err == nil && m.Info().ExpandedTokens > 0 {
		require.GreaterOrEqual(t, q.Tokens, m.Info().ExpandedTokens)
	}
	documents, err := m.EmbedDocuments(t.Context(), []string{text, "a. b"}, Options{})
	if err == nil {
		for _, d := range documents {
			require.Equal(t, m.Info().Dimensions, d.Vectors.Cols)
			require.LessOrEqual(t, d.Vectors.Rows, d.Tokens)
		}
	}
	_, _ = m.Rank(t.Context(), text, []string{text, "", "a. b"}, 0, rerank.Options{})
}

// Whatever the files say, a folder is refused or serves.
func TestHostileFolders(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := 600
	if testing.Short() {
		n = 60
	}
	for range n {
		name := goldenNames(t)[rng.IntN(7)]
		all := files(t, name, nil)
		var changes []string
		for range 1 + rng.IntN(2) {
			c := [3]uint16{uint16(rng.Uint32()), uint16(rng.Uint32()), uint16(rng.Uint32())}
			if !mutate.Change(all, values, c[0], c[1], c[2]) {
				continue
			}
			changes = append(changes, fmt.Sprint(c))
		}
		assert.NotPanics(t, func() { use(t, all, "[Q] a river, [D] of text!") }, "%s: %s", name, strings.Join(changes, " "))
	}
}

func FuzzFolder(f *testing.F) {
	f.Add(uint8(0), uint16(3), uint16(1), uint16(2), "a river")
	f.Add(uint8(6), uint16(0), uint16(4), uint16(9), "[Q] .")
	f.Fuzz(func(t *testing.T, which uint8, file, place, value uint16, text string) {
		names := goldenNames(t)
		all := files(t, names[int(which)%len(names)], nil)
		if mutate.Change(all, values, file, place, value) {
			use(t, all, text[:min(len(text), 1000)])
		}
	})
}
