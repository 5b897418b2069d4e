package command

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/embed/job"
)

// logEvery is how often a job says how far it is where there is no terminal.
const logEvery = 30 * time.Second

// A jobLog writes lines that say how far a job is.
type jobLog struct {
	to   io.Writer
	last bool // one at the end, too
	stop chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex // of what follows
	now job.Progress
}

// newJobLog returns a log with a line to to each time that every has passed.
func newJobLog(to io.Writer, every time.Duration, last bool) *jobLog {
	l := &jobLog{to: to, last: last, stop: make(chan struct{})}
	l.done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				l.write()
			case <-l.stop:
				return
			}
		}
	})
	return l
}

// job takes how far the job is. It is a job.Config's Progress.
func (l *jobLog) job(p job.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = p
}

// write writes a line. One that cannot be written is no reason to stop.
func (l *jobLog) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.to, "rhumb: %s\n", described(l.now))
}

// clear ends the log.
func (l *jobLog) clear() {
	close(l.stop)
	l.done.Wait()
	if l.last {
		l.write()
	}
}

// jobProgress shows how far a job is until it is cleared.
type jobProgress interface {
	job(p job.Progress)
	clear()
}

// newJobProgress returns a bar on a terminal, and elsewhere a log; nil for mode never.
func (c *console) newJobProgress(mode string) jobProgress {
	switch {
	case mode == "never":
		return nil
	case isTerminal(c.stderr):
		return c.newBar(mode, false)
	}
	return newJobLog(c.stderr, logEvery, mode == "always")
}
