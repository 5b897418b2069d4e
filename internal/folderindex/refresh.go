package folderindex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/rhumb-go/rhumb/quant"
)

// A group of files is embedded at once: those with groupParts, some seconds of work.
const groupParts = 64

// Refresh brings the index up to what the folder has now. Files are read whose size or time
// changed, and embedded where their content is new. Search finds what is ready meanwhile.
// Where ctx ends, what was made is kept. progress is told how many of the files to read are done; nil = nobody is told.
//
// One Refresh runs at a time, of one process: another one waits. Errors are those of the
// folder, of the model and of ctx; a file that cannot be read is none.
func (x *Index) Refresh(ctx context.Context, progress func(done, total int)) error {
	select {
	case x.turn <- struct{}{}:
		defer func() { <-x.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	found, err := x.walk(ctx)
	if err != nil || !x.now.Load().differs(found) {
		return err
	}
	unlock, err := x.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	x.load() // what another process made
	u := newUpdate(x, found)
	if progress != nil {
		u.progress = progress
	}
	err = u.run(ctx)
	u.publish()
	u.save()
	return err
}

// differs reports whether files were changed, added or removed since.
func (s *snapshot) differs(found []entry) bool {
	if len(found) != len(s.files) {
		return true
	}
	for i, e := range found {
		if f := &s.files[i]; f.Path != e.path || !f.same(e) {
			return true
		}
	}
	return false
}

// same reports whether f is as it was found, by its size and time.
func (f *file) same(e entry) bool { return f.Size == e.size && f.Time == e.time }

// An update is a Refresh that has something to do.
type update struct {
	x        *Index
	found    []entry
	files    map[string]file // by path; those of before until they are read again
	sums     map[sum]string  // paths of files
	progress func(done, total int)
	changed  bool // since the index was saved

	group []made // files that wait
	parts int    // of these

	published, saved time.Time
	publishing       time.Duration // what it took last
	saving           time.Duration
}

// made is a file whose rows are to be made.
type made struct {
	file
	text string
}

func newUpdate(x *Index, found []entry) *update {
	now := time.Now()
	u := &update{
		x: x, found: found, files: map[string]file{}, sums: map[sum]string{}, progress: func(int, int) {},
		published: now, saved: now,
	}
	for _, f := range x.now.Load().files {
		u.files[f.Path], u.sums[f.Sum] = f, f.Path
	}
	u.changed = len(u.files) != len(found)
	return u
}

func (u *update) run(ctx context.Context) error {
	var todo []entry
	for _, e := range u.found {
		if f, ok := u.files[e.path]; !ok || !f.same(e) {
			todo = append(todo, e)
		}
	}
	u.progress(0, len(todo))
	for i, e := range todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := u.add(ctx, e); err != nil {
			return err
		}
		if u.parts >= groupParts || i == len(todo)-1 {
			if err := u.embed(ctx); err != nil {
				return err
			}
			u.progress(i+1, len(todo))
			u.keep()
		}
	}
	return nil
}

// add reads the file at e. It waits in the group where its content is new.
func (u *update) add(ctx context.Context, e entry) error {
	f, text, err := u.x.read(e)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // any more
			u.x.cfg.Left(e.path, err.Error())
		}
		if _, ok := u.files[e.path]; ok {
			delete(u.files, e.path)
			u.changed = true
		}
		return nil
	}
	u.changed = true
	if known, ok := u.files[u.sums[f.Sum]]; ok && known.Sum == f.Sum {
		f.Parts, f.rows = known.Parts, known.rows
	} else if text != "" {
		if f.Parts, err = u.x.split(text, ctx.Done()); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			u.x.cfg.Left(e.path, err.Error())
			f.Parts = nil
		}
		if len(f.Parts) > 0 {
			u.group = append(u.group, made{f, text})
			u.parts += len(f.Parts)
			return nil
		}
	}
	u.files[f.Path], u.sums[f.Sum] = f, f.Path
	return nil
}

// embed makes the rows of the group.
func (u *update) embed(ctx context.Context) error {
	var texts []string
	for _, m := range u.group {
		for _, p := range m.Parts {
			texts = append(texts, m.text[p.Start:p.End])
		}
	}
	rows := make([][]float32, 0, len(texts))
	for len(texts) > 0 {
		n := min(len(texts), groupParts)
		some, err := u.x.embedTexts(ctx, texts[:n])
		if err != nil {
			return err
		}
		rows, texts = append(rows, some...), texts[n:]
	}
	for _, m := range u.group {
		f := m.file
		f.Parts = nil
		for i, p := range m.Parts {
			if rows[i] == nil { // not one that the model takes
				continue
			}
			var err error
			if f.rows, _, err = quant.AppendScaled(f.rows, rows[i]); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			f.Parts = append(f.Parts, p)
		}
		rows = rows[len(m.Parts):]
		u.files[f.Path], u.sums[f.Sum] = f, f.Path
	}
	u.group, u.parts = nil, 0
	return nil
}

// keep publishes and saves what is ready, from time to time, so that this is a small part
// of the work.
func (u *update) keep() {
	if since := time.Since(u.published); since > max(time.Second, 20*u.publishing) {
		u.publish()
	}
	if since := time.Since(u.saved); since > max(20*time.Second, 20*u.saving) {
		u.publish()
		u.save()
	}
}

// publish has Search find what is ready.
func (u *update) publish() {
	start := time.Now()
	var files []file
	for _, e := range u.found {
		if f, ok := u.files[e.path]; ok {
			files = append(files, f)
		}
	}
	s := newSnapshot(files)
	for _, f := range s.files { // let go of the rows of before
		u.files[f.Path] = f
	}
	u.x.now.Store(s)
	u.published = time.Now()
	u.publishing = u.published.Sub(start)
}

// save writes what was published.
func (u *update) save() {
	if !u.changed {
		return
	}
	start := time.Now()
	if err := u.x.save(); err != nil {
		u.x.cfg.Left(u.x.file, "the index is not kept: "+err.Error())
	}
	u.changed, u.saved = false, time.Now()
	u.saving = u.saved.Sub(start)
}
