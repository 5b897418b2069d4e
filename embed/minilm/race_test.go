//go:build race

package minilm

import "testing"

// skipUnderRace skips a test of memory: the race detector has some for each byte.
func skipUnderRace(t *testing.T) { t.Skip("memory is not measured under the race detector") }
