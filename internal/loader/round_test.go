package loader

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/transformer"
)

// The texts to round for are the same each time, and those from long on are longer than any line.
func TestRoundTexts(t *testing.T) {
	texts, long := roundTexts()
	again, _ := roundTexts()
	require.Equal(t, texts, again)
	require.Equal(t, limitTexts, texts[long-len(limitTexts):long])
	for _, text := range texts[long : long+roundLong] {
		assert.Greater(t, len(text), 150)
	}
	short := slices.Concat(calibrationLines(), texts[long+roundLong:])
	assert.Greater(t, len(short), 300)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(short))), len(short), "each is one text")
}

// Every second sequence from the first to the end has other tokens, of the vocabulary, but at its ends, and none that a model does not take.
func TestMixTokens(t *testing.T) {
	const length, vocabulary = 50, 1000
	b := transformer.Batch{Starts: []int{0}}
	for range 7 {
		for range length {
			b.IDs = append(b.IDs, vocabulary)
		}
		b.Starts = append(b.Starts, len(b.IDs))
	}
	mixTokens(b, 1, 6, vocabulary, func(ids []int32) error {
		for _, id := range ids {
			if id%3 == 0 {
				return errors.New("of an image")
			}
		}
		return nil
	})
	for i := range b.Sequences() {
		ids, other := b.IDs[b.Starts[i]:b.Starts[i+1]], 0
		for _, id := range ids {
			if id != vocabulary {
				require.True(t, id >= 0 && id < vocabulary && id%3 != 0)
				other++
			}
		}
		if i == 2 || i == 4 {
			assert.InDelta(t, length/3, other, 12)
			assert.EqualValues(t, vocabulary, ids[0])
			assert.EqualValues(t, vocabulary, ids[length-1])
		} else {
			assert.Zero(t, other, i)
		}
	}
}

// Sequences of one to three tokens are as long as asked for, and begin and end as the first one does; two of three have tokens of
// the texts; there are no more than asked for.
func TestAddAlike(t *testing.T) {
	odd := func(ids []int32) error {
		for _, id := range ids[1 : len(ids)-1] {
			if id%2 == 0 {
				return errors.New("even")
			}
		}
		return nil
	}
	texts := func() transformer.Batch {
		return transformer.Batch{IDs: []int32{1001, 1005, 1006, 1007, 1009, 1011, 1002}, Starts: []int{0, 7}}
	}
	b := texts()
	addAlike(&b, 320, 1e6, 1000, odd)
	require.Equal(t, 1+roundAlike, b.Sequences())
	most := 0
	for i := range roundAlike {
		ids := b.IDs[b.Starts[i+1]:b.Starts[i+2]]
		require.Len(t, ids, []int{40, 10, 3, 3}[i%4])
		assert.EqualValues(t, 1001, ids[0])
		assert.EqualValues(t, 1002, ids[len(ids)-1])
		seen := map[int32]bool{}
		for _, id := range ids[1 : len(ids)-1] {
			assert.EqualValues(t, 1, id%2)
			assert.Equal(t, i%3 < 2, id > 1000)
			seen[id] = true
		}
		assert.LessOrEqual(t, len(seen), []int{1, 1, 2, 1, 3}[i%5])
		most = max(most, len(seen))
	}
	assert.Equal(t, 3, most)
	few := texts()
	addAlike(&few, 320, 50, 1000, odd)
	assert.Equal(t, []int{0, 7, 47, 57}, few.Starts)
	short := texts()
	addAlike(&short, 4, 1e6, 1000, odd)
	for i, at := range short.Starts[2:] {
		assert.Equal(t, 3, at-short.Starts[i+1])
	}
}

// No text that losses are measured on is one that weights are rounded for.
func TestHeldTexts(t *testing.T) {
	held, plain := heldTexts()
	require.Greater(t, plain, 20)
	rounded, _ := roundTexts()
	for _, text := range append(held, moreTexts...) {
		assert.NotContains(t, rounded, text)
	}
}
