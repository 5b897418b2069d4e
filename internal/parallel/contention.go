package parallel

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	stalled    = 100 * time.Microsecond // a wait so long for parts that take less is for a worker that is not run
	shortTasks = time.Millisecond       // waits in longer ones are for parts that take long
	enough     = 8 * time.Millisecond   // of tasks to judge by
	stale      = 500 * time.Millisecond // to judge by
	shortest   = 2 * time.Millisecond   // for which fewer workers are used
	longest    = 256 * time.Millisecond
	slices     = 10 * time.Millisecond // in which the system runs others on each processor
)

// A contention is what a process knows of how the system runs its threads. Where other
// programs have the processors, a worker that has taken a part may not be run for
// milliseconds, in which those beside it wait. Where there are such stalls, and the
// processor time that the process has says that no more than two thirds of the workers
// are run, half of them are used for a while, which is twice as long where it was no
// better after the last one.
type contention struct {
	until atomic.Int64 // time of fewer workers; 0 = all are used
	tasks atomic.Int64 // nanoseconds of tasks of several workers

	mu    sync.Mutex
	from  time.Duration // what is judged began then
	used  time.Duration // processor time until then
	ran   int64         // tasks until then
	times int           // that the number of workers is halved
	pause time.Duration // the last one
	ended time.Duration // the time that it did
}

// crowded is that of this process.
var crowded contention

// began is what times are counted from.
var began = time.Now()

func now() time.Duration { return time.Since(began) }

// width returns how many of so many workers to use.
func (c *contention) width(size int) int {
	until := time.Duration(c.until.Load())
	if until == 0 {
		return size
	}
	now := now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now >= until && c.times > 0 {
		c.times--
		c.ended = now
		c.from = 0
		if c.until.Store(0); c.times > 0 {
			c.until.Store(int64(now + c.pause))
		}
	}
	return max(1, size>>c.times)
}

// stall judges after a wait for one of so many workers that was not run.
func (c *contention) stall(workers int) {
	now := now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now < time.Duration(c.until.Load()) {
		return // of a task that began before
	}
	ran := time.Duration(c.tasks.Load() - c.ran)
	if ran < enough && now-c.from < stale {
		return
	}
	used, known := ProcessorTime()
	few := known && now-c.from < stale && 3*(used-c.used) < 2*ran*time.Duration(workers)
	c.from, c.used, c.ran = now, used, c.tasks.Load()
	if !few {
		return
	}
	if c.pause > 0 && now < c.ended+c.pause+enough+slices {
		c.pause = min(2*c.pause, longest)
	} else {
		c.pause = shortest
	}
	c.times = min(c.times+1, 16)
	c.until.Store(int64(now + c.pause))
}
