package command

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a new terminal: what its user types into, and the program's.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals: ", err)
	}
	t.Cleanup(func() { user.Close() })
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals: ", err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// Who starts a command that reads a terminal is told what it waits for, and of arguments nothing.
func TestWaitingForTerminal(t *testing.T) {
	user, program := terminal(t)
	_, err := user.WriteString("summer\n\x04")
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"embed", "--model", tiny}, program, &stdout, &stderr)
	assert.Zero(t, code)
	assert.Len(t, parseLines(t, stdout.String()), 1)
	assert.Equal(t, "rhumb: reading from the terminal, to its end: Ctrl-D\n", stderr.String())

	stderr.Reset()
	code = run(t.Context(), []string{"embed", "--model", tiny, "summer"}, program, &stdout, &stderr)
	assert.Zero(t, code)
	assert.Empty(t, stderr.String())
}
