//go:build linux

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// EmbedSeq, read to its end, left early and canceled, and jobs that are stopped, go on and
// begin anew: between them nothing of them is left.
func TestSequencesAndJobs(t *testing.T) {
	d, long := lasts(t)
	m, err := embed.Load(t.Context(), filepath.Join(goldens, "bert", "model"), embed.Config{})
	require.NoError(t, err)
	dir := t.TempDir()
	input := filepath.Join(dir, "in.txt")
	require.NoError(t, os.WriteFile(input, []byte(strings.Join(texts(1, 300), "\n")), 0o600))
	before := itself()
	w := newWatch("jobs", d, itself)
	rng := rand.New(rand.NewPCG(1, 2))
	done := map[string]int{}
	for round := 0; time.Since(w.start) < d || round < 8; round++ {
		ctx, cancel := context.WithCancel(t.Context())
		stop := -1
		if rng.IntN(3) > 0 {
			stop = rng.IntN(400)
		}
		n := 0
		for _, err := range m.EmbedSeq(ctx, func(yield func(string) bool) {
			for _, text := range texts(round, 300) {
				if !yield(text) {
					return
				}
			}
		}, embed.Options{}) {
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
			if n++; n == stop {
				if round%2 == 0 {
					break
				}
				cancel()
			}
		}
		cancel()
		done["sequences"]++

		output := filepath.Join(dir, []string{"out.jsonl", "out.csv.gz", "out.npy", "out.parquet"}[rng.IntN(4)])
		ctx, cancel = context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Millisecond)
		_, err := job.Run(ctx, m, job.Config{Inputs: []string{input}, Output: output, ChunkRows: 16, Restart: rng.IntN(4) == 0})
		cancel()
		switch {
		case err == nil:
			done["jobs"]++
		case errors.Is(err, context.DeadlineExceeded):
			done["stopped jobs"]++
		default:
			require.NoError(t, err)
		}
		w.look()
	}
	t.Log(done)
	require.NoError(t, m.Close())
	after := itself()
	assert.LessOrEqual(t, after[2], before[2], "goroutines")
	assert.LessOrEqual(t, after[3], before[3], "open files")
	w.flat(t, long)
}

// Models of each kind that are loaded, used and closed a thousand times, in each precision,
// leave nothing.
func TestLoadedAndClosed(t *testing.T) {
	_, long := lasts(t)
	times := 40
	if long {
		times = 1000
	}
	ctx := t.Context()
	use := []func(p embed.Precision) error{
		func(p embed.Precision) error {
			m, err := embed.Load(ctx, filepath.Join(goldens, "bert", "model"), embed.Config{Precision: p})
			if err != nil {
				return err
			}
			_, err = m.Embed(ctx, []string{"summer rain"}, embed.Options{})
			return errors.Join(err, m.Close())
		},
		func(p embed.Precision) error {
			m, err := rerank.Load(ctx, filepath.Join(heads, "rerank-bert", "model"), embed.Config{Precision: p})
			if err != nil {
				return err
			}
			_, err = m.Score(ctx, "a", []string{"b", "c"}, rerank.Options{})
			return errors.Join(err, m.Close())
		},
		func(p embed.Precision) error {
			m, err := sparse.Load(ctx, filepath.Join(heads, "sparse-bert-max", "model"), embed.Config{Precision: p})
			if err != nil {
				return err
			}
			_, err = m.Embed(ctx, []string{"summer rain"}, sparse.Options{})
			return errors.Join(err, m.Close())
		},
		func(p embed.Precision) error {
			m, err := multivector.Load(ctx, filepath.Join(heads, "mv-bert", "model"), embed.Config{Precision: p})
			if err != nil {
				return err
			}
			_, err = m.EmbedQuery(ctx, "summer rain", multivector.Options{})
			return errors.Join(err, m.Close())
		},
	}
	w := newWatch("loading", 0, itself)
	w.every = 0
	var first [len(quantities)]float64
	for i := range times {
		p := embed.Precisions()[i/len(use)%len(embed.Precisions())]
		require.NoError(t, use[i%len(use)](p), fmt.Sprint(i, " in ", p))
		if i == times/5 {
			first = itself()
		}
		if i%max(1, times/200) == 0 {
			w.look()
		}
	}
	last := itself()
	assert.LessOrEqual(t, last[2], first[2], "goroutines")
	assert.LessOrEqual(t, last[3], first[3], "open files")
	w.flat(t, long)
}
