package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A bar shows how far a run is. A nil bar shows nothing.
type bar struct {
	console *console
	bar     *progressbar.ProgressBar
	start   time.Time
}

// newBar returns a bar on standard error. In mode auto it is nil unless that is
// a terminal and the run is not a quiet one.
func (c *console) newBar(mode string, quiet bool) *bar {
	if mode == "never" || mode == "auto" && (quiet || !isTerminal(c.stderr)) {
		return nil
	}
	return &bar{console: c, start: time.Now()}
}

// show brings the bar to what has been read of src, the first n inputs.
func (b *bar) show(n int, src source) {
	if b == nil {
		return
	}
	done, total := src.progress()
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(b.console.stderr),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetSpinnerChangeInterval(0), // drawn by show alone, not by a goroutine
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(total >= 0))
	}
	// A bar that cannot be drawn is no reason to stop.
	_ = b.bar.Set64(done)
	b.bar.Describe(fmt.Sprintf("%d inputs, %.0f/s", n, float64(n)/time.Since(b.start).Seconds()))
}

// clear takes the bar away.
func (b *bar) clear() {
	if b != nil && b.bar != nil {
		_ = b.bar.Clear()
	}
}
