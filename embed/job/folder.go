package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rhumb-go/rhumb/internal/filelock"
)

// The files of a job's folder.
const (
	recordFile = "job.json"
	newRecord  = "job.json.new" // being written
	lockFile   = "lock"         // locked while the job runs
	outputFile = "output"
	errorsFile = "errors.jsonl"
	spoolFile  = "spool"  // of Parquet: chunks that are not in a row group yet
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
	Settings json.RawMessage  `json:"settings"`
	Inputs   []inputFile      `json:"inputs"`
	Stage    stage            `json:"stage,omitempty"`
	Chunks   int              `json:"chunks"`
	Rows     int              `json:"rows"`
	Failed   int              `json:"failed"`
	Pieces   int              `json:"pieces,omitempty"`  // chunks of the rows' texts
	Cut      int              `json:"cut,omitempty"`     // rows that lost tokens
	Dropped  int              `json:"dropped,omitempty"` // tokens that they lost
	Read     string           `json:"read"`              // sum of the rows of all chunks up to here
	Total    int              `json:"total,omitempty"`   // chunks of all shards together; 0 = not counted
	Files    map[string]int64 `json:"files"`             // bytes
	Size     int64            `json:"size,omitempty"`    // of the output, once it is written
}

// A folder holds a job while it is not done, and its record ever after.
type folder struct {
	path  string // of the output
	dir   string
	lock  *os.File
	state *state // nil where there is no record
	logs  map[string]*log

	committed time.Time // the last time
	pending   bool      // something was written since
	urgent    bool      // it must be committed before more is written
}

// openFolder opens and locks the folder of an output. anew removes what it holds.
func openFolder(output string, anew bool) (_ *folder, err error) {
	f := &folder{path: output, dir: output + ".job", logs: map[string]*log{}}
	switch info, err := os.Stat(output); {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", output)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.Mkdir(f.dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if f.lock, err = os.OpenFile(f.file(lockFile), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.lock.Close())
		}
	}()
	switch free, err := filelock.TryLock(f.lock); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.lock.Name(), err)
	case !free:
		return nil, fmt.Errorf("%s: %w", f.dir, ErrRunning)
	}
	if anew {
		// The record first: without it the others count for nothing.
		for _, name := range []string{recordFile, newRecord, outputFile, errorsFile, spoolFile, groupsFile} {
			if err := f.remove(name); err != nil {
				return nil, err
			}
		}
		return f, nil
	}
	data, err := os.ReadFile(f.file(recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	f.state = new(state)
	if err := json.Unmarshal(data, f.state); err != nil {
		return nil, stale("%s: %w", f.file(recordFile), err)
	}
	if f.state.Files == nil {
		f.state.Files = map[string]int64{}
	}
	return f, nil
}

func (f *folder) file(name string) string { return filepath.Join(f.dir, name) }

// remove removes a file that may not be there.
func (f *folder) remove(name string) error {
	if err := os.Remove(f.file(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// close closes all files, and with that ends the lock.
func (f *folder) close() error {
	err := f.closeLogs()
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
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.file(newRecord), f.file(recordFile)); err != nil {
		return err
	}
	return syncFolder(f.dir)
}

// publish gives a written output its name.
func (f *folder) publish() error {
	if err := f.closeLogs(); err != nil {
		return err
	}
	err := os.Rename(f.file(outputFile), f.path)
	if errors.Is(err, fs.ErrNotExist) {
		// An earlier run was stopped right after the same.
		if info, gone := os.Stat(f.path); gone != nil || info.Size() != f.state.Size {
			return stale("%s: the output of %d bytes is no longer there", f.dir, f.state.Size)
		}
		err = nil
	}
	if err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(f.path)); err != nil {
		return err
	}
	f.state.Stage = stageDone
	if err := f.save(); err != nil {
		return err
	}
	names := []string{spoolFile, groupsFile}
	if f.state.Failed == 0 {
		names = append(names, errorsFile)
	}
	for _, name := range names {
		if err := f.remove(name); err != nil {
			return err
		}
	}
	return nil
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
