package job

import (
	"context"
	"crypto/sha256"
	"encoding"
	"fmt"
	"math/bits"
	"slices"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A shard is a part of the rows of all inputs.
type shard struct {
	Number int   `json:"number"` // from 1
	Of     int   `json:"of"`     // shards
	From   bound `json:"from"`
	To     bound `json:"to"` // where the next one begins
}

// A bound is a place between rows of the inputs.
type bound struct {
	Input  int   `json:"input"`
	Offset int64 `json:"offset"` // in it, as a rows.Range counts
}

// A piece is what a job reads of an input.
type piece struct {
	inputFile
	number int // of the input
	rows.Range
	share int64 // bytes of the input, about
}

// part returns the pieces of the inputs that the job reads. Each shard has its part of the
// bytes of all files: of lines, those that begin there, of other formats as much of the rows.
func (j *job) part(ctx context.Context) ([]piece, error) {
	cfg, s := &j.cfg, j.state
	if cfg.Shards > 0 && s.Shard == nil {
		from, err := j.bound(ctx, cfg.Shard-1)
		if err != nil {
			return nil, err
		}
		to, err := j.bound(ctx, cfg.Shard)
		if err != nil {
			return nil, err
		}
		s.Shard = &shard{cfg.Shard, cfg.Shards, from, to}
	}
	part := shard{To: bound{Input: len(j.inputs)}}
	first, last := uint64(0), uint64(0)
	for _, in := range j.inputs {
		last += uint64(in.Size)
	}
	if s.Shard != nil {
		part = *s.Shard
		first, last = portion(last, cfg.Shard-1, cfg.Shards), portion(last, cfg.Shard, cfg.Shards)
	}
	var pieces []piece
	begin := uint64(0) // of the input
	for i, in := range j.inputs {
		p := piece{inputFile: in, number: i}
		end := begin + uint64(in.Size)
		p.share = int64(min(end, last)) - int64(max(begin, first))
		begin = end
		if i == part.From.Input {
			p.From = part.From.Offset
		}
		if i == part.To.Input {
			p.To = part.To.Offset
		}
		if i < part.From.Input || i > part.To.Input || i == part.To.Input && p.To <= p.From {
			continue
		}
		pieces = append(pieces, p)
	}
	return pieces, nil
}

// portion returns i n-ths of size.
func portion(size uint64, i, n int) uint64 {
	high, low := bits.Mul64(size, uint64(i))
	part, _ := bits.Div64(high, low, uint64(n)) // i <= n: it is at most size
	return part
}

// bound returns where the shard behind the i-th begins.
func (j *job) bound(ctx context.Context, i int) (bound, error) {
	if i == 0 {
		return bound{}, nil
	}
	rest := uint64(0)
	for _, in := range j.inputs {
		rest += uint64(in.Size)
	}
	if i < j.cfg.Shards {
		rest = portion(rest, i, j.cfg.Shards)
	}
	for k, in := range j.inputs {
		size := uint64(in.Size)
		if rest >= size {
			rest -= size
			continue
		}
		if rest == 0 {
			return bound{Input: k}, nil
		}
		how, err := in.how(&j.cfg)
		if err != nil {
			return bound{}, err
		}
		length, err := rows.Length(ctx, in.Name, how)
		if err != nil {
			return bound{}, err
		}
		high, low := bits.Mul64(uint64(length), rest)
		offset, _ := bits.Div64(high, low, size) // rest < size
		return bound{k, int64(offset)}, nil
	}
	return bound{Input: len(j.inputs)}, nil
}

// fits returns an error where inputs have changed so that the shards are others.
func (s *shard) fits(was, is []inputFile) error {
	if len(was) != len(is) {
		return fmt.Errorf("%d inputs now, there were %d, so that the shards no longer fit together", len(is), len(was))
	}
	for i, in := range is {
		if in.Size != was[i].Size {
			return fmt.Errorf("%s has %d bytes now, it had %d, so that the shards no longer fit together", in.Name, in.Size, was[i].Size)
		}
	}
	return nil
}

// A position is where in the inputs a job goes on.
type position struct {
	Input int `json:"input"` // its number
	rows.Position
	Index int    `json:"index"`           // of the next row
	Sum   []byte `json:"sum,omitempty"`   // of the rows before, SHA-256 as it goes on
	Again int    `json:"again,omitempty"` // rows that are read once more, as the input has no place to enter at
}

// holds reports whether the inputs up to the position are the same as they were.
func (p *position) holds(was, is []inputFile) bool {
	if p == nil {
		return false
	}
	n := min(p.Input+1, len(was))
	return len(is) >= n && slices.Equal(was[:n], is[:n])
}

// position returns where r is.
func (r *reader) position() *position {
	if r.src == nil {
		last := r.pieces[len(r.pieces)-1].number
		return &position{Input: last + 1, Index: r.index, Sum: r.state()}
	}
	if at, ok := r.src.Position(); ok {
		return &position{Input: r.opened.Input, Position: at, Index: r.index, Sum: r.state()}
	}
	again := r.opened
	return &again
}

// state returns the sum as it can go on.
func (r *reader) state() []byte {
	data, err := r.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // of crypto/sha256 there is none
	}
	return data
}

// start has r begin at a position; false where its sum is none.
func (r *reader) start(p *position) bool {
	r.sum.Reset()
	if p.Sum != nil && r.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(p.Sum) != nil {
		r.sum = sha256.New()
		return false
	}
	r.at, r.index = p.Position, p.Index
	for r.next < len(r.pieces) && r.pieces[r.next].number < p.Input {
		r.before += r.pieces[r.next].share
		r.next++
	}
	return true
}

// open opens the next piece.
func (r *reader) open() error {
	p := &r.pieces[r.next]
	how, err := p.how(r.cfg)
	if err != nil {
		return err
	}
	how.Range, how.At = p.Range, r.at
	if r.src, err = rows.Open(r.ctx, p.Name, how); err != nil {
		r.src = nil
		return err
	}
	r.opened = position{Input: p.number, Position: r.at, Index: r.index, Sum: r.state()}
	r.at = rows.Position{}
	r.next++
	return nil
}
