package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rhumb-go/rhumb/internal/filelock"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// The files of a job's folder.
const (
	recordFile = "job.json"
	newRecord  = "job.json.new" // being written
	lockFile   = "lock"         // locked while the job runs
	outputFile = "output"
	errorsFile = "errors.jsonl"
	spoolFile  = "spool"  // of Parquet: chunks that are not in a row group yet
	scalesFile = "scales" // of npy: of rows that each have one
	groupsFile = "groups" // of Parquet: what the footer will say about the row groups
)

// A stage is how far a job is.
type stage string

const (
	stageWriting stage = ""
	stageWritten stage = "written" // all is in the folder's output
	stageDone    stage = "done"    // which has its name
)

// A state is the record of a job: what is on disk for good. Each file of the
// folder counts as far as the record says; what lies behind that is of a chunk
// that was not completed.
type state struct {
	Settings json.RawMessage      `json:"settings"`
	Inputs   []inputFile          `json:"inputs"`
	Types    map[string]rows.Type `json:"types,omitempty"`  // of fields of jsonl in Parquet
	Layout   *rows.Layout         `json:"layout,omitempty"` // of the output
	Stage    stage                `json:"stage,omitempty"`
	Chunks   int                  `json:"chunks"`
	Rows     int                  `json:"rows"`
	Failed   int                  `json:"failed"`
	Pieces   int                  `json:"pieces,omitempty"`  // chunks of the rows' texts
	Cut      int                  `json:"cut,omitempty"`     // rows that lost tokens
	Dropped  int                  `json:"dropped,omitempty"` // tokens that they lost
	IDs      int                  `json:"ids,omitempty"`     // rows that are not bad and have an id of the inputs
	Read     string               `json:"read"`              // sum of the rows of all chunks up to here
	At       *position            `json:"at,omitempty"`      // where the inputs are read on; nil = at their beginning, once more
	Shard    *shard               `json:"shard,omitempty"`   // nil = the job has all rows
	Indexes  int                  `json:"indexes,omitempty"` // of the rows and of the blank lines that count, once all are read
	Files    map[string]int64     `json:"files"`             // bytes
	Size     int64                `json:"size,omitempty"`    // of the output, once it is written
}

// A folder holds a job while it is not done. Then its record goes into a file beside
// the output, hidden from who lists the outputs, and the folder goes.
type folder struct {
	cfg    *Config
	path   string // of the output
	dir    string
	lock   *os.File
	state  *state // nil where there is no record
	beside bool   // the record is the file beside the output
	logs   map[string]*log

	committed time.Time // the last time
	pending   bool      // something was written since
	urgent    bool      // it must be committed before more is written
}

// newFolder returns the folder of an output, closed.
func newFolder(cfg *Config) *folder {
	return &folder{cfg: cfg, path: cfg.Output, dir: cfg.local() + ".job", logs: map[string]*log{}}
}

// openFolder opens and locks the folder of an output. Config.Restart removes what it holds.
func openFolder(ctx context.Context, cfg *Config) (_ *folder, err error) {
	f, output := newFolder(cfg), cfg.Output
	switch info, err := cfg.stat(ctx, output); {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", output)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if cfg.Restart {
		// The records first: without them the others count for nothing.
		if err := errors.Join(f.empty(), f.removeBeside(ctx, f.besideFile()), f.removeBeside(ctx, f.errorsPath())); err != nil {
			return nil, err
		}
		return f, nil
	}
	return f, f.readRecord(ctx)
}

// takeLock makes the folder, unless it is there, and locks it.
func (f *folder) takeLock() (err error) {
	for range 100 {
		if err := os.Mkdir(f.dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if f.lock, err = os.OpenFile(f.file(lockFile), os.O_RDWR|os.O_CREATE, 0o666); errors.Is(err, fs.ErrNotExist) {
			continue // a run that was done has just removed the folder
		} else if err != nil {
			return err
		}
		free, err := filelock.TryLock(f.lock)
		switch {
		case err != nil:
			err = fmt.Errorf("%s: %w", f.lock.Name(), err)
		case !free:
			err = fmt.Errorf("%s: %w", f.dir, ErrRunning)
		case f.holds():
			return nil
		}
		if err = errors.Join(err, f.lock.Close()); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", f.dir, ErrRunning) // one after the other
}

// holds reports whether the file that is locked is still the folder's.
func (f *folder) holds() bool {
	locked, err := f.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.file(lockFile))
	return err == nil && os.SameFile(locked, there)
}

// readRecord reads the record in the folder, or else the one beside the output, which
// counts as long as there is an output.
func (f *folder) readRecord(ctx context.Context) error {
	name := f.file(recordFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if gone := f.there(ctx); errors.Is(gone, fs.ErrNotExist) {
			return f.removeBeside(ctx, f.besideFile())
		} else if gone != nil {
			return gone
		}
		name, f.beside = f.besideFile(), true
		data, err = f.cfg.read(ctx, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.beside = false
		return nil
	}
	if err != nil {
		return err
	}
	f.state = new(state)
	if err := json.Unmarshal(data, f.state); err != nil {
		return stale("%s: %w", name, err)
	}
	if f.state.Files == nil {
		f.state.Files = map[string]int64{}
	}
	return nil
}

// there returns an fs.ErrNotExist where there is no output.
func (f *folder) there(ctx context.Context) error {
	if rows.IsObject(f.path) {
		_, err := f.cfg.stat(ctx, f.path)
		return err
	}
	_, err := os.Lstat(f.path)
	return err
}

// besideFile is where the record of a job is that is done.
func (f *folder) besideFile() string { return besides(f.path, rows.JobRecord) }

// errorsPath is where the report of bad rows is of a job that is done.
func (f *folder) errorsPath() string {
	return besides(f.path, func(last string) string { return last + ".errors.jsonl" })
}

// scalesPath is where the scales of the rows of an npy output are, once it is there.
func (f *folder) scalesPath() string {
	return strings.TrimSuffix(f.path, filepath.Ext(f.path)) + ".scales.npy"
}

// checkScales returns an error where there is a file already that scales would replace.
func (f *folder) checkScales() error {
	if _, err := os.Lstat(f.scalesPath()); err != nil {
		return nil
	}
	return stale("%s: exists already, where the scales of %s go", f.scalesPath(), f.path)
}

// checkScalesName returns an error where the name of an output is that of scales.
func checkScalesName(output string) error {
	if !strings.HasSuffix(strings.ToLower(output), ".scales.npy") {
		return nil
	}
	return fmt.Errorf("%s: a name of scales, expected one of embeddings", output)
}

// name is that of the folder, or of the output where all else is gone.
func (f *folder) name() string {
	if f.beside {
		return f.path
	}
	return f.dir
}

func (f *folder) file(name string) string { return filepath.Join(f.dir, name) }

// remove removes a file that may not be there.
func (f *folder) remove(name string) error { return removeAny(f.file(name)) }

func removeAny(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// empty removes all files but the lock.
func (f *folder) empty() error {
	for _, name := range []string{recordFile, newRecord, outputFile, scalesFile, errorsFile, spoolFile, groupsFile} {
		if err := f.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// close closes all files, and with that ends the lock. A folder without a record goes.
func (f *folder) close() error {
	err := f.closeLogs()
	if f.state != nil && !f.beside {
		return errors.Join(err, f.lock.Close())
	}
	if f.state == nil {
		if _, there := os.Stat(f.file(recordFile)); !errors.Is(there, fs.ErrNotExist) {
			return errors.Join(err, f.lock.Close()) // one that cannot be read
		}
	}
	if runtime.GOOS == "windows" {
		// Open files cannot be removed there; in between another run may come.
		err = errors.Join(err, f.lock.Close())
		if f.remove(lockFile) == nil {
			_ = os.Remove(f.dir)
		}
		return err
	}
	err = errors.Join(err, f.remove(lockFile))
	_ = os.Remove(f.dir) // where it is not empty, another run has come
	return errors.Join(err, f.lock.Close())
}

func (f *folder) closeLogs() error {
	var errs []error
	for name, l := range f.logs {
		errs = append(errs, l.file.Close())
		delete(f.logs, name)
	}
	return errors.Join(errs...)
}

// A log is a file that grows at its end, up to which it is on disk once the
// folder's record says so.
type log struct {
	file  *os.File
	size  int64
	dirty bool // there is something to sync
}

// openLog opens a file as the record has it: without what lies behind.
func (f *folder) openLog(name string) (*log, error) {
	size := f.state.Files[name]
	file, err := os.OpenFile(f.file(name), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	l := &log{file: file, size: size, dirty: true}
	f.logs[name] = l
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < size {
		return nil, stale("%s: %d bytes, the job wrote %d", file.Name(), info.Size(), size)
	}
	return l, file.Truncate(size)
}

// Write appends p.
func (l *log) Write(p []byte) (int, error) {
	n, err := l.file.WriteAt(p, l.size)
	l.size += int64(n)
	l.dirty = true
	return n, err
}

func (f *folder) output() *log { return f.logs[outputFile] }

// commit makes all that was written count: first it is on disk, then the record
// says so. A crash in between leaves the record of before, and more in the files
// than it says.
func (f *folder) commit() error {
	for name, l := range f.logs {
		if l.dirty {
			if err := l.file.Sync(); err != nil {
				return err
			}
			l.dirty = false
		}
		f.state.Files[name] = l.size
	}
	f.committed, f.pending, f.urgent = time.Now(), false, false
	return f.save()
}

// save writes the record: it is the old one or the new one at any moment.
func (f *folder) save() error {
	if err := f.write(); err != nil {
		return err
	}
	if err := f.rename(newRecord, f.file(recordFile)); err != nil {
		return err
	}
	f.beside = false
	return nil
}

// write writes the record into newRecord.
func (f *folder) write() error {
	data, err := json.MarshalIndent(f.state, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.Create(f.file(newRecord))
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// rename gives a file of the folder another name.
func (f *folder) rename(file, name string) error {
	if err := os.Rename(f.file(file), name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// settle leaves of a job that is done its record alone: in the folder, or beside the
// output without the folder, which close removes.
func (f *folder) settle(ctx context.Context, keep bool) error {
	if keep {
		if err := f.save(); err != nil {
			return err
		}
		return f.removeBeside(ctx, f.besideFile())
	}
	if !f.beside {
		if err := f.write(); err != nil {
			return err
		}
		if err := f.give(ctx, newRecord, f.besideFile()); err != nil {
			return err
		}
		f.beside = true
	}
	return f.empty()
}

// give gives a file of the folder the name of a file or an object.
func (f *folder) give(ctx context.Context, file, name string) error {
	if rows.IsObject(name) {
		return f.put(ctx, file, name)
	}
	return f.rename(file, name)
}

// publish gives a written output its name.
func (f *folder) publish(ctx context.Context) error {
	if err := f.closeLogs(); err != nil {
		return err
	}
	give := f.giveOutput
	if rows.IsObject(f.path) {
		give = func() error { return f.put(ctx, outputFile, f.path) }
	}
	if err := give(); err != nil {
		return err
	}
	if f.state.Failed > 0 {
		if err := f.give(ctx, errorsFile, f.errorsPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f.state.Stage = stageDone
	if err := f.save(); err != nil {
		return err
	}
	for _, name := range []string{outputFile, spoolFile, groupsFile, errorsFile} {
		if err := f.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// giveOutput gives the output, a file, its name, behind its scales.
func (f *folder) giveOutput() error {
	if _, scaled := f.state.Files[scalesFile]; scaled {
		if err := os.Rename(f.file(scalesFile), f.scalesPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, gone := os.Stat(f.scalesPath()); gone != nil {
			return stale("%s: the scales of the output are no longer there", f.dir)
		}
	}
	err := f.rename(outputFile, f.path)
	if errors.Is(err, fs.ErrNotExist) {
		// An earlier run was stopped right after the same.
		if info, gone := os.Stat(f.path); gone != nil || info.Size() != f.state.Size {
			return stale("%s: the output of %d bytes is no longer there", f.dir, f.state.Size)
		}
		return syncFolder(filepath.Dir(f.path))
	}
	return err
}

// syncFolder brings the names in a folder to disk, where the system can.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // it keeps them in order by itself
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
