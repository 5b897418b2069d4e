package pipeline

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Inputs of the same tokens are run once, and each has the rows of a run of its own.
func TestEqualInputs(t *testing.T) {
	m, way := newModel(t, 2, 50)
	distinct := someIDs(30)
	random := rand.New(rand.NewPCG(1, 2))
	var ids, types [][]int32
	for range 200 {
		in := distinct[random.IntN(len(distinct))]
		ids = append(ids, in)
		types = append(types, make([]int32, len(in)))
		types[len(types)-1][0] = int32(random.IntN(2))
	}
	for _, way := range []*Way{way, {way.Encoder, allTokens{}}} {
		for _, types := range [][][]int32{nil, types} {
			var tokens int
			q := NewQueue(m, QueueConfig{Observe: func(e Event) { tokens += e.Tokens }})
			queued := &lists{Request: Request{Way: way}, ids: ids, types: types}
			_, err := q.Run(t.Context(), queued)
			require.NoError(t, err)
			alone := &lists{Request: Request{Way: way}, ids: ids, types: types}
			require.NoError(t, m.Run(t.Context(), alone))
			once := map[int]bool{}
			for i, in := range ids {
				own := &lists{Request: Request{Way: way}, ids: [][]int32{in}}
				if types != nil {
					own.types = [][]int32{types[i]}
				}
				require.NoError(t, m.Run(t.Context(), own))
				require.Equal(t, own.rows[0], alone.rows[i])
				require.Equal(t, own.rows[0], queued.rows[i])
				for j := range i {
					if same := (&Tokens{IDs: in}).equal(&Tokens{IDs: ids[j]}); same && (types == nil || types[i][0] == types[j][0]) {
						once[i] = true
					}
				}
			}
			want := 0
			for i, in := range ids {
				if !once[i] {
					want += len(in)
				}
			}
			require.NoError(t, q.Close(t.Context()))
			assert.Equal(t, want, tokens)
		}
	}
}

// grouped is a Call whose inputs have groups of tokens.
type grouped struct {
	lists
	groups [][][]int32
}

func (g *grouped) Append(dst Tokens, i int) (Tokens, error) {
	dst, err := g.lists.Append(dst, i)
	dst.Groups = g.groups[i]
	return dst, err
}

// Inputs of the same tokens and other groups are not the same.
func TestEqualGroups(t *testing.T) {
	m, way := newModel(t, 1, 50)
	in := []int32{2, 9, 8, 3}
	groups := [][][]int32{{nil}, {{0, 1, 2, 3}}, {{0, 1}, {2}}, {nil}, {{0, 1}, {2}}, {{0}, {1, 2}}}
	g := &grouped{lists: lists{Request: Request{Way: &Way{way.Encoder, NewGrouped(*way.Head.(*Pooled))}}}, groups: groups}
	for range groups {
		g.ids = append(g.ids, in)
	}
	require.NoError(t, m.Run(t.Context(), g))
	for i := range groups {
		own := &grouped{lists: lists{Request: g.Request, ids: [][]int32{in}}, groups: groups[i : i+1]}
		require.NoError(t, m.Run(t.Context(), own))
		assert.Equal(t, own.rows[0], g.rows[i], "%v", groups[i])
	}
}

// A call that keeps a fault of one of equal inputs keeps it of that one. What a call does
// to the rows of one input is not seen by another.
func TestEqualInputsAreApart(t *testing.T) {
	m, way := newModel(t, 1, 50)
	in := []int32{2, 9, 8, 3}
	want := run(t, m, Request{Way: way}, [][]int32{in})[0]
	bad := errors.New("bad")
	l := &spoiling{lists{Request: Request{Way: way}, ids: [][]int32{in, in, in, in}}}
	l.take = func(i int) error {
		if i == 1 {
			return bad
		}
		return nil
	}
	require.Equal(t, Faults{1: bad}, m.Run(t.Context(), l))
	for _, rows := range l.rows {
		assert.Equal(t, want, rows)
	}
}

// spoiling writes to the rows that it took.
type spoiling struct{ lists }

func (s *spoiling) Take(i int, rows tensor.Matrix) error {
	err := s.lists.Take(i, rows)
	clear(rows.Row(0))
	return err
}

// Sums of ids that differ little differ.
func TestSum(t *testing.T) {
	sums := map[uint64]bool{}
	n := 0
	for length := range 9 {
		for at := range max(1, length) {
			for id := range int32(500) {
				ids := make([]int32, length)
				if length > 0 {
					ids[at] = id + 1
				}
				sums[sum(ids)] = true
				if n++; length == 0 {
					break
				}
			}
		}
	}
	assert.Equal(t, n, len(sums))
}

func BenchmarkSum(b *testing.B) {
	ids := make([]int32, 128)
	for b.Loop() {
		sum(ids)
	}
}
