//go:build !linux

package command

// monotonic is for systemd, which there is on Linux alone.
func monotonic() (microseconds int64, ok bool) { return 0, false }
