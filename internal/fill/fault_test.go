package fill

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// A counter counts the texts that an embedder is given.
type counter struct {
	embed.Embedder
	texts int
}

func (c *counter) Embed(ctx context.Context, inputs []string, opts embed.Options) (*embed.Result, error) {
	c.texts += len(inputs)
	return c.Embedder.Embed(ctx, inputs, opts)
}

// However many inputs the model refuses, the others are given to it twice at most.
func TestManyFaults(t *testing.T) {
	m := load(t)
	f, err := New(t.Context(), m, How{})
	require.NoError(t, err)
	count := &counter{Embedder: m}
	f.run = count
	var all []*rows.Result
	for i := range 100 {
		r := &rows.Result{Index: i, Input: rows.Input{Text: fmt.Sprint("summer ", i)}}
		if i%3 == 0 {
			r.Text = ""
		}
		all = append(all, r)
	}
	var order []int
	require.NoError(t, f.Fill(t.Context(), all, func(r *rows.Result, err error) error {
		require.ErrorContains(t, err, "empty text")
		order = append(order, r.Index)
		return nil
	}))
	require.Len(t, order, 34)
	assert.IsIncreasing(t, order)
	for i, r := range all {
		assert.Equal(t, i%3 == 0, r.Err != nil)
		assert.Equal(t, i%3 == 0, r.Float32 == nil)
	}
	assert.Equal(t, 100+66, count.texts)
}
