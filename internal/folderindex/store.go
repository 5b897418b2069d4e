package folderindex

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rhumb-go/rhumb/internal/filelock"
)

// The file of an index is
//
//	magic     16 bytes
//	length    of what follows, 4 bytes, little-endian
//	contents  as JSON
//	rows      parts × dimensions bytes, those of the files in their order
//	sum       CRC-32C of all before, 4 bytes, little-endian
//
// It is written beside and moved to its place, so that it is there as a whole or not at all.
// Where files are cut in another way than before, magic counts on.
const (
	magic     = "rhumb index 1\n\x00\x00"
	mostIndex = 4 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// contents are what a file says of its rows.
type contents struct {
	Key        string `json:"key"`
	Folder     string `json:"folder"` // for people
	Dimensions int    `json:"dimensions"`
	Files      []file `json:"files"`
}

// place finds the key of the index of a model, and its file.
func (x *Index) place(fingerprint string) {
	all := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%s", x.folder, fingerprint, x.width, x.chunks.MaxTokens, x.chunks.Prompt))
	x.key = hex.EncodeToString(all[:16])
	if x.cfg.Cache != "" {
		x.file = filepath.Join(x.cfg.Cache, x.key+".index")
	}
}

// lock keeps other processes from changing the file, until unlock. While one of them does, what
// it saves is loaded. Where nothing can be kept there is nothing to lock.
func (x *Index) lock(ctx context.Context) (unlock func(), err error) {
	none := func() {}
	if x.file == "" {
		return none, nil
	}
	if err := os.MkdirAll(filepath.Dir(x.file), 0o700); err != nil {
		return none, nil // save says so
	}
	f, err := os.OpenFile(x.file+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return none, nil
	}
	for {
		switch free, err := filelock.TryLock(f); {
		case err != nil: // a file system without locks
			_ = f.Close()
			return none, nil
		case free:
			return func() { _ = f.Close() }, nil // which unlocks
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(50 * time.Millisecond):
			x.load() // what the other one has so far
		}
	}
}

// load reads the file, where it is another one than was read or written last. What is not an
// index of this folder and model, whole, is none.
func (x *Index) load() {
	if x.file == "" {
		return
	}
	info, err := os.Stat(x.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostIndex || x.saved != nil && os.SameFile(info, x.saved) && info.ModTime().Equal(x.saved.ModTime()) {
		return
	}
	data, err := os.ReadFile(x.file)
	if err != nil {
		return
	}
	s, err := decode(data, x.key, x.width)
	if err != nil {
		x.cfg.Left(x.file, "the index is made again: "+err.Error())
		return
	}
	x.now.Store(s)
	x.saved = info
}

// save writes the file.
func (x *Index) save() (err error) {
	if x.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(x.file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(x.file), ".index-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(x.encode(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), x.file); err != nil {
		return err
	}
	x.saved, err = os.Stat(x.file)
	return err
}

// encode writes what was published last to w.
func (x *Index) encode(w io.Writer) error {
	s := x.now.Load()
	list, err := json.Marshal(contents{x.key, x.folder, x.width, s.files})
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)
	write := func(p []byte) {
		if err == nil {
			_, err = b.Write(p)
		}
	}
	write([]byte(magic))
	write(binary.LittleEndian.AppendUint32(nil, uint32(len(list))))
	write(list)
	var block [1 << 16]byte
	for rows := s.rows; len(rows) > 0 && err == nil; {
		n := min(len(rows), len(block))
		for i, v := range rows[:n] {
			block[i] = byte(v)
		}
		write(block[:n])
		rows = rows[n:]
	}
	if err = errors.Join(err, b.Flush()); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// seal returns the sum at the end of a file with that body.
func seal(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(body, castagnoli))
}

// decode returns the index in data, which must be that of the key and of rows of so many dimensions.
func decode(data []byte, key string, width int) (*snapshot, error) {
	if len(data) < len(magic)+4+4 || !bytes.HasPrefix(data, []byte(magic)) {
		return nil, errors.New("not an index, or one of another version")
	}
	body, end := data[:len(data)-4], data[len(data)-4:]
	if !bytes.Equal(seal(body), end) {
		return nil, errors.New("damaged: its sum is not that of its bytes")
	}
	length := uint64(binary.LittleEndian.Uint32(body[len(magic):]))
	body = body[len(magic)+4:]
	if length > uint64(len(body)) {
		return nil, fmt.Errorf("damaged: contents of %d bytes, expected at most %d", length, len(body))
	}
	var c contents
	if err := json.Unmarshal(body[:length], &c); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if c.Key != key || c.Dimensions != width {
		return nil, errors.New("an index of another folder or model")
	}
	rows := body[length:]
	for i := range c.Files {
		f := &c.Files[i]
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || i > 0 && f.Path <= c.Files[i-1].Path {
			return nil, fmt.Errorf("damaged: path %q", f.Path)
		}
		for _, p := range f.Parts {
			if p.Start < 0 || p.End <= p.Start || int64(p.End) > mostBytes || p.First < 1 || p.Last < p.First {
				return nil, fmt.Errorf("damaged: %s: bytes %d to %d, lines %d to %d", f.Path, p.Start, p.End, p.First, p.Last)
			}
		}
		if len(f.Parts) > len(rows)/width {
			return nil, fmt.Errorf("damaged: %s: %d parts, and rows of %d", f.Path, len(f.Parts), len(rows)/width)
		}
		n := len(f.Parts) * width
		f.rows = make([]int8, n)
		for i, b := range rows[:n] {
			f.rows[i] = int8(b)
		}
		rows = rows[n:]
	}
	if len(rows) > 0 {
		return nil, fmt.Errorf("damaged: %d bytes of rows more than parts", len(rows))
	}
	return newSnapshot(c.Files), nil
}
