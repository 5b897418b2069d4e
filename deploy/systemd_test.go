package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unit writes the unit with the command where a test can have it, and returns its path.
func unit(t *testing.T) string {
	content, err := os.ReadFile("rhumb.service")
	require.NoError(t, err)
	there := strings.ReplaceAll(string(content), "/usr/local/bin/rhumb", binary(t))
	path := filepath.Join(t.TempDir(), "rhumb.service")
	require.NoError(t, os.WriteFile(path, []byte(there), 0o644))
	return path
}

// unknownType is what systemd before 253 says of the unit.
var unknownType = regexp.MustCompile(`(?m)^\S+rhumb\.service:\d+: Failed to parse service type, ignoring: notify-reload\n`)

func analyze(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing (Debian: systemd)")
	}
	output, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	if args[0] == "verify" {
		assert.Empty(t, unknownType.ReplaceAllString(string(output), ""))
	}
}

func TestUnit(t *testing.T) {
	analyze(t, "verify", "--man=no", unit(t))
}

// The unit takes from the service what it does not need: 1.4 of 10 as systemd 252 counts.
func TestUnitIsHardened(t *testing.T) {
	analyze(t, "security", "--offline=yes", "--threshold=20", unit(t))
}

// The command says when it is ready, when it reads its settings again, and when it ends, as
// Type=notify-reload expects.
func TestUnitNotifies(t *testing.T) {
	content, err := os.ReadFile("rhumb.service")
	require.NoError(t, err)
	require.Contains(t, string(content), "\nType=notify\nType=notify-reload\n")
	dir, err := os.MkdirTemp("", "rhumb") // its path has to be short
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	cmd := exec.Command(binary(t), "serve")
	cmd.Env = []string{"NOTIFY_SOCKET=" + path, "RHUMB_ADDR=127.0.0.1:0", "RHUMB_DRAIN_DELAY=0s"}
	end := start(t, cmd)
	next := func() string {
		require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		message := make([]byte, 100)
		n, err := socket.Read(message)
		require.NoError(t, err)
		return string(message[:n])
	}
	assert.Equal(t, "READY=1", next())
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	assert.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=\d+$`, next())
	assert.Equal(t, "READY=1", next())
	end()
	assert.Equal(t, "STOPPING=1", next())
}
