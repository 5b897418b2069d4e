package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type count struct {
	ran  []atomic.Int32
	busy []atomic.Int32
	bad  atomic.Bool
}

func (c *count) Run(worker, i int) {
	if c.busy[worker].Add(1) != 1 {
		c.bad.Store(true)
	}
	c.ran[i].Add(1)
	c.busy[worker].Add(-1)
}

func TestForRunsEachPartOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 3, 8} {
		team := NewTeam(workers)
		require.Equal(t, max(1, workers), team.Size())
		for n := range 200 {
			c := &count{ran: make([]atomic.Int32, n), busy: make([]atomic.Int32, team.Size())}
			team.For(n, c)
			for i := range c.ran {
				require.EqualValuesf(t, 1, c.ran[i].Load(), "%d workers, part %d of %d", workers, i, n)
			}
			require.False(t, c.bad.Load())
		}
		team.Close()
	}
}

func TestOnceRunsEachPartOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 3, 8} {
		for n := range 200 {
			c := &count{ran: make([]atomic.Int32, n), busy: make([]atomic.Int32, max(1, min(workers, n)))}
			Once(workers, n, c)
			for i := range c.ran {
				require.EqualValuesf(t, 1, c.ran[i].Load(), "%d workers, part %d of %d", workers, i, n)
			}
			require.False(t, c.bad.Load())
		}
	}
}

// Parts run at the same time, and the panic of one reaches the caller when all have ended.
func TestOncePassesPanicsOn(t *testing.T) {
	for range 50 {
		Once(2, 2, make(block))
		b := &bomb{count{ran: make([]atomic.Int32, 30), busy: make([]atomic.Int32, 3)}}
		func() {
			defer func() {
				p, ok := recover().(*Panic)
				require.True(t, ok)
				require.Contains(t, p.Error(), "bomb")
			}()
			Once(3, 30, b)
		}()
		for i := range b.ran {
			require.EqualValues(t, 1, b.ran[i].Load())
		}
	}
}

type block chan struct{}

func (b block) Run(_, i int) {
	if i == 0 {
		<-b
	} else {
		b <- struct{}{}
	}
}

func TestPartsRunAtTheSameTime(t *testing.T) {
	team := NewTeam(2)
	defer team.Close()
	for range 100 {
		team.ForLong(2, make(block)) // on a busy machine For has one worker now and then
	}
}

func TestCloseEndsTheGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		team := NewTeam(4)
		team.For(10, &count{ran: make([]atomic.Int32, 10), busy: make([]atomic.Int32, 4)})
		team.Close()
	}
	for start := time.Now(); runtime.NumGoroutine() > before && time.Since(start) < time.Second; {
		runtime.Gosched() // the last one has said that it ends
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Workers and callers that have waited long sleep, and are woken by the next task, the last
// part and Close.
func TestSleep(t *testing.T) {
	for _, workers := range []int{2, 5} {
		for range 20 {
			team := NewTeam(workers)
			for _, n := range []int{1, 2, 9} {
				time.Sleep(time.Millisecond) // the workers sleep
				c := &count{ran: make([]atomic.Int32, n), busy: make([]atomic.Int32, workers)}
				team.ForLong(n, c)
				for i := range c.ran {
					require.EqualValues(t, 1, c.ran[i].Load())
				}
				team.ForLong(workers, make(late, workers-1)) // the caller sleeps
			}
			time.Sleep(time.Millisecond)
			team.Close()
		}
	}
}

// No wake is lost, however close it comes to the beginning of the sleep.
func TestSleeperWakes(t *testing.T) {
	s := sleeper{wake: make(chan struct{}, 1)}
	var night, there atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		for start := time.Now(); time.Since(start) < time.Second; {
			n := night.Add(1)
			s.sleep(func() bool { return there.Load() == n })
		}
		night.Store(-1)
	}()
	go func() {
		for n := int64(1); night.Load() >= 0; n++ {
			for night.Load() == n-1 { // without a pause: both run at the same time
			}
			for i := range n % 40 { // sooner and later
				there.CompareAndSwap(-1, i)
			}
			there.Add(1)
			s.rouse()
		}
	}()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatalf("sleeps on in night %d", night.Load())
	}
}

// A late task has parts that wait for a while in other workers than the caller.
type late chan struct{}

func (l late) Run(worker, _ int) {
	if worker > 0 {
		l <- struct{}{}
		time.Sleep(2 * time.Millisecond)
		return
	}
	<-l // one of the others at least has a part
	l <- struct{}{}
}

// Where processors run fewer workers than there are, half of them are used for a while, for
// longer where that happens again, and all later on.
func TestContention(t *testing.T) {
	if _, known := ProcessorTime(); !known {
		t.Skip("how long processors run this process is not known here")
	}
	c := new(contention)
	stall := func(workers int, task, processor time.Duration) {
		c.stall(workers) // begins to judge
		used, _ := ProcessorTime()
		c.tasks.Add(int64(task))
		c.from, c.used = now(), used-processor
		c.stall(workers)
	}
	time.Sleep(time.Millisecond)
	require.Equal(t, 8, c.width(8))
	for _, processor := range []time.Duration{64, 45} {
		stall(8, 10*time.Second, processor*time.Second*10/8)
		require.Equal(t, 8, c.width(8), "two thirds are run")
	}
	stall(8, 10*time.Second, 30*time.Second)
	until := c.until.Swap(int64(time.Hour)) // however long this process is not run
	require.Equal(t, 4, c.width(8))
	require.Equal(t, 1, c.width(2))
	require.Equal(t, 1, c.width(1))
	stall(8, 10*time.Second, 30*time.Second)
	require.Equal(t, 4, c.width(8), "of tasks that began before")
	c.until.Store(until)
	require.Eventually(t, func() bool { return c.width(8) == 8 }, time.Second, 100*time.Microsecond)
	require.Equal(t, shortest, c.pause)
	for range 10 {
		for c.width(8) < 8 {
			time.Sleep(100 * time.Microsecond)
		}
		c.ended = now() + time.Hour // as if there was no time since then
		stall(8, 10*time.Second, 30*time.Second)
	}
	require.Equal(t, longest, c.pause)
	c.until.Store(1)
	require.Equal(t, 8, c.width(8))
	c.ended = -time.Second
	stall(8, 10*time.Second, 30*time.Second)
	require.Equal(t, shortest, c.pause)
}

// A worker that is held up once it has taken a part is a stall, unless parts take so long. (As
// they seem to where a busy system begins to run the worker late: so more than once.)
func TestStallsOfShortTasks(t *testing.T) {
	team := NewTeam(2)
	defer team.Close()
	stalls := func(task func()) bool {
		begin := func() time.Duration { // to judge
			crowded.mu.Lock()
			defer crowded.mu.Unlock()
			crowded.until.Store(0)
			from := crowded.from
			crowded.from = -time.Hour
			return from
		}
		begin()
		task()
		return begin() > -time.Hour
	}
	require.Eventually(t, func() bool { return stalls(func() { team.For(2, make(late, 1)) }) }, 10*time.Second, time.Microsecond)
	require.False(t, stalls(func() { team.ForLong(2, make(late, 1)) }))
	require.False(t, stalls(func() { team.For(2, spin(5*time.Millisecond)) }))
}

type spin time.Duration

func (s spin) Run(_, _ int) {
	for start := time.Now(); time.Since(start) < time.Duration(s); {
	}
}

// BenchmarkFor splits 20 parts of 5 µs each; 1 worker takes 100 µs.
func BenchmarkFor(b *testing.B) {
	for _, workers := range []int{1, 2} {
		team := NewTeam(workers)
		b.Run(map[int]string{1: "workers=1", 2: "workers=2"}[workers], func(b *testing.B) {
			var task Task = spin(5 * time.Microsecond)
			for b.Loop() {
				team.For(20, task)
			}
		})
		team.Close()
	}
}

// A bomb panics in some parts.
type bomb struct{ count }

func (b *bomb) Run(worker, i int) {
	b.count.Run(worker, i)
	if i%7 == 3 {
		panic("part " + string(rune('0'+i%10)))
	}
}

// A panic reaches the caller when all parts have ended, and the team goes on.
func TestForPassesPanicsOn(t *testing.T) {
	team := NewTeam(3)
	defer team.Close()
	for range 50 {
		b := &bomb{count{ran: make([]atomic.Int32, 30), busy: make([]atomic.Int32, 3)}}
		func() {
			defer func() {
				p, ok := recover().(*Panic)
				require.True(t, ok)
				require.Contains(t, p.Error(), "panic: part ")
				require.Contains(t, p.Error(), "bomb")
			}()
			team.For(30, b)
		}()
		for i := range b.ran {
			require.EqualValues(t, 1, b.ran[i].Load())
		}
		c := &count{ran: make([]atomic.Int32, 9), busy: make([]atomic.Int32, 3)}
		team.For(9, c)
		require.False(t, c.bad.Load())
	}
}

// A worker that yields holds up nobody, and a team of one yields as well.
func TestYield(t *testing.T) {
	for _, workers := range []int{1, 2, 3} {
		var yields atomic.Int32
		team := NewYieldingTeam(workers, func() { yields.Add(1) })
		require.Equal(t, workers, team.Size())
		require.Equal(t, 1, team.Alone(0).Size())
		c := &count{ran: make([]atomic.Int32, 20), busy: make([]atomic.Int32, workers)}
		team.For(20, c)
		team.Alone(0).For(20, &count{ran: make([]atomic.Int32, 20), busy: make([]atomic.Int32, 1)})
		team.Alone(0).Yield()
		team.Close()
		require.GreaterOrEqual(t, yields.Load(), int32(41)) // and while they wait
		require.False(t, c.bad.Load())
	}
	require.Nil(t, (*Team)(nil).Alone(0))
	(*Team)(nil).Yield()
}
