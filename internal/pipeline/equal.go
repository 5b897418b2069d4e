package pipeline

import (
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// sumSeed is where the sum of an input's ids begins: clients do not know it.
var sumSeed = rand.Uint64()

// sum returns a sum of ids: those of unequal ones are most likely unequal. Each step
// multiplies to 128 bits, as wyhash's (github.com/wangyi-fudan/wyhash, final version 4).
func sum(ids []int32) uint64 {
	const factor = 0xa0761d6478bd642f
	h := bits.RotateLeft64(sumSeed, len(ids))
	for ; len(ids) > 1; ids = ids[2:] {
		high, low := bits.Mul64(h^(uint64(uint32(ids[0]))|uint64(uint32(ids[1]))<<32), factor)
		h = high ^ low
	}
	for _, id := range ids {
		high, low := bits.Mul64(h^uint64(uint32(id)), factor)
		h = high ^ low
	}
	return h
}

// equal reports whether rows of t and of o have the same bits.
func (t *Tokens) equal(o *Tokens) bool {
	return slices.Equal(t.IDs, o.IDs) && slices.Equal(t.Types, o.Types) && t.Seen == o.Seen &&
		(t.Groups == nil) == (o.Groups == nil) && slices.EqualFunc(t.Groups, o.Groups, equalGroups)
}

// equalGroups reports whether a and b are the same tokens of an input: nil is all of them.
func equalGroups(a, b []int32) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// merge leaves in c.items those that have tokens, and of several with the same ones the
// first: c.next leads from its input to those of the others, which its rows are for too.
func (c *call) merge() {
	n := len(c.items)
	c.next = grow(&c.next, n)
	clear(c.next)
	size := 1 << bits.Len(uint(2*n))
	table := grow(&c.table, size) // open hash table of indices of items, counted from 1
	clear(table)
	for k := range c.items {
		i := &c.items[k]
		if i.call == nil {
			continue
		}
		for at := int(i.sum) & (size - 1); ; at = (at + 1) & (size - 1) {
			if table[at] == 0 {
				table[at] = int32(k + 1)
				break
			}
			if first := &c.items[table[at]-1]; first.sum == i.sum && first.tokens.equal(&i.tokens) {
				c.next[i.index], c.next[first.index] = c.next[first.index], i.index
				i.call = nil
				break
			}
		}
	}
	c.items = slices.DeleteFunc(c.items, func(i item) bool { return i.call == nil })
}

// take gives the rows of i to its call, for each input that has its tokens.
func (s *Scratch) take(i item, rows tensor.Matrix) {
	c := i.call
	for other := c.next[i.index]; other != 0; other = c.next[other] {
		same := asMatrix(grow(&s.same, rows.Rows*rows.Cols), rows.Rows, rows.Cols)
		for r := range rows.Rows {
			copy(same.Row(r), rows.Row(r))
		}
		if err := c.Take(other, same); err != nil {
			c.fault(other, err)
		}
	}
	if err := c.Take(i.index, rows); err != nil {
		c.fault(i.index, err)
	}
}
