package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A chunk is rows on their way from the inputs to the output.
type chunk struct {
	results  []rows.Result
	digest   string  // of all rows of the inputs up to its end
	fraction float64 // of the work, when it is written
	at       *position
}

// process embeds the chunks that are not written yet. One is read and another
// written while a third is embedded.
func (j *job) process(ctx context.Context) error {
	pieces, err := j.part(ctx)
	if err != nil {
		return err
	}
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, embedded := make(chan chunk), make(chan chunk)
	var (
		wg                sync.WaitGroup
		readErr, writeErr error
		indexes           int
	)
	wg.Go(func() {
		defer close(read)
		indexes, readErr = j.read(ctx, read, pieces)
	})
	wg.Go(func() {
		for c := range embedded {
			if writeErr == nil {
				writeErr = j.write(ctx, &c)
			}
			if writeErr != nil {
				cancel()
			}
		}
		if writeErr == nil && j.pending {
			writeErr = j.commit()
		}
	})
	var embedErr error
	for c := range read {
		if embedErr = j.embed(ctx, c.results); embedErr != nil {
			cancel()
			break
		}
		embedded <- c
	}
	close(embedded)
	for range read { // what was read already
	}
	wg.Wait()
	if writeErr != nil {
		return writeErr
	}
	if parent.Err() == nil && embedErr != nil {
		return embedErr
	}
	if parent.Err() == nil {
		j.state.Indexes = indexes
		return readErr
	}
	return parent.Err()
}

// read sends the chunks that are not written yet. At the end of all it returns how
// many indexes their rows have.
func (j *job) read(ctx context.Context, to chan<- chunk, pieces []piece) (_ int, err error) {
	r := newReader(ctx, &j.cfg, pieces)
	defer func() { err = errors.Join(err, r.close()) }()
	if err := j.pass(r); err != nil {
		return 0, err
	}
	if j.state.Rows > 0 {
		j.first = r.fraction()
	}
	for {
		results, err := r.chunk()
		if err == io.EOF {
			return r.index, nil
		}
		if err != nil {
			return 0, err
		}
		for _, result := range results {
			if err := result.Err; err != nil && j.cfg.OnError == Stop {
				return 0, j.located(ctx, &result, err)
			}
		}
		select {
		case to <- chunk{results, r.digest(), r.fraction(), r.position()}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// pass goes to the rows that are not written yet. Those that are, and that are read once
// more because their file cannot be entered, or has changed, must be the same as they were.
func (j *job) pass(r *reader) (err error) {
	at := position{Again: j.state.Rows}
	if j.state.At != nil {
		at = *j.state.At
	}
	if !r.start(&at) {
		at = position{Again: j.state.Rows}
		r.start(&at)
	}
	for i := 0; i < at.Again && err == nil; i++ {
		var row rows.Result
		if row, err = r.row(); err == nil {
			r.add(&row)
		}
	}
	if err == io.EOF || err == nil && j.state.Rows > 0 && r.digest() != j.state.Read {
		return stale("%s: the first %d rows are not those that the job has embedded", j.dir, j.state.Rows)
	}
	return err
}

// located returns err with the place of r.
func (j *job) located(ctx context.Context, r *rows.Result, err error) error {
	number, lost := j.line(ctx, r)
	if lost != nil {
		return lost
	}
	return fmt.Errorf("%s:%d: %w", r.File, number, err)
}

// line returns the line of r in its file. Of a shard that begins within it, the lines
// before are counted when one is asked for.
func (j *job) line(ctx context.Context, r *rows.Result) (int, error) {
	if r.From == 0 {
		return r.Line, nil
	}
	j.linesBefore.Lock() // a shard begins within one file at most
	defer j.linesBefore.Unlock()
	if j.linesBefore.n == 0 {
		how, err := (&inputFile{Name: r.File}).how(&j.cfg)
		if err != nil {
			return 0, err
		}
		if j.linesBefore.n, err = rows.LinesBefore(ctx, r.File, how, r.From); err != nil {
			return 0, err
		}
	}
	return j.linesBefore.n + r.Line, nil
}

// embed fills in results. The model computes once what several of them have.
func (j *job) embed(ctx context.Context, results []rows.Result) error {
	group := make([]*rows.Result, len(results))
	for i := range results {
		group[i] = &results[i]
	}
	return j.filler.Fill(ctx, group, func(r *rows.Result, err error) error {
		if j.cfg.OnError == Stop {
			return j.located(ctx, r, err)
		}
		return nil
	})
}

// write writes a chunk, and commits it with those before it unless others were a
// moment ago.
func (j *job) write(ctx context.Context, c *chunk) error {
	if err := j.sink.write(c.results); err != nil {
		if bad := (*rowError)(nil); errors.As(err, &bad) {
			return j.located(ctx, bad.result, bad.err)
		}
		return err
	}
	failed, s := 0, j.state
	for i := range c.results {
		for r := range c.results[i].Rows() {
			j.tokens += r.Tokens
		}
		s.Pieces += len(c.results[i].Chunks)
		if n := c.results[i].Truncated; n > 0 {
			s.Cut++
			s.Dropped += n
		}
		if c.results[i].Err == nil {
			if c.results[i].ID != nil {
				s.IDs++
			}
			continue
		}
		failed++
		if err := j.writeError(ctx, &c.results[i]); err != nil {
			return err
		}
	}
	s.Chunks++
	s.Rows += len(c.results)
	s.Failed += failed
	s.Read, s.At = c.digest, c.at
	j.pending = true
	if j.urgent || time.Since(j.committed) >= j.cfg.interval {
		if err := j.commit(); err != nil {
			return err
		}
	}
	if j.cfg.Progress != nil {
		elapsed := time.Since(j.started)
		p := Progress{Rows: s.Rows, Failed: s.Failed, Fraction: c.fraction}
		p.Rate = float64(s.Rows-j.resumed) / elapsed.Seconds()
		p.Tokens = float64(j.tokens) / elapsed.Seconds()
		if done := c.fraction - j.first; done > 0 {
			p.Left = time.Duration(float64(elapsed) * (1 - c.fraction) / done)
		}
		j.cfg.Progress(p)
	}
	return nil
}

// writeError adds a line to the report.
func (j *job) writeError(ctx context.Context, r *rows.Result) error {
	number, err := j.line(ctx, r)
	if err != nil {
		return err
	}
	line, err := json.Marshal(struct {
		Index int             `json:"index"`
		ID    json.RawMessage `json:"id,omitempty"`
		Input string          `json:"input"`
		Line  int             `json:"line"`
		Error string          `json:"error"`
	}{r.Index, r.ID, r.File, number, r.Err.Error()})
	if err != nil {
		return err
	}
	_, err = j.errors.Write(append(line, '\n'))
	return err
}
