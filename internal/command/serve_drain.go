package command

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// leaveTime is for clients with a connection to come to its end by themselves.
const leaveTime = time.Second

// drainFlags say how a server ends.
type drainFlags struct {
	delay   time.Duration // of serving as before, while /ready says 503
	timeout time.Duration // for requests under way, then
}

func (f *drainFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.delay, "drain-delay", 5*time.Second, "`TIME` of serving on after SIGTERM while /ready says 503, until load balancers have seen it; a second signal ends it, and Ctrl-C does not begin it")
	flags.DurationVar(&f.timeout, "shutdown-timeout", 30*time.Second, "`TIME` for the requests that are then under way; what is left is answered with 503")
}

func (f *drainFlags) check() error {
	switch {
	case f.delay < 0:
		return usagef("--drain-delay %v: must be 0 or more", f.delay)
	case f.timeout < 0:
		return usagef("--shutdown-timeout %v: must be 0 or more", f.timeout)
	}
	return nil
}

// drain ends the server so that every request is answered that reaches it. First
// all goes on for a delay but for /ready, so that balancers send no more; then
// clients are told, with their next answer, to close their connections, while
// new ones are still taken; then the listener and idle connections are closed;
// and what has not been answered after a timeout is answered with 503.
func (s *server) drain(delay time.Duration) error {
	s.handler.Drain()
	s.notify("STOPPING=1")
	s.log.Info("shutting down", "drain_delay_ms", delay.Milliseconds())
	s.linger(delay)
	s.leaving.Store(true)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(leaveTime); s.open.Load() > 0 && time.Now().Before(end); {
		<-tick.C
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.draining.timeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.log.Warn("requests are still under way and end now", "after_ms", s.draining.timeout.Milliseconds())
	for _, q := range s.queues {
		_ = q.Close(ctx) // which is over: the queue drops what it has
	}
	last, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	if s.http.Shutdown(last) == nil {
		return nil
	}
	return s.http.Close()
}

// fromTerminal reports whether ctx ended by Ctrl-C, of a person who waits.
func fromTerminal(ctx context.Context) bool {
	cause := context.Cause(ctx) // "interrupt signal received"
	return cause != nil && strings.HasPrefix(cause.Error(), os.Interrupt.String()+" ")
}

// linger waits for delay to pass, or for a signal.
func (s *server) linger(delay time.Duration) {
	if delay == 0 {
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again) // then the next one ends the process
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-again:
		s.log.Info("a second signal ends the delay")
	}
}
