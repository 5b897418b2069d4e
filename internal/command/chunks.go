package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A chunk of inputs is in memory at a time. Its inputs are as many as take about
// chunkTime, so that results and progress come steadily.
const (
	leastInputs = 64
	mostInputs  = 2048
	mostBytes   = 8 << 20
	chunkTime   = time.Second
)

// chunks are those of a source.
type chunks struct {
	src    rows.Source
	skip   bool // a bad input is a result, not the end
	bytes  int  // of a chunk from which on it takes no more; 0 = mostBytes
	inputs int  // of the next chunk; 0 at the beginning
	index  int  // of the next input: inputs so far, and blank lines between them
	count  int  // inputs so far
	failed int  // those that were bad

	cut, dropped int // inputs over the limit, and the tokens that they lost
}

// lose counts an input that lost so many tokens.
func (c *chunks) lose(tokens int) {
	if tokens > 0 {
		c.cut++
		c.dropped += tokens
	}
}

// tellCut says what was cut, of commands whose output does not.
func (c *chunks) tellCut(to io.Writer) {
	if c.cut > 0 {
		fmt.Fprintf(to, "rhumb: %s over the limit: %s dropped (--truncate none makes that an error)\n", counted(c.cut, "input"), counted(c.dropped, "token"))
	}
}

// counted returns n of what that word names.
func counted(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprint(n, " ", word)
}

// each calls work with the inputs chunk by chunk, in their order. What becomes of them
// is work's to fill in or to write.
func (c *chunks) each(bar *bar, work func([]rows.Result) error) error {
	for {
		results, end := c.read()
		if end != nil && end != io.EOF {
			return end
		}
		start := time.Now()
		if err := work(results); err != nil {
			return err
		}
		switch took := time.Since(start); {
		case took < chunkTime/2:
			c.inputs *= 2
		case took > 2*chunkTime:
			c.inputs /= 2
		}
		c.count += len(results)
		for _, r := range results {
			if r.Err != nil {
				c.failed++
			}
		}
		if end != nil {
			return nil
		}
		bar.show(c.count, c.src)
	}
}

// read returns the next inputs, or io.EOF, perhaps with the last ones.
func (c *chunks) read() ([]rows.Result, error) {
	c.inputs = min(max(c.inputs, leastInputs), mostInputs)
	var results []rows.Result
	for size := 0; len(results) < c.inputs && size < cmp.Or(c.bytes, mostBytes); {
		in, err := c.src.Next()
		r := rows.Result{Input: in}
		var bad *rows.BadInput
		switch {
		case errors.As(err, &bad) && c.skip:
			r.Input, r.Err = bad.Input, bad.Err
		case bad != nil:
			return nil, fmt.Errorf("%s: %w", c.src.At(bad.Line), bad.Err)
		case err != nil: // io.EOF among others
			return results, err
		}
		r.Index = c.index + r.Skipped
		c.index = r.Index + 1
		results = append(results, r)
		size += len(in.Text) + 4*len(in.IDs)
		if in.Pair != nil {
			size += len(*in.Pair)
		}
	}
	return results, nil
}
