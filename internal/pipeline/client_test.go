package pipeline

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The calls of a client take turns with those of others as if they were one.
func TestQueueTurnsOfClients(t *testing.T) {
	m, way := newModel(t, 1, 20)
	q, g := held(t, m, way, QueueConfig{})
	r := Request{Way: way}
	var flood []chan reply
	for range 20 {
		flood = append(flood, background(WithClient(t.Context(), "a"), q, r, repeat(3, 10)))
	}
	other := background(WithClient(t.Context(), "b"), q, r, repeat(4, 10))
	nobodys := background(t.Context(), q, r, repeat(4, 10))
	// A pass has four inputs of ten tokens: of twelve, four are of each.
	for range 3 {
		g.next <- struct{}{}
		assert.Equal(t, 4, (<-g.event).Inputs)
	}
	require.NoError(t, (<-other).err)
	require.NoError(t, (<-nobodys).err)
	assert.Equal(t, 56, q.Stats().WaitingInputs)
	for i, c := range flood {
		assert.Emptyf(t, c, "call %d", i)
	}
	g.open()
	for _, c := range flood { // which had an input each before any had its second
		require.NoError(t, (<-c).err)
	}
	require.NoError(t, q.Close(context.Background()))
	assert.Empty(t, q.clients)
}

// A client that has nothing in a full queue is taken, with one call.
func TestQueueFullOfAnotherClient(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q, g := held(t, m, way, QueueConfig{MaxInputs: 3, MaxTokens: 20})
	r := Request{Way: way}
	a, b := WithClient(t.Context(), "a"), WithClient(t.Context(), "b")
	replies := []chan reply{background(a, q, r, repeat(1, 32)), background(b, q, r, repeat(2, 3))}
	for _, ctx := range []context.Context{a, b, t.Context()} {
		_, err := q.Run(ctx, &lists{Request: r, ids: repeat(1, 3)})
		require.ErrorIs(t, err, ErrQueueFull)
	}
	_, err := q.Run(WithClient(t.Context(), "c"), &lists{Request: r, ids: repeat(4, 3)})
	require.ErrorIs(t, err, ErrQueueFull, "more than a call may have")
	g.open()
	for _, c := range replies {
		require.NoError(t, (<-c).err)
	}
	require.NoError(t, q.Close(context.Background()))
	assert.Empty(t, q.clients)
}
