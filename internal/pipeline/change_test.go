package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// A panic that is no fault of a file stays one.
func TestGuardLeavesPanicsAlone(t *testing.T) {
	require.PanicsWithError(t, "panic: bug", func() {
		defer func() {
			p := recover().(error)
			require.ErrorContains(t, p, "Guard")
			panic(fmt.Errorf("%.10s", p.Error()))
		}()
		_ = Guard(func() []*tensor.File { return nil }, func() error { panic("bug") })
	})
	assert.NoError(t, Guard(func() []*tensor.File { return nil }, func() error { return nil }))
}
