package loader

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who reads the changelog knows by which numerics their vectors were made.
func TestChangelogHasNumerics(t *testing.T) {
	log, err := os.ReadFile("../../CHANGELOG.md")
	require.NoError(t, err)
	require.Contains(t, string(log), fmt.Sprintf("\n- `numerics` is %d.", numerics))
}
