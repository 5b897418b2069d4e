package command

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells the supervisor that started the process of a change of state, by the protocol
// of sd_notify(3) of systemd 257: a datagram to the socket that NOTIFY_SOCKET names, where it
// names one.
func (s *server) notify(state string) {
	if err := notify(os.Getenv("NOTIFY_SOCKET"), state); err != nil {
		s.log.Warn("the supervisor is not told", "state", state, "error", err)
	}
}

func notify(socket, state string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}

// watchdogTime returns how often the supervisor has to be told that the process lives, half
// of what WATCHDOG_USEC says as sd_watchdog_enabled(3) advises; 0 where it has not to be.
func watchdogTime() (time.Duration, error) {
	value := os.Getenv("WATCHDOG_USEC")
	if pid := os.Getenv("WATCHDOG_PID"); value == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	most := int64(time.Duration(1<<63-1) / time.Microsecond)
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 2 || n > most {
		return 0, fmt.Errorf("WATCHDOG_USEC: found %q, expected microseconds, 2 to %d", value, most)
	}
	return time.Duration(n) * time.Microsecond / 2, nil
}

// keepAlive tells the supervisor that the process lives, where it wants to know, until the
// function that it returns is called.
func (s *server) keepAlive(every time.Duration) (stop func()) {
	if every == 0 {
		return func() {}
	}
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.notify("WATCHDOG=1")
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-done }
}
