package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A chunk is rows on their way from the inputs to the output.
type chunk struct {
	results  []rows.Result
	digest   string  // of all rows of the inputs up to its end
	fraction float64 // of the work, when it is written
}

// process embeds the chunks that are not written yet. One is read and another
// written while a third is embedded.
func (j *job) process(ctx context.Context) error {
	from, to, err := j.part(ctx)
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
	)
	wg.Go(func() {
		defer close(read)
		readErr = j.read(ctx, read, from, to)
	})
	wg.Go(func() {
		for c := range embedded {
			if writeErr == nil {
				writeErr = j.write(&c)
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
		return readErr
	}
	return parent.Err()
}

// part returns which chunks of the inputs are the job's: from the first one up to,
// and without, the second. The shards have whole chunks, one behind the other.
func (j *job) part(ctx context.Context) (from, to int, err error) {
	cfg := &j.cfg
	if cfg.Shards == 0 {
		return 0, math.MaxInt, nil
	}
	n, err := count(ctx, cfg, j.inputs)
	if err != nil {
		return 0, 0, err
	}
	if j.state.Total != 0 && j.state.Total != n {
		return 0, 0, stale("%s: the inputs have %d chunks of rows now, they had %d, so that the shards no longer fit together", j.dir, n, j.state.Total)
	}
	j.state.Total = n
	return n * (cfg.Shard - 1) / cfg.Shards, n * cfg.Shard / cfg.Shards, nil
}

// read sends the chunks that are not written yet, of those from the first up to
// the second.
func (j *job) read(ctx context.Context, to chan<- chunk, first, end int) (err error) {
	r := newReader(ctx, &j.cfg, j.inputs)
	defer func() { err = errors.Join(err, r.close()) }()
	begin := first + j.state.Chunks // which the writer has not changed yet
	fraction := func(done int) float64 {
		if end < math.MaxInt {
			return float64(done-first) / float64(end-first)
		}
		return r.fraction()
	}
	if err := j.pass(r, first); err != nil {
		return err
	}
	if begin > first {
		j.first = fraction(begin)
	}
	for i := begin; i < end; i++ {
		results, err := r.chunk()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, result := range results {
			if err := result.Err; err != nil && j.cfg.OnError == Stop {
				return located(&result, err)
			}
		}
		select {
		case to <- chunk{results, r.digest(), fraction(i + 1)}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// pass passes over the chunks of other shards, before the first of this one, and the
// rows that are written, which must be the same as they were.
func (j *job) pass(r *reader, first int) (err error) {
	for i := 0; i < first && err == nil; i++ {
		_, err = r.chunk()
	}
	for i := 0; i < j.state.Rows && err == nil; i++ {
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
func located(r *rows.Result, err error) error { return fmt.Errorf("%s:%d: %w", r.File, r.Line, err) }

// embed fills in results. A text that they have several times is embedded once.
func (j *job) embed(ctx context.Context, results []rows.Result) error {
	type copied struct{ from, to *rows.Result }
	var (
		group  []*rows.Result
		copies []copied
		first  = make(map[string]*rows.Result, len(results))
	)
	for i := range results {
		r := &results[i]
		if r.IDs == nil && r.Err == nil {
			if same := first[r.Text]; same != nil {
				copies = append(copies, copied{same, r})
				continue
			}
			first[r.Text] = r
		}
		group = append(group, r)
	}
	err := j.filler.Fill(ctx, group, func(r *rows.Result, err error) error {
		if j.cfg.OnError == Stop {
			return located(r, err)
		}
		return nil
	})
	for _, c := range copies {
		c.to.Embedding, c.to.Chunks, c.to.Err = c.from.Embedding, c.from.Chunks, c.from.Err
	}
	return err
}

// write writes a chunk, and commits it with those before it unless others were a
// moment ago.
func (j *job) write(c *chunk) error {
	if err := j.sink.write(c.results); err != nil {
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
			continue
		}
		failed++
		if err := j.writeError(&c.results[i]); err != nil {
			return err
		}
	}
	s.Chunks++
	s.Rows += len(c.results)
	s.Failed += failed
	s.Read = c.digest
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
func (j *job) writeError(r *rows.Result) error {
	line, err := json.Marshal(struct {
		Index int             `json:"index"`
		ID    json.RawMessage `json:"id,omitempty"`
		Input string          `json:"input"`
		Line  int             `json:"line"`
		Error string          `json:"error"`
	}{r.Index, r.ID, r.File, r.Line, r.Err.Error()})
	if err != nil {
		return err
	}
	_, err = j.errors.Write(append(line, '\n'))
	return err
}
