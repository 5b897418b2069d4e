package embedhttp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"golang.org/x/sync/semaphore"
)

// What the requests under way may have in memory, their bodies and texts.
const (
	smallSize  = 64 << 10         // bytes of a request that waits for no other
	middleSize = 1 << 20          // of one that waits for no larger one
	middleRoom = 64 << 20         // of all those together
	largeRoom  = 4                // of the larger ones together, times Config.MaxBody
	roomTime   = 10 * time.Second // to wait for room
)

// A room is the memory that a Handler's requests share, and the time of the CPUs
// to parse them: a large one is parsed alone.
type room struct {
	middle, large, parsing *semaphore.Weighted // bytes
}

func newRoom(maxBody int64) *room {
	return &room{
		middle:  semaphore.NewWeighted(middleRoom),
		large:   semaphore.NewWeighted(largeRoom * maxBody),
		parsing: semaphore.NewWeighted(maxBody),
	}
}

// A share is what a request has of a room.
type share struct {
	of    *semaphore.Weighted
	bytes int64
}

// hold waits until there is room for a request of that size, at most MaxBody,
// which x has until its inputs are computed. What it has already counts.
func (x *exchange) hold(size int64) error {
	if size <= smallSize {
		return nil
	}
	s := share{x.h.room.large, size}
	if size <= middleSize {
		s.of = x.h.room.middle
	}
	for _, has := range x.shares {
		s.bytes -= has.bytes
	}
	if s.bytes <= 0 {
		return nil
	}
	if x.h.full() {
		return embed.ErrQueueFull
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), roomTime)
	defer cancel()
	if err := s.of.Acquire(ctx, s.bytes); err != nil {
		if x.r.Context().Err() != nil {
			return err
		}
		f := fail(codeQueueFull, "", "large requests take all the room that there is for them: try again later, or with less in a request")
		f.cause = errNoRoom
		return f
	}
	x.shares = append(x.shares, s)
	return nil
}

var errNoRoom = errors.New("no room for the request's body")

// full reports whether every model has all the work that it takes on.
func (h *Handler) full() bool {
	return !slices.ContainsFunc(h.all(), func(m *Model) bool { return m.queue() == nil || !m.queue().Full() })
}

// keep gives back what x has of the room beyond size.
func (x *exchange) keep(size int64) {
	if size <= smallSize {
		x.leave()
	}
	for i := range x.shares {
		s := &x.shares[i]
		spare := max(0, s.bytes-size)
		s.of.Release(spare)
		s.bytes -= spare
		size -= s.bytes
	}
}

// leave gives back what x has of the room.
func (x *exchange) leave() {
	for _, s := range x.shares {
		s.of.Release(s.bytes)
	}
	x.shares = nil
}

// parse reads a body with read, in turn with other large requests.
func (x *exchange) parse(body []byte, read func(body []byte) error) error {
	if size := int64(len(body)); size > smallSize {
		parsing := x.h.room.parsing
		if err := parsing.Acquire(x.r.Context(), size); err != nil {
			return err
		}
		defer parsing.Release(size)
	}
	return read(body)
}
