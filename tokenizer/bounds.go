package tokenizer

import (
	"errors"
	"fmt"
	"time"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// bounds keep the work on one text within what its length lets expect, whatever
// the tokenizer's file says. The zero value is that of an empty text.
type bounds struct {
	size     int             // of the text, in bytes
	grown    int             // bytes that steps added to it
	matching time.Duration   // that regular expressions took, by the clock
	slow     time.Duration   // matching, when half of what it may be was over; 0 = it is not
	ran      time.Duration   // processor time of the process then
	done     <-chan struct{} // Options.Done
	ticks    uint
	err      error // that ends the work
}

// begin begins the work on a text.
func (b *bounds) begin(size int, done <-chan struct{}) {
	*b = bounds{size: size, done: done}
	b.poll()
}

var errStopped = errors.New("stopped, as Options.Done is closed")

// poll ends the work where nobody waits for it.
func (b *bounds) poll() {
	if b.done != nil { // where it is nil, that is not worth a call
		b.look()
	}
}

func (b *bounds) look() {
	select {
	case <-b.done:
		b.fail(errStopped)
	default:
	}
}

// ended is over for those who ask seldom.
func (b *bounds) ended() bool {
	b.poll()
	return b.err != nil
}

// How many words are cut, or split, and characters are, between looks at Done.
const (
	wordsBetween      = 256
	charactersBetween = 1024
)

// fail ends the work with err, unless it has ended.
func (b *bounds) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// over reports whether the work has ended. Loops that may be long ask at each turn.
func (b *bounds) over() bool {
	if b.ticks++; b.ticks%1024 == 0 {
		b.poll()
	}
	return b.err != nil
}

// How much steps may add to a text: the compatibility decomposition with the most
// bytes, of U+FDFA, is 11 times as long, and ByteLevel doubles that.
const (
	leastGrowth   = 1 << 20
	growthPerByte = 32
)

// grow adds n bytes, or fewer than none, to what steps have added. It reports whether
// that is too much, which ends the work.
func (b *bounds) grow(n int) bool {
	if n > 0 {
		b.added(n)
	}
	return b.err != nil
}

func (b *bounds) added(n int) {
	b.grown += n
	if most := leastGrowth + growthPerByte*b.size; b.grown > most {
		b.fail(fmt.Errorf("normalizer and pre-tokenizer add more than %d bytes to a text of %d", most, b.size))
	}
	b.poll()
}

// grows is grow, without adding: it reports whether n more would be too much.
func (b *bounds) grows(n int) bool {
	return n > leastGrowth && b.grown+n > leastGrowth+growthPerByte*b.size && b.grow(n)
}

// Regular expressions take some hundred nanoseconds a byte; they may take fifty times
// as long. matchPatience is how long one match may take until it is begun anew, or is
// given up.
const (
	matchPatience = 400 * time.Millisecond
	leastMatching = 800 * time.Millisecond
	matchingByte  = 20 * time.Microsecond
)

// matched reports whether regular expressions took too long, the last of them the
// given one, which ends the work; or whether it has ended. A process that waits for
// processors is late by the clock alone: as of half of the time, theirs counts too.
func (b *bounds) matched(expression string) bool {
	b.poll()
	most := leastMatching + time.Duration(b.size)*matchingByte
	if b.matching <= most/2 {
		return b.err != nil
	}
	ran, known := parallel.ProcessorTime()
	if !known {
		ran = b.matching
	}
	if b.slow == 0 {
		b.slow, b.ran = b.matching, ran
	}
	if b.matching > most && ran-b.ran >= most/2 {
		b.fail(fmt.Errorf("regular expression %.100q takes too long for a text of %d bytes", expression, b.size))
	}
	return b.err != nil
}
