package verify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
)

func TestMachine(t *testing.T) {
	require.NoError(t, Machine(t.Context(), kernel.Sets(), embed.Precisions(), func(r *Result) {
		t.Logf("%-24s %-8s %-8s %.1e %s", r.Model, r.Kernels, r.Precision, r.Difference, r.SameAs)
		if !r.OK() {
			t.Errorf("%+v", r)
		}
	}))
}
