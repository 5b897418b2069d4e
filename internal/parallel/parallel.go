// Package parallel splits a range over the workers of one call.
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// A Task is work in numbered parts that may run at the same time.
type Task interface {
	// Run does part i on the given worker, 0 ≤ worker < Team.Size. No two parts
	// run on one worker at the same time.
	Run(worker, i int)
}

// A Team is the workers of one call: the caller, which is worker 0, and
// goroutines that wait for parts of a task by spinning, since waking a sleeping
// thread costs more than most tasks here take. They end with Close. A nil *Team
// is the caller alone. A Team serves one caller at a time.
type Team struct {
	size    int
	task    Task
	parts   int
	state   atomic.Uint64 // task number in the high half, parts not yet taken in the low half
	done    atomic.Int64  // parts that ended
	panic   atomic.Pointer[Panic]
	closed  atomic.Bool
	workers sync.WaitGroup
	yield   func() // see NewYieldingTeam; nil = none
	alone   *Team
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

// NewTeam starts workers-1 goroutines. The team of one worker is nil.
func NewTeam(workers int) *Team {
	if workers <= 1 {
		return nil
	}
	t := &Team{size: workers}
	for w := 1; w < workers; w++ {
		t.workers.Go(func() { t.serve(w) })
	}
	return t
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
	t.state.Store(uint64(n))
	for w := 1; w < t.size; w++ {
		t.workers.Go(func() {
			debug.SetPanicOnFault(true)
			t.work(w)
		})
	}
	t.work(0)
	t.workers.Wait()
	if p := t.panic.Load(); p != nil {
		panic(p)
	}
}

// NewYieldingTeam is NewTeam for workers that call yield, at the same time too,
// after each part, where a long part calls Yield, and while they wait for others. What
// yield does may take long: the other workers go on, and For returns when the parts have
// ended. It may not use the team.
func NewYieldingTeam(workers int, yield func()) *Team {
	t := NewTeam(workers)
	if t == nil {
		t = &Team{size: 1}
	}
	t.yield = yield
	t.alone = &Team{size: 1, yield: yield}
	return t
}

// Alone returns a team of the caller alone, which yields as t does. It serves any
// number of callers at a time.
func (t *Team) Alone() *Team {
	if t == nil {
		return nil
	}
	return t.alone
}

// Yield lets other goroutines run, and first what a yielding team lets in. Parts
// call it that take longer than some hundred microseconds.
func (t *Team) Yield() {
	if t != nil && t.yield != nil {
		t.yield()
	}
	runtime.Gosched()
}

// Close ends the team's goroutines and waits for them.
func (t *Team) Close() {
	if t != nil {
		t.closed.Store(true)
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
// ended. Workers take the next part as they become free. After each part other
// goroutines may run: else the garbage collector, and every call that waits for
// a processor, would wait for the 10 ms after which Go's scheduler steps in. A
// part that panics ends; once the others have ended too, For panics with the
// *Panic of the first.
func (t *Team) For(n int, task Task) {
	if t.Size() == 1 || n <= 1 {
		for i := range n {
			task.Run(0, i)
			t.Yield()
		}
		return
	}
	t.task, t.parts = task, n
	t.done.Store(0)
	t.state.Store((t.state.Load()>>32+1)<<32 | uint64(n))
	t.work(0)
	for spins := 0; t.done.Load() < int64(n); spins++ {
		t.pause(spins)
	}
	t.task = nil
	if p := t.panic.Swap(nil); p != nil {
		panic(p)
	}
}

// serve takes parts of every task until the team is closed. Memory that cannot be
// read, of a mapped file that was cut, is a panic of the part.
func (t *Team) serve(worker int) {
	debug.SetPanicOnFault(true)
	for spins := 0; !t.closed.Load(); spins++ {
		if t.work(worker) {
			spins = 0
		}
		t.pause(spins)
	}
}

// work runs parts until none is left, and says whether there was one. A worker
// that comes late finds none and holds nobody up.
func (t *Team) work(worker int) (any bool) {
	for {
		state := t.state.Load()
		left := uint32(state)
		if left == 0 {
			return any
		}
		if !t.state.CompareAndSwap(state, state-1) {
			continue
		}
		// The task cannot end before this part has: its fields hold still.
		t.run(worker, t.parts-int(left))
		t.Yield()
		any = true
	}
}

// run runs a part.
func (t *Team) run(worker, i int) {
	defer func() {
		if r := recover(); r != nil {
			t.panic.CompareAndSwap(nil, Recovered(r))
		}
		t.done.Add(1)
	}()
	t.task.Run(worker, i)
}

// pause yields once waiting has lasted some microseconds.
func (t *Team) pause(spins int) {
	if spins > 2000 {
		t.Yield()
	}
}
