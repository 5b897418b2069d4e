package pipeline

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

// leastShared is how many tokens a prefix has at least that is computed by itself: less
// is a batch too small for the weights that are read for it.
const leastShared = leastBatchTokens / 2

// A continuing Head makes the rows of a sequence of its last hidden states alone.
type continuing interface {
	// continues reports whether the rows of a sequence that ends in these tokens come
	// of theirs alone.
	continues(rest []int32) bool
}

func (l Logits) continues(rest []int32) bool {
	h := l.Model.Head
	return h.Of == transformer.LastToken && slices.ContainsFunc(rest, func(id int32) bool { return id != h.Padding })
}

func (p *Pooled) continues([]int32) bool {
	return p.pools(PoolLastToken)
}

// continues and readsOne are not those of Pooled: a group may have any tokens.
func (*Grouped) continues([]int32) bool { return false }
func (*Grouped) readsOne() bool         { return false }

// share computes once what all items begin with, takes it off them and returns it, to be
// given back: of a model whose tokens see none behind them, where it saves a quarter of
// the tokens. The rows have the same bits. nil is nothing.
func (p *pass) share(team *parallel.Team) (prefix *transformer.Prefix) {
	n := p.shared()
	if n == 0 {
		return nil
	}
	old, _ := p.model.prefixes.Get().(*transformer.Prefix)
	ids := p.items[0].tokens.IDs[:n]
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil { // the items, whole, come to the same weights, and say it
			prefix = nil
		}
	}()
	prefix, err := p.items[0].call.Way.Encoder.(Transformer).Model.Prefix(&audience{context.Background(), p.items}, team, ids, old)
	if err != nil {
		return nil
	}
	for k := range p.items {
		i := &p.items[k]
		i.prefix, i.tokens.IDs = prefix, i.tokens.IDs[n:]
	}
	return prefix
}

// shared returns how many tokens that all items begin with are to be computed once.
func (p *pass) shared() int {
	if len(p.items) < 2 {
		return 0
	}
	first := p.items[0]
	t, ok := first.call.Way.Encoder.(Transformer)
	head, ends := first.call.Way.Head.(continuing)
	if !ok || !ends || first.call.Task != 0 || !t.Model.SharesPrefixes() {
		return 0
	}
	n := len(first.tokens.IDs) - 1 // each keeps one token at least
	for _, i := range p.items {
		if i.tokens.Types != nil || i.tokens.Seen != 0 || i.call.Skip != 0 {
			return 0
		}
		n = commonLength(first.tokens.IDs[:n], i.tokens.IDs[:len(i.tokens.IDs)-1])
		if n < leastShared {
			return 0
		}
	}
	if saved := n * (len(p.items) - 1); 4*saved < countTokens(p.items) {
		return 0
	}
	for _, i := range p.items {
		if !head.continues(i.tokens.IDs[n:]) {
			return 0
		}
	}
	return n
}

// commonLength returns how many elements a and b begin with in common.
func commonLength(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
