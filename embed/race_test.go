//go:build race

package embed

import "testing"

// skipUnderRace skips a test that counts allocations or memory: under the race detector,
// pools drop what they hold now and then, and memory has a shadow twice as large.
func skipUnderRace(t *testing.T) { t.Skip("the race detector takes memory itself") }
