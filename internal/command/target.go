package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/quant"
)

// A target is where a command's results go. A file appears under its name only
// when it is complete.
type target struct {
	io.Writer          // what the results are written to
	file      *os.File // Writer, where that is a file of ours; nil for standard output
	path      string   // what file is renamed to; "" if it is not renamed
	to        io.Writer
	spool     bool // file is copied to to at the end
	device    bool // file is a device or a pipe
}

// create returns the target of that name; "" and "-" are standard output.
// seekable asks for one whose Writer is an io.WriteSeeker.
func (c *console) create(name string, seekable bool) (*target, error) {
	if err := c.spare(name); err != nil {
		return nil, err
	}
	if rows.IsObject(name) {
		return nil, fmt.Errorf("%s: an object, expected a file; of objects there are those of rhumb-cloud batch", name)
	}
	t := &target{Writer: c.stdout, to: c.stdout}
	if name != "" && name != "-" {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return t, t.createBeside(name, 0o666)
		case err != nil:
			return nil, err
		case info.IsDir():
			return nil, fmt.Errorf("%s: a folder; expected a file", name)
		case info.Mode().IsRegular():
			if name, err = filepath.EvalSymlinks(name); err != nil {
				return nil, err
			}
			return t, t.createBeside(name, info.Mode().Perm())
		}
		if t.file, err = os.OpenFile(name, os.O_WRONLY, 0); err != nil {
			return nil, err
		}
		t.device, t.Writer, t.to = true, t.file, t.file
	}
	if seekable {
		file, err := os.CreateTemp("", "rhumb-*")
		if err != nil {
			return nil, errors.Join(err, t.closeDevice())
		}
		// Nobody needs its name, which would outlast a process that a signal ends.
		// Where an open file keeps its name, discard removes it.
		_ = os.Remove(file.Name())
		t.file, t.Writer, t.spool = file, file, true
	}
	return t, nil
}

// A source is a file that a command reads, or the folder of a model.
type source struct {
	name string
	fs.FileInfo
}

// reads notes that the command reads the file or the folder of that name, which
// none of its outputs may take the place of. What is not there is no source.
func (c *console) reads(name string) {
	if info, err := os.Stat(name); err == nil {
		c.sources = append(c.sources, source{name, info})
	}
}

// spare returns an error where an output of that name would take the place of
// what the command reads, under whatever names. "" and "-" are standard output.
func (c *console) spare(name string) error {
	var output fs.FileInfo
	var err error
	if name != "" && name != "-" {
		output, err = os.Stat(name)
	} else if file, ok := c.stdout.(*os.File); ok {
		name = "stdout"
		output, err = file.Stat()
	}
	if err != nil || output == nil || !output.Mode().IsRegular() {
		return nil // there is nothing to lose, or create says what is wrong
	}
	for _, s := range c.sources {
		if os.SameFile(s.FileInfo, output) {
			return fmt.Errorf("%s: input and output", name)
		}
		if !s.IsDir() || slices.Contains(resultNames, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		for _, within := range []string{"*", "*/*"} {
			files, err := fs.Glob(os.DirFS(s.name), within)
			if err != nil {
				return err
			}
			for _, file := range files {
				if info, err := os.Stat(filepath.Join(s.name, file)); err == nil && os.SameFile(info, output) && file != quant.RangesFile {
					return fmt.Errorf("%s: a file of the model's folder %s; expected another output", name, s.name)
				}
			}
		}
	}
	return nil
}

// resultNames end the names of results that are of no model.
var resultNames = []string{".jsonl", ".ndjson", ".npy", ".csv", ".parquet"}

// createBeside opens a new file in the folder of path.
func (t *target) createBeside(path string, perm fs.FileMode) (err error) {
	for range 100 {
		beside := fmt.Sprintf("%s.%08x.part", path, rand.Uint32())
		t.file, err = os.OpenFile(beside, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	t.Writer, t.path = t.file, path
	return err
}

func (t *target) closeDevice() error {
	if device, ok := t.to.(*os.File); ok && t.device {
		return device.Close()
	}
	return nil
}

// commit completes the target.
func (t *target) commit() (err error) {
	switch {
	case t.spool:
		defer t.discard()
		if _, err := t.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(t.to, t.file)
		return err
	case t.path != "":
		err := t.file.Sync()
		if err = errors.Join(err, t.file.Close()); err == nil {
			err = os.Rename(t.file.Name(), t.path)
		}
		if err != nil {
			_ = os.Remove(t.file.Name())
		}
		t.file = nil
		return err
	}
	file := t.file
	t.file = nil
	if file != nil {
		return file.Close()
	}
	return nil
}

// discard gives up what was written. After commit it does nothing.
func (t *target) discard() {
	if t.file == nil {
		return
	}
	// What is given up is not missed if it cannot be closed or removed.
	_ = t.file.Close()
	if t.spool || t.path != "" {
		_ = os.Remove(t.file.Name())
	}
	if t.spool {
		_ = t.closeDevice()
	}
	t.file = nil
}
