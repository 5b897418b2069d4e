//go:build race

package tokenizer

import "testing"

// skipUnderRace skips a test that counts allocations: under the race detector,
// pools drop what they hold now and then.
func skipUnderRace(t *testing.T) { t.Skip("allocations are not counted under the race detector") }
