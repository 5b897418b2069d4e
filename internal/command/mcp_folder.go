package command

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/internal/folderindex"
)

// mcpPatience is how long a search waits for files that are being read, before it answers
// with what is ready. Clients wait a minute for a tool.
const mcpPatience = 25 * time.Second

// mcpTick is how often those who wait are told how far the reading is.
const mcpTick = 250 * time.Millisecond

// A mcpFolder is a folder that is searched. Changes are read in the background, so that a
// search may answer before that is done.
type mcpFolder struct {
	*folderindex.Index
	given string // its path as the flags have it, absolute
	ctx   context.Context

	done, total atomic.Int64 // files of the refresh under way

	mu            sync.Mutex
	running, next *mcpRefresh // nil = none
	workers       sync.WaitGroup
}

// A mcpRefresh is one Refresh of an index.
type mcpRefresh struct {
	ended chan struct{}
	err   error
}

// openMCPFolder returns the folder in dir, whose refreshes end with ctx.
func openMCPFolder(ctx context.Context, dir string, s *mcpServer, cache string, log *slog.Logger) (*mcpFolder, error) {
	var told sync.Map
	left := func(path, reason string) {
		if _, again := told.LoadOrStore(path+"\x00"+reason, true); !again {
			log.Warn("left out", "folder", dir, "path", path, "reason", reason)
		}
	}
	x, err := folderindex.Open(ctx, dir, folderindex.Config{Model: s.model, Run: s.run, Cache: cache, Left: left})
	if err != nil {
		return nil, err
	}
	return &mcpFolder{Index: x, given: dir, ctx: ctx}, nil
}

// holds reports whether path, absolute, is the folder's or below it.
func (f *mcpFolder) holds(path string) bool {
	_, ok := f.relative(path)
	return ok
}

// relative returns the path within the folder of an absolute one, with slashes, "" for
// the folder itself; false where it is outside.
func (f *mcpFolder) relative(path string) (string, bool) {
	for _, base := range []string{f.given, f.Folder()} {
		if rel, err := filepath.Rel(base, path); err == nil && filepath.IsLocal(rel) {
			if rel == "." {
				return "", true
			}
			return filepath.ToSlash(rel), true
		}
	}
	return "", false
}

// begin returns a refresh that begins now or later.
func (f *mcpFolder) begin() *mcpRefresh {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != nil {
		return f.next
	}
	r := &mcpRefresh{ended: make(chan struct{})}
	if f.running != nil {
		f.next = r
		return r
	}
	f.running = r
	f.workers.Go(func() { f.work(r) })
	return r
}

// work runs r, and those that are asked for meanwhile.
func (f *mcpFolder) work(r *mcpRefresh) {
	for r != nil {
		r.err = f.Refresh(f.ctx, func(done, total int) {
			f.total.Store(int64(total))
			f.done.Store(int64(done))
		})
		f.total.Store(0)
		close(r.ended)
		f.mu.Lock()
		f.running, f.next = f.next, nil
		r = f.running
		f.mu.Unlock()
	}
}

// await waits for r until ctx ends, which is an error, or patience, and reports whether it is done. tell is told from
// time to time how many files of how many are read.
func (f *mcpFolder) await(ctx context.Context, r *mcpRefresh, patience context.Context, tell func(done, total int64)) (bool, error) {
	tick := time.NewTicker(mcpTick)
	defer tick.Stop()
	for {
		select {
		case <-r.ended:
			return true, r.err
		case <-patience.Done():
			return false, ctx.Err()
		case <-tick.C:
			if total := f.total.Load(); total > 0 {
				tell(f.done.Load(), total)
			}
		}
	}
}

// left says how far the reading is of a folder that is not ready.
func (f *mcpFolder) left() string {
	if total := f.total.Load(); total > 0 {
		return fmt.Sprintf("%d of %d files that are new or changed are read", f.done.Load(), total)
	}
	return "what changed is still looked for, or read by another process"
}
