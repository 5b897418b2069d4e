package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// What is read of an object comes in windows: the first at a place is of firstWindow bytes, one
// behind another twice as long, up to maxWindow. So a footer costs one request, and lines as well as
// the columns of a Parquet file, each of which is read on at its own place, one for some MB.
const (
	firstWindow = 256 << 10
	maxWindow   = 4 << 20
	minWindow   = 16 << 10
	maxWindows  = 32 << 20 // bytes that are kept
)

// A window is a part of an object that is in memory.
type window struct {
	from int64
	data []byte
	read int // up to which it was read
}

// info is what is known of an object.
type info struct {
	name    string
	size    int64
	changed time.Time
	version string
}

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return i.changed }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return i.version }

// same reports whether what is read is of the object as it was opened.
func (i info) same(r *blob.Reader) bool {
	if r.Size() != i.size {
		return false
	}
	if version := versionOf(r.As); version != "" && i.version != "" {
		return version == i.version
	}
	return r.ModTime().Truncate(time.Second).Equal(i.changed.Truncate(time.Second)) // as HTTP tells times
}

// An object is one that is open: a job.Object.
type object struct {
	ctx    context.Context
	bucket *bucket
	key    string
	info   info

	mu      sync.Mutex
	at      int64     // of Read
	windows []*window // the one that was used last comes last
	most    int       // bytes of a window: fewer where many places are read on in turn
}

func (o *object) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *object) Close() error               { return nil }

// Seek has Read go on elsewhere.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("%s: seek to %d, expected a place in it", o.info.name, offset)
	}
	o.at = offset
	return offset, nil
}

// Read reads on.
func (o *object) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.some(p, o.at)
	o.at += int64(n)
	return n, err
}

// ReadAt reads at a place.
func (o *object) ReadAt(p []byte, offset int64) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(p) && err == nil {
		var k int
		k, err = o.some(p[n:], offset+int64(n))
		n += k
	}
	if n == len(p) {
		return n, nil
	}
	return n, err
}

// some reads what one window has.
func (o *object) some(p []byte, offset int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if offset >= o.info.size {
		return 0, io.EOF
	}
	w, err := o.window(offset)
	if err != nil {
		return 0, err
	}
	n := copy(p, w.data[offset-w.from:])
	w.read = max(w.read, int(offset-w.from)+n)
	return n, nil
}

// window returns the window that has the byte at offset.
func (o *object) window(offset int64) (*window, error) {
	length := min(firstWindow, o.most)
	for i, w := range o.windows {
		switch end := w.from + int64(len(w.data)); {
		case offset >= w.from && offset < end:
			o.windows = append(slices.Delete(o.windows, i, i+1), w)
			return w, nil
		case offset >= end && offset < end+firstWindow && w.read > len(w.data)/2:
			length = max(length, min(2*len(w.data), o.most)) // read on
		}
	}
	if end := o.info.size - int64(min(length, firstWindow)); offset > end {
		offset = max(end, 0) // the end as a whole: what is there leads to what is before
	}
	length = int(min(int64(length), o.info.size-offset))
	o.makeRoom(length)
	data, err := o.fetch(offset, length)
	if err != nil {
		return nil, err
	}
	w := &window{from: offset, data: data}
	o.windows = append(o.windows, w)
	return w, nil
}

// makeRoom forgets windows, those used longest ago. Where one goes that was not read yet, those to
// come are shorter.
func (o *object) makeRoom(length int) {
	for _, w := range o.windows {
		length += len(w.data)
	}
	for length > maxWindows && len(o.windows) > 0 {
		w := o.windows[0]
		o.windows = slices.Delete(o.windows, 0, 1)
		length -= len(w.data)
		if n := len(w.data); w.read > n/2 {
			o.most = min(max(o.most, 2*n), maxWindow)
		} else {
			o.most = max(min(o.most, n/2), minWindow)
		}
	}
}

// attempts is how often a part of an object is asked for, beyond what the client of the service does
// by itself, which has no account of what breaks off.
const attempts = 5

// firstPause is the time before the second attempt; each one after that is twice as long.
var firstPause = time.Second / 4

// fetch returns a part of the object.
func (o *object) fetch(offset int64, length int) (data []byte, err error) {
	for i := range attempts {
		if i > 0 {
			pause := time.NewTimer(firstPause << (i - 1))
			select {
			case <-o.ctx.Done():
				pause.Stop()
			case <-pause.C:
			}
		}
		data, err = o.fetchOnce(offset, length)
		if err == nil || o.ctx.Err() != nil || !again(err) {
			break
		}
	}
	if err != nil {
		return nil, o.bucket.failed(o.ctx, "read", o.info.name, err)
	}
	return data, nil
}

// again reports whether an error may be another, or none, the next time.
func again(err error) bool {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.FailedPrecondition:
		return false
	}
	return !errors.Is(err, errChanged)
}

var errChanged = errors.New("the object has changed since it was opened")

// fetchOnce is fetch without another attempt.
func (o *object) fetchOnce(offset int64, length int) (_ []byte, err error) {
	r, err := o.bucket.NewRangeReader(o.ctx, o.key, offset, int64(length), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if !o.info.same(r) {
		return nil, errChanged
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%d bytes at %d: %w", length, offset, err)
	}
	return data, nil
}
