// Package disk keeps what models made of inputs in a file, so that it is there when the
// program runs again:
//
//	rows, err := disk.Open("rows.cache", disk.Config{})
//	…
//	defer rows.Close()
//	model, err := embed.Load(ctx, "all-MiniLM-L6-v2", embed.Config{Cache: rows})
//
// The file is one of go.etcd.io/bbolt, which a crash or a power failure leaves as it was
// after some write. Models, precisions and versions of this module may share it, as their
// keys differ. One process at a time has it open.
package disk

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/rhumb-go/rhumb/embed/cache"
)

// The bounds of Config.MaxBytes.
const (
	DefaultMaxBytes = 4 << 30
	LeastMaxBytes   = 16 << 20
)

const (
	lockTime   = 200 * time.Millisecond // for another process to let go of the file
	writeTime  = 250 * time.Millisecond // that rows wait for others to be written with, at most
	writeBytes = 1 << 20                // of rows that do not wait for others
)

// ErrInUse is the error of Open where another process, or another Store, has the file open.
var ErrInUse = errors.New("in use by another process")

// Config says how a Store keeps rows. The zero Config is the default.
type Config struct {
	// MaxBytes is about how large the file grows, beyond it by the pages that one write
	// replaces, some MiB; 0 = DefaultMaxBytes. Rows that were neither put nor found while half of it was filled
	// by others go. The file does not shrink.
	MaxBytes int64
	// Failed is told once why nothing is read or written any more, so that rows are computed
	// as if there was no cache; nil = Close alone says it.
	Failed func(error)
}

// A Store is an embed.Cache in a file. Rows are written together in the background, a
// quarter of a second after they were put, or once there is 1 MiB of them: those a crash
// may lose. Where the disk is slower than the model, some are not kept.
type Store struct {
	path   string
	cfg    Config
	db     *bbolt.DB
	most   int64         // bytes that wait
	full   chan struct{} // wakes the writer
	ending chan struct{} // closed by Close

	mu      sync.Mutex
	waiting map[key][]byte // values
	writing map[key][]byte
	size    int64 // of waiting, in bytes
	active  bool  // somebody writes, or is about to
	closed  bool
	err     error // that ended the writing
	writers sync.WaitGroup

	hits, misses, used atomic.Int64
}

type key = [sha256.Size]byte

// Open opens the file at path, or makes it. Errors name it: ErrInUse, or why it is no file
// of rows, or a damaged one; remove it then.
func Open(path string, cfg Config) (*Store, error) {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	if cfg.MaxBytes < LeastMaxBytes {
		return nil, fmt.Errorf("%s: a cache of %d bytes, expected at least %d", path, cfg.MaxBytes, LeastMaxBytes)
	}
	s := &Store{
		path: path, cfg: cfg, most: min(16<<20, cfg.MaxBytes/16), full: make(chan struct{}, 1), ending: make(chan struct{}),
		waiting: map[key][]byte{},
	}
	err := guard(func() (err error) {
		options := &bbolt.Options{Timeout: lockTime, FreelistType: bbolt.FreelistMapType}
		if s.db, err = bbolt.Open(path, 0o600, options); err != nil {
			return err
		}
		s.db.AllocSize = 1 << 20
		return s.prepare()
	})
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		err = ErrInUse
	case errors.Is(err, bbolterrors.ErrInvalid) || errors.Is(err, bbolterrors.ErrVersionMismatch) || errors.Is(err, bbolterrors.ErrChecksum):
		err = fmt.Errorf("not a cache: %w", err)
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// guard runs do, which reads and writes a database. bbolt panics where what it finds in
// the file cannot be, and the system where the file ends before that.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	return do()
}

// Get is that of embed.Cache.
func (s *Store) Get(key [sha256.Size]byte, row []float32) bool {
	found := s.get(key, row)
	if found {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
	return found
}

func (s *Store) get(key key, row []float32) (found bool) {
	s.mu.Lock()
	value, usable := s.waiting[key], !s.closed && s.err == nil
	if value == nil {
		value = s.writing[key]
	}
	s.mu.Unlock()
	if value != nil || !usable {
		return decode(row, key, value)
	}
	var old []byte
	err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			value, aged := openRecord(tx).find(key)
			if found = decode(row, key, value); found && aged {
				old = slices.Clone(value)
			}
			return nil
		})
	})
	if err != nil {
		s.fail(err)
		return false
	}
	if old != nil {
		s.add(key, old) // to the rows that stay
	}
	return found
}

// Put is that of embed.Cache.
func (s *Store) Put(key [sha256.Size]byte, row []float32) { s.add(key, encode(key, row)) }

// add has a value written.
func (s *Store) add(key key, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.err != nil || s.size > s.most || s.waiting[key] != nil || s.writing[key] != nil {
		return
	}
	s.waiting[key] = value
	if s.size += int64(len(key) + len(value)); s.size > min(writeBytes, s.most/2) {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
	if !s.active {
		s.active = true
		s.writers.Go(s.write)
	}
}

// write writes until nothing waits.
func (s *Store) write() {
	for active := true; active; {
		select {
		case <-s.full:
		case <-s.ending:
		case <-time.After(writeTime):
		}
		s.mu.Lock()
		s.writing, s.waiting, s.size = s.waiting, map[key][]byte{}, 0
		s.mu.Unlock()
		err := guard(func() error {
			return s.db.Update(func(tx *bbolt.Tx) error { return openRecord(tx).write(s.writing, s.inUse(tx), s.cfg.MaxBytes/8*7) })
		})
		if err == nil {
			err = guard(func() error { return s.db.View(s.measure) })
		}
		if err != nil {
			s.fail(err)
		}
		s.mu.Lock()
		s.writing = nil
		s.active = len(s.waiting) > 0
		active = s.active
		s.mu.Unlock()
	}
}

// fail ends the writing, for err.
func (s *Store) fail(err error) {
	s.mu.Lock()
	if s.err != nil || s.closed && errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		s.mu.Unlock()
		return
	}
	err = fmt.Errorf("%s: %w", s.path, err)
	s.err = err
	clear(s.waiting)
	s.mu.Unlock()
	if s.cfg.Failed != nil {
		s.cfg.Failed(err)
	}
}

// inUse returns how many bytes of the file have something in them.
func (s *Store) inUse(tx *bbolt.Tx) int64 {
	stats := s.db.Stats()
	return tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(s.db.Info().PageSize)
}

// measure keeps what Stats says.
func (s *Store) measure(tx *bbolt.Tx) error {
	s.used.Store(s.inUse(tx))
	return nil
}

// Stats returns the state of s: Bytes are those of the file that are in use, without what
// waits. It is cheap.
func (s *Store) Stats() cache.Stats {
	return cache.Stats{Hits: s.hits.Load(), Misses: s.misses.Load(), Bytes: s.used.Load()}
}

// Close writes what waits and closes the file. Later Gets find nothing. The error is also
// the one that ended the writing before.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.ending)
	s.mu.Unlock()
	s.writers.Wait()
	err := guard(s.db.Close)
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.err, err)
}

// float32Bytes is the size of a component.
const float32Bytes = 4

// encode returns the value of a row: a sum of it and its key, and its components.
func encode(key key, row []float32) []byte {
	value := make([]byte, sumBytes, sumBytes+float32Bytes*len(row))
	for _, x := range row {
		value = order.AppendUint32(value, math.Float32bits(x))
	}
	order.PutUint32(value, sum(key, value[sumBytes:]))
	return value
}

// decode fills row with the components of the value of key, and reports whether they are
// those that were encoded, and as many.
func decode(row []float32, key key, value []byte) bool {
	if len(value) != sumBytes+float32Bytes*len(row) || order.Uint32(value) != sum(key, value[sumBytes:]) {
		return false
	}
	for i := range row {
		row[i] = math.Float32frombits(order.Uint32(value[sumBytes+float32Bytes*i:]))
	}
	return true
}
