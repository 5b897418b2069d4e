package command

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The clock counts microseconds since the start of the machine, but for those when it slept.
func TestMonotonic(t *testing.T) {
	now, ok := monotonic()
	require.True(t, ok)
	content, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	var uptime float64
	_, err = fmt.Sscan(string(content), &uptime)
	require.NoError(t, err)
	assert.LessOrEqual(t, float64(now)/1e6, uptime+0.01, "which is rounded")
	again, _ := monotonic()
	assert.LessOrEqual(t, now, again)
}
