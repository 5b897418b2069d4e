package command

import (
	"fmt"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// addProgress adds the flag that says whether there is a bar.
func addProgress(cmd *cobra.Command) *choice {
	return addChoice(cmd, "progress", "progress bar; auto shows it on a terminal; without one batch has a line every 30 s", "auto", "always", "never")
}

// A bar shows how far a run is. A nil bar shows nothing.
type bar struct {
	console *console
	start   time.Time

	mu    sync.Mutex // of what follows
	bar   *progressbar.ProgressBar
	drawn time.Time
	files map[string][2]int64 // of a download: bytes that there are, of how many
	timed bool                // what it says tells the time left
}

// newBar returns a bar on standard error. In mode auto it is nil unless that is
// a terminal and the run is not a quiet one.
func (c *console) newBar(mode string, quiet bool) *bar {
	if mode == "never" || mode == "auto" && (quiet || !isTerminal(c.stderr)) {
		return nil
	}
	return &bar{console: c, start: time.Now(), files: map[string][2]int64{}}
}

// show brings the bar to what has been read of src, the first n inputs.
func (b *bar) show(n int, src rows.Source) {
	if b == nil {
		return
	}
	done, total := src.Progress()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(done, total, fmt.Sprintf("%d inputs, %.0f/s", n, float64(n)/time.Since(b.start).Seconds()))
}

// job brings the bar to how far a job is. It is a job.Config's Progress.
func (b *bar) job(p job.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timed = true
	const full = 10000
	b.set(int64(p.Fraction*full), full+1, described(p))
}

// described says how far a job is.
func described(p job.Progress) string {
	what := fmt.Sprintf("%d rows, %.0f rows/s, %.0f tokens/s, %v left", p.Rows, p.Rate, p.Tokens, p.Left.Round(time.Second))
	if p.Failed > 0 {
		what += fmt.Sprintf(", %d bad", p.Failed)
	}
	return what
}

// download brings the bar to so many bytes of a file. It is a hub.Progress.
func (b *bar) download(file string, done, total int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[file] = [2]int64{done, max(done, total)}
	if done < total && time.Since(b.drawn) < 50*time.Millisecond {
		return
	}
	b.drawn = time.Now()
	done, total = 0, 0 // of all files
	for _, f := range b.files {
		done += f[0]
		total += f[1]
	}
	const mb = 1e6
	// One more than there is: a bar that was full once shows no more, and files may follow.
	b.set(done, total+1, fmt.Sprintf("%d files, %.1f of %.1f MB", len(b.files), float64(done)/mb, float64(total)/mb))
}

// set draws the bar. The total is -1 where it is not known.
func (b *bar) set(done, total int64, what string) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(b.console.stderr),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetSpinnerChangeInterval(0), // drawn by set alone, not by a goroutine
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(total >= 0 && !b.timed))
	}
	if total >= 0 && total != b.bar.GetMax64() {
		b.bar.ChangeMax64(total)
	}
	// A bar that cannot be drawn is no reason to stop.
	_ = b.bar.Set64(done)
	b.bar.Describe(what)
}

// clear takes the bar away.
func (b *bar) clear() {
	if b != nil && b.bar != nil {
		_ = b.bar.Clear()
	}
}
