package verify

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Each model gives what the reference does on each kernel set in each precision.
func TestMachine(t *testing.T) {
	models, err := Models()
	require.NoError(t, err)
	require.Equal(t, MiniLM, models[0].Name)
	precisions := embed.Precisions()
	if testing.Short() {
		models, precisions = models[1:], precisions[:1]
	}
	seen := map[string]bool{}
	require.NoError(t, runAll(t.Context(), models, kernel.Sets(), precisions, func(r *Result) {
		seen[r.Model] = true
		assert.True(t, r.OK(), "%+v", r)
		if r.Model != "static" { // a mean, of few tokens
			assert.Greater(t, r.Difference, 0.0)
		}
	}))
	assert.Greater(t, len(seen), 30)
}

func model(t *testing.T, name string) *Model {
	models, err := Models()
	require.NoError(t, err)
	i := slices.IndexFunc(models, func(m *Model) bool { return m.Name == name })
	require.GreaterOrEqual(t, i, 0)
	return models[i]
}

// A wrong component, other ids, and bits that are not those of another set are found, and a model that cannot be loaded.
func TestMachineFinds(t *testing.T) {
	set := kernel.Best()
	m := model(t, "bert")
	right := m.run(t.Context(), set, embed.Float32)
	require.True(t, right.OK())

	wrong := *m
	wrong.answers = maps.Clone(m.answers)
	plain := tensor.NewMatrix(m.answers["plain"].Rows, m.answers["plain"].Cols)
	copy(plain.Data, m.answers["plain"].Data)
	plain.Row(3)[2] += 1e-4
	wrong.answers["plain"] = plain
	assert.Regexp(t, `^plain, row 3: difference .*, expected at most 2e-05$`, wrong.run(t.Context(), set, embed.Float32).Error)
	assert.True(t, wrong.run(t.Context(), set, embed.Int8).OK())

	wrong = *m
	wrong.IDs = maps.Clone(m.IDs)
	wrong.IDs["plain"] = slices.Clone(m.IDs["plain"])
	wrong.IDs["plain"][1] = wrong.IDs["plain"][1][1:]
	assert.Regexp(t, `^plain: text 1: \d+ tokens, expected \d+$`, wrong.run(t.Context(), set, embed.Float32).Error)

	wrong = *m
	wrong.Pooling = "cls" // beside a modules.json
	assert.Contains(t, wrong.run(t.Context(), set, embed.Float32).Error, "pooling")

	other := m.run(t.Context(), set, embed.Float32)
	other.answers[0].Got.Row(1)[0] += 1e-7
	other.compare(right)
	assert.True(t, strings.HasPrefix(other.Error, other.answers[0].Name+": other bits than those of "+set.Name()), other.Error)
}
