// Package parallel splits a range over the workers of one call.
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// A Task is work in numbered parts that may run at the same time.
type Task interface {
	// Run does part i on the given worker, 0 ≤ worker < Team.Size. No two parts
	// run on one worker at the same time.
	Run(worker, i int)
}

// A Team is the workers of one call: the caller, which is worker 0, and
// goroutines. Who waits, for parts of a task or for the last of them to end, spins at
// first, since waking a sleeping thread costs more than most tasks here take, and then
// sleeps: where the system runs two threads of a team in turn on one processor, or
// another program in place of one, the one that computes has to get it. They end with
// Close. A nil *Team is the caller alone. A Team serves one caller at a time.
type Team struct {
	size    int
	task    Task
	parts   int
	judged  time.Duration // time from which on waits tell of contention; 0 = they do not
	width   atomic.Int32  // workers that may take parts
	state   atomic.Uint64 // task number in the high half, parts not yet taken in the low half
	done    atomic.Int64  // parts that ended
	panic   atomic.Pointer[Panic]
	closed  atomic.Bool
	workers sync.WaitGroup
	started int           // of workers, without the caller
	asleep  atomic.Int32  // how many of sleeper[1:] are
	sleeper []sleeper     // of each worker
	yield   func()        // see NewYieldingTeam; nil = none
	yielded time.Duration // time at which the caller last let other goroutines run
	alone   []Team        // of each worker, where there are several
}

// A Panic is what a part of a task panicked with, and where.
type Panic struct {
	Value any
	Stack []byte
}

// Recovered returns what recover returned, which is not nil, as a *Panic of the
// place where it is called, unless it is one already.
func Recovered(r any) *Panic {
	if p, ok := r.(*Panic); ok {
		return p
	}
	return &Panic{r, debug.Stack()}
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// NewTeam returns a team of so many workers, at least 1. Their goroutines start
// now, since the first task may begin before they run, but for those that contention leaves
// out for the time being.
func NewTeam(workers int) *Team { return NewYieldingTeam(workers, nil) }

// NewYieldingTeam is NewTeam for workers that call yield, at the same time too,
// after each part, where a long part calls Yield, and while they wait for others. What
// yield does may take long: the other workers go on, and For returns when the parts have
// ended. It may not use the team.
func NewYieldingTeam(workers int, yield func()) *Team {
	t := &Team{size: max(1, workers), yield: yield, yielded: now()}
	if t.size == 1 {
		return t
	}
	t.sleeper, t.alone = make([]sleeper, t.size), make([]Team, t.size)
	for w := range t.size {
		t.sleeper[w].wake = make(chan struct{}, 1)
		own := &t.alone[w]
		own.size, own.yield, own.yielded = 1, yield, t.yielded
	}
	t.start(crowded.width(t.size))
	return t
}

// start starts what is missing of the first n workers.
func (t *Team) start(n int) {
	for ; t.started+1 < n; t.started++ {
		w := t.started + 1
		t.workers.Go(func() { t.serve(w) })
	}
}

// Once runs the n parts of one task, as For of a team of so many workers does, with
// goroutines that end when no part is left, and a caller that sleeps until they have:
// where other programs have a processor, nobody takes another one to wait for a worker that
// is not run. Waking them pays for parts of some hundred microseconds.
func Once(workers, n int, task Task) {
	t := &Team{size: min(workers, n), task: task, parts: n}
	if t.size <= 1 {
		(*Team)(nil).For(n, task)
		return
	}
	t.width.Store(int32(t.size))
	t.state.Store(uint64(n))
	for w := 1; w < t.size; w++ {
		t.workers.Go(func() {
			debug.SetPanicOnFault(true)
			t.work(w, &patience{yielded: now()})
		})
	}
	t.work(0, &patience{yielded: now()})
	t.workers.Wait()
	if p := t.panic.Load(); p != nil {
		panic(p)
	}
}

// Alone returns the team of a worker alone, for a part that this runs. It yields as t does.
func (t *Team) Alone(worker int) *Team {
	if t.Size() == 1 {
		return t
	}
	return &t.alone[worker]
}

// Yield lets other goroutines run, and first what a yielding team lets in. Parts
// call it that take longer than some hundred microseconds.
func (t *Team) Yield() {
	if t != nil && t.yield != nil {
		t.yield()
	}
	runtime.Gosched()
}

// turn is how long workers run parts before other goroutines may run. After each part that
// would cost more than it gains: where a processor is idle, Go's scheduler may go on
// there, without what the part left in the caches of the one before.
const turn = 200 * time.Microsecond

// between is Yield after a part of a worker that last let other goroutines run at that time,
// and returns when it did now.
func (t *Team) between(yielded time.Duration) time.Duration {
	if now()-yielded >= turn {
		t.Yield()
		return now()
	}
	if t.yield != nil {
		t.yield()
	}
	return yielded
}

// Close ends the team's goroutines and waits for them.
func (t *Team) Close() {
	if t != nil {
		t.closed.Swap(true) // see sleeper
		t.rouse(t.size)
		t.workers.Wait()
	}
}

// Size returns the number of workers, the caller included.
func (t *Team) Size() int {
	if t == nil {
		return 1
	}
	return t.size
}

// For runs task.Run(w, i) for every i in [0, n) and returns when all have
// ended. Workers take the next part as they become free. Between parts, from time to time, other
// goroutines may run: else the garbage collector, and every call that waits for
// a processor, would wait for the 10 ms after which Go's scheduler steps in. A
// part that panics ends; once the others have ended too, For panics with the
// *Panic of the first. Where the system does not run all workers it uses fewer, see
// contention.
func (t *Team) For(n int, task Task) { t.run(n, task, true) }

// ForLong is For of parts that take milliseconds: each is worth a worker, however
// seldom that is run.
func (t *Team) ForLong(n int, task Task) { t.run(n, task, false) }

// run is For, or where short is false ForLong.
func (t *Team) run(n int, task Task, short bool) {
	if t.Size() == 1 || n <= 1 {
		for i := range n {
			task.Run(0, i)
			if t == nil {
				runtime.Gosched()
			} else {
				t.yielded = t.between(t.yielded)
			}
		}
		return
	}
	width := t.size
	t.task, t.parts, t.judged = task, n, 0
	if short {
		width, t.judged = crowded.width(width), now()
	}
	t.width.Store(int32(width))
	t.done.Store(0)
	t.state.Swap((t.state.Load()>>32+1)<<32 | uint64(n)) // see sleeper
	t.start(width)
	t.rouse(min(n, width))
	wait := patience{yielded: t.yielded}
	t.work(0, &wait)
	for ended := func() bool { return t.done.Load() == int64(n) }; !ended(); {
		if t.over(&wait) {
			t.sleeper[0].sleep(ended)
		}
	}
	if short && width > 1 {
		crowded.tasks.Add(int64(now() - t.judged))
	}
	t.task, t.yielded = nil, wait.yielded
	if p := t.panic.Swap(nil); p != nil {
		panic(p)
	}
}

// serve takes parts of every task until the team is closed. Memory that cannot be
// read, of a mapped file that was cut, is a panic of the part.
func (t *Team) serve(worker int) {
	debug.SetPanicOnFault(true)
	called := func() bool { return t.closed.Load() || t.open(worker) }
	for wait := (patience{yielded: now()}); !t.closed.Load(); {
		switch {
		case t.work(worker, &wait):
		case t.over(&wait):
			t.asleep.Add(1)
			t.sleeper[worker].sleep(called)
			t.asleep.Add(-1)
			wait = patience{yielded: now()}
		}
	}
}

// open reports whether there are parts that worker may take.
func (t *Team) open(worker int) bool {
	return uint32(t.state.Load()) != 0 && worker < int(t.width.Load())
}

// rouse wakes those of the first n workers that sleep.
func (t *Team) rouse(n int) {
	if t.asleep.Load() == 0 {
		return
	}
	for w := 1; w < n; w++ {
		t.sleeper[w].rouse()
	}
}

// work runs parts until none is left, and says whether there was one. A worker
// that comes late finds none and holds nobody up.
func (t *Team) work(worker int, wait *patience) (any bool) {
	for {
		state := t.state.Load()
		left := uint32(state)
		if left == 0 || worker >= int(t.width.Load()) {
			return any
		}
		if !t.state.CompareAndSwap(state, state-1) {
			continue
		}
		// The task cannot end before this part has: its fields hold still.
		*wait = patience{task: state >> 32, parts: int64(t.parts), judged: t.judged, yielded: wait.yielded}
		t.do(worker, t.parts-int(left))
		wait.yielded = t.between(wait.yielded)
		any = true
	}
}

// do runs a part.
func (t *Team) do(worker, i int) {
	n := int64(t.parts)
	defer func() {
		if r := recover(); r != nil {
			t.panic.CompareAndSwap(nil, Recovered(r))
		}
		if t.done.Add(1) == n && worker > 0 && t.sleeper != nil {
			t.sleeper[0].rouse()
		}
	}()
	t.task.Run(worker, i)
}

// A patience is how long a worker has waited since its last part.
type patience struct {
	spins   int
	waited  time.Duration // without what other goroutines took of it
	task    uint64        // of the part
	parts   int64         // of the task
	judged  time.Duration // Team.judged
	short   bool          // the task was, when the wait began
	yielded time.Duration // time at which the worker last let other goroutines run
}

// wakeful is how many spins, some microseconds, nothing else is done for.
const wakeful = 2000

// over waits a moment, and says whether the wait has become so long that one sleeps.
func (t *Team) over(p *patience) bool {
	if p.spins++; p.spins <= wakeful {
		return false
	}
	before := now()
	if p.waited == 0 {
		p.short = p.judged > 0 && before-p.judged < shortTasks
	}
	t.Yield()
	p.yielded = now()
	p.waited += min(p.yielded-before, 5*time.Microsecond)
	long := p.waited >= stalled
	if long && p.short && t.done.Load() < p.parts && t.state.Load()>>32 == p.task {
		crowded.stall(int(t.width.Load()))
	}
	return long
}

// A sleeper is one who can sleep until another wakes him. One writes that he sleeps and reads
// whether what he waits for is there, the other writes that it is and reads whether he sleeps:
// each write has to be seen before the read that follows. So Go's Store and Load promise,
// but where QEMU runs arm64 on amd64 a Store may come after the Load (observed with version
// 7.2). Writes that read as well hold everywhere, at no cost on amd64.
type sleeper struct {
	asleep atomic.Bool
	wake   chan struct{} // of one element
	_      [48]byte      // a cache line
}

// sleep returns when rouse was called, or at once if what is waited for is there.
func (s *sleeper) sleep(there func() bool) {
	s.asleep.Swap(true)
	if there() && s.asleep.CompareAndSwap(true, false) {
		return
	}
	<-s.wake
}

// rouse wakes s if it sleeps.
func (s *sleeper) rouse() {
	if s.asleep.Load() && s.asleep.CompareAndSwap(true, false) {
		s.wake <- struct{}{}
	}
}
