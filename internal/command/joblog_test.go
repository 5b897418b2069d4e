package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/job"
)

// A tap calls use with what is written.
type tap struct {
	mu   sync.Mutex
	all  bytes.Buffer
	seen chan string
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Write(b)
	select {
	case p.seen <- string(b):
	default:
	}
	return len(b), nil
}

// Without a terminal there are whole lines, of the last that the job told.
func TestJobLog(t *testing.T) {
	to := &tap{seen: make(chan string)}
	l := newJobLog(to, time.Millisecond, true)
	l.job(job.Progress{Rows: 1200, Failed: 2, Rate: 40.4, Tokens: 5000, Left: 90*time.Second + time.Millisecond})
	const want = "rhumb: 1200 rows, 40 rows/s, 5000 tokens/s, 1m30s left, 2 bad\n"
	for line := range to.seen {
		if line == want { // the first may have been before it
			break
		}
	}
	l.job(job.Progress{Rows: 1300})
	l.clear()
	assert.True(t, strings.HasSuffix(to.all.String(), "rhumb: 1300 rows, 0 rows/s, 0 tokens/s, 0s left\n"))
	assert.NotContains(t, to.all.String(), "\r")
}

func TestBatchProgress(t *testing.T) {
	in, dir := write(t, "in.txt", "a\nb\n"), t.TempDir()
	for mode, lines := range map[string]int{"auto": 0, "always": 1, "never": 0} {
		code, _, stderr := rhumb(t, "", "batch", "--model", tiny, in, dir+"/"+mode+".jsonl", "--progress", mode)
		require.Zero(t, code, stderr)
		assert.Equal(t, lines, strings.Count(stderr, "\n"))
		assert.NotContains(t, stderr, "\r")
		assert.NoDirExists(t, dir+"/"+mode+".jsonl.job")
	}
}

// Who interrupts a job reads how it goes on.
func TestBatchInterrupted(t *testing.T) {
	var text strings.Builder
	for i := range 50000 {
		fmt.Fprintln(&text, "summer", i)
	}
	in := write(t, "in.txt", text.String())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(in + ".jsonl.job/job.json"); err == nil {
				return // it has begun
			}
			runtime.Gosched()
		}
	}()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"batch", "--model", tiny, in, in + ".jsonl"}, strings.NewReader(""), &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Regexp(t, `^rhumb: interrupted: \d+ rows are done; the same command goes on behind them\n$`, stderr.String())
}
