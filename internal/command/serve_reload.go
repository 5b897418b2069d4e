package command

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// A reread reads again what a service was told at its start. What is no good changes nothing.
type reread func(ctx context.Context)

// A reload reads all again for each of hangups.
type reload struct {
	hangups <-chan os.Signal
	all     []reread
}

// onHangup reloads for each hangup until the function that it returns is called. The
// supervisor is told when that begins and when it is done.
func (s *server) onHangup() (stop func()) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.reload.hangups:
			}
			s.notify(reloading())
			s.reload.run(ctx)
			s.notify("READY=1")
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// run reads all again, each beside the others as one may take long.
func (r *reload) run(ctx context.Context) {
	var group sync.WaitGroup
	for _, again := range r.all {
		group.Go(func() { again(ctx) })
	}
	group.Wait()
}

// reloading returns the state of a service that reads its settings again. A supervisor
// that waits for the end of it, as systemd does with Type=notify-reload, needs the time
// of its beginning, by the clock that has it.
func reloading() string {
	if now, ok := monotonic(); ok {
		return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now)
	}
	return "RELOADING=1"
}
