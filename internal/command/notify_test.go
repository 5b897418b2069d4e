package command

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The supervisor is told when the service is ready, that it lives, when it reads its
// settings again and has, and that it ends.
func TestServeNotifies(t *testing.T) {
	needSignals(t)
	folder, err := os.MkdirTemp("", "rhumb") // its path has to be short
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	next := func() string {
		require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		message := make([]byte, 1000)
		n, err := socket.Read(message)
		require.NoError(t, err)
		return string(message[:n])
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	s := serve(t)
	assert.Equal(t, "READY=1", next())
	for range 3 {
		assert.Equal(t, "WATCHDOG=1", next())
	}
	change := func() string {
		message := next()
		for message == "WATCHDOG=1" {
			message = next()
		}
		return message
	}
	for range 2 {
		from, linux := monotonic()
		require.NoError(t, s.Process.Signal(syscall.SIGHUP))
		state, at, _ := strings.Cut(change(), "\n")
		assert.Equal(t, "RELOADING=1", state)
		if linux {
			at, ok := strings.CutPrefix(at, "MONOTONIC_USEC=")
			require.True(t, ok)
			began, err := strconv.ParseInt(at, 10, 64)
			require.NoError(t, err)
			to, _ := monotonic()
			assert.True(t, from <= began && began <= to, "%d, expected %d to %d", began, from, to)
		}
		assert.Equal(t, "READY=1", change())
	}
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, "STOPPING=1", change())
	for range s.lines {
	}
	assert.NoError(t, s.Wait(), "exit code 0")
}

func TestWatchdogTime(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		err       string
	}{
		{"", "", 0, ""},
		{"30000000", "", 15 * time.Second, ""},
		{"30000000", "1", 0, ""}, // of another process
		{"soon", "", 0, `WATCHDOG_USEC: found "soon", expected microseconds, 2 to 9223372036854775`},
		{"0", "", 0, `WATCHDOG_USEC: found "0", expected microseconds, 2 to 9223372036854775`},
		{"9223372036854775807", "", 0, `WATCHDOG_USEC: found "9223372036854775807", expected microseconds, 2 to 9223372036854775`},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		got, err := watchdogTime()
		assert.Equal(t, c.want, got)
		if c.err == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.err)
		}
	}
	assert.ErrorContains(t, notify(filepath.Join(t.TempDir(), "nobody"), "READY=1"), "NOTIFY_SOCKET")
}
