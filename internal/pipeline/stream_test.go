package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A part is a call of texts, whose tokens are those of a text's bytes.
type part struct {
	lists
	texts []string // as they were
}

// newParts returns how a Stream makes its calls.
func newParts(r Request, change func(p *part)) func([]string) *part {
	return func(texts []string) *part {
		p := &part{lists{Request: r}, slices.Clone(texts)}
		for _, text := range texts {
			var ids []int32
			for _, b := range []byte(text) {
				ids = append(ids, int32(b))
			}
			p.ids = append(p.ids, ids)
		}
		change(p)
		return p
	}
}

// A stream yields each text once, in order, with the rows of a call, and faults in their place.
func TestStream(t *testing.T) {
	m, way := newModel(t, 2, 50)
	bad := errors.New("bad")
	for _, n := range []int{0, 1, 2*streamTexts - 1, 2 * streamTexts, 2*streamTexts + 1, 1000} {
		texts := make([]string, n)
		for i := range texts {
			texts[i] = fmt.Sprint("text ", i)
		}
		var got []string
		calls := 0
		stream := Stream(t.Context(), m, slices.Values(texts), newParts(Request{Way: way}, func(p *part) {
			p.take = func(i int) error {
				if p.texts[i] == "text 300" {
					return bad
				}
				return nil
			}
		}))
		for p, err := range stream {
			calls++
			if i := slices.Index(p.texts, "text 300"); i >= 0 {
				require.Equal(t, Faults{i: bad}, err)
			} else {
				require.NoError(t, err)
			}
			got = append(got, p.texts...)
			require.Equal(t, run(t, m, Request{Way: way}, p.ids), p.rows)
		}
		require.Equal(t, texts, append([]string{}, got...))
		require.Positive(t, calls, "an empty stream is a call without inputs")
	}
	noGoroutines(t)
}

// unchecked are a Call that is refused.
type unchecked struct{ *lists }

func (unchecked) Check() (Request, error) { return Request{}, errors.New("refused") }

// Errors that are not an input's end a stream, and so does leaving it.
func TestStreamEnds(t *testing.T) {
	m, way := newModel(t, 2, 50)
	read := 0
	endless := func(yield func(string) bool) {
		for yield("a text") {
			read++
		}
	}
	parts := newParts(Request{Way: way}, func(*part) {})
	for range Stream(t.Context(), m, endless, parts) {
		break
	}
	assert.LessOrEqual(t, read, 3*2*streamTexts)
	noGoroutines(t)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range Stream(ctx, m, endless, parts) {
		require.NoError(t, last)
		last = err
		cancel()
	}
	assert.Equal(t, context.Canceled, last)

	calls := 0
	for _, err := range Stream(t.Context(), m, endless, func([]string) unchecked { return unchecked{new(lists)} }) {
		calls++
		require.EqualError(t, err, "refused")
	}
	assert.Equal(t, 1, calls)
	require.NoError(t, m.Close())
	for _, err := range Stream(t.Context(), m, endless, parts) {
		calls++
		require.Equal(t, ErrClosed, err)
	}
	assert.Equal(t, 2, calls)
	noGoroutines(t)
}
