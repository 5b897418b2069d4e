//go:build !unix

package parallel

import "time"

// processorTime says that how long processors have run this process is not known.
func processorTime() (d time.Duration, known bool) { return 0, false }
