//go:build !unix

package parallel

import "time"

// ProcessorTime says that how long processors have run this process is not known.
func ProcessorTime() (d time.Duration, known bool) { return 0, false }
