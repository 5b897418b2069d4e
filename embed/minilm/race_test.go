//go:build race

package minilm

import "testing"

// skipUnderRace skips a test of memory, of which the race detector has some for each byte, or of much work.
func skipUnderRace(t *testing.T) { t.Skip("not under the race detector, with its memory and time") }
