//go:build unix

package parallel

import (
	"syscall"
	"time"
)

// ProcessorTime returns how long processors have run the threads of this process.
func ProcessorTime() (d time.Duration, known bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
