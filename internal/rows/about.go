package rows

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// An About says what made the embeddings of a file, for whoever finds the file elsewhere.
type About struct {
	Model       string   `json:"model"`       // its name
	Fingerprint string   `json:"fingerprint"` // of what makes its numbers
	Prompt      string   `json:"prompt"`      // before each text; "" = none
	Dimensions  int      `json:"dimensions"`  // 0 = the embeddings are sparse
	Encodings   []string `json:"encodings"`   // the number formats
	Rows        int64    `json:"rows"`        // of a Parquet file, which it tells itself; of another those of the inputs
}

// aboutKey is the key of the About, as JSON, in the metadata of a Parquet file.
const aboutKey = "rhumb"

// ErrNoAbout is the error of a file that does not say what made it.
var ErrNoAbout = errors.New("the file does not say what made it; expected a Parquet file of rhumb batch or embed, or a file of batch with its record")

// JobRecord returns the name of the hidden file beside an output that is the record of the
// job that wrote it.
func JobRecord(output string) string {
	return filepath.Join(filepath.Dir(output), "."+filepath.Base(output)+".job")
}

// ReadAbout returns what a file says of itself or, of one that is not Parquet, the record of
// its job. The error of a file of which nothing is said is ErrNoAbout.
func ReadAbout(name string) (a About, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	defer recovered(&err)
	file, err := os.Open(name)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return a, err
	}
	var magic [4]byte
	if _, err := file.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "PAR1" {
		return readRecorded(name, info.Size())
	}
	if err := checkFooter(file, info.Size()); err != nil {
		return a, err
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return a, err
	}
	value, ok := f.Lookup(aboutKey)
	if !ok {
		return a, ErrNoAbout
	}
	if err := json.Unmarshal([]byte(value), &a); err != nil {
		return a, fmt.Errorf("metadata %q: %w", aboutKey, err)
	}
	a.Rows = f.NumRows()
	return a, nil
}

// metadata returns a as the value of aboutKey.
func (a About) metadata() string {
	data, err := json.Marshal(struct {
		About
		Rows *int64 `json:"rows,omitempty"` // which shadows those of a
	}{About: a})
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(data)
}

// readRecorded returns what the record of a job says of its output of that size.
func readRecorded(name string, size int64) (a About, err error) {
	data, err := os.ReadFile(JobRecord(name))
	if errors.Is(err, fs.ErrNotExist) {
		// That of a job whose folder was kept.
		data, err = os.ReadFile(filepath.Join(name+".job", "job.json"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return a, ErrNoAbout
	}
	if err != nil {
		return a, err
	}
	var record struct {
		Layout Layout
		Rows   int64
		Size   int64
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return a, fmt.Errorf("its record: %w", err)
	}
	if record.Layout.About == nil || record.Size != size {
		return a, ErrNoAbout
	}
	a = *record.Layout.About
	a.Rows = record.Rows
	return a, nil
}
