package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"slices"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// What is in the file: one bucket, of that name, which has the number N and a bucket of
// rows for each of two generations, "rows N" and the one before. New rows, and old ones
// that are found, go to the generation N. Where the file is full, the one before goes, and
// the next one begins; the first one has half of the file.
var (
	rootName       = []byte("rhumb rows 1")
	generationName = []byte("generation")
)

var order = binary.LittleEndian

const sumBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum returns a sum of a key and the components of its row.
func sum(key key, components []byte) uint32 {
	return crc32.Update(crc32.Checksum(key[:], castagnoli), castagnoli, components)
}

// A record is the file in a transaction.
type record struct{ root *bbolt.Bucket }

func openRecord(tx *bbolt.Tx) record { return record{tx.Bucket(rootName)} }

func rowsName(generation uint64) []byte { return fmt.Appendf(nil, "rows %d", generation) }

// generation returns N.
func (r record) generation() uint64 {
	if v := r.root.Get(generationName); len(v) == 8 {
		return order.Uint64(v)
	}
	return 0
}

// find returns the value of key, nil where there is none, and whether it is of the
// generation that goes next.
func (r record) find(key key) (value []byte, aged bool) {
	for back := range uint64(2) {
		if rows := r.root.Bucket(rowsName(r.generation() - back)); rows != nil {
			if value := rows.Get(key[:]); value != nil {
				return value, back == 1
			}
		}
	}
	return nil, false
}

// write writes values, where so many bytes are in use, of most.
func (r record) write(values map[key][]byte, used, most int64) error {
	n := r.generation()
	before := rowsName(n - 1)
	if r.root.Bucket(before) == nil {
		most /= 2
	}
	if used >= most {
		if err := r.root.DeleteBucket(before); err != nil && !errors.Is(err, bbolterrors.ErrBucketNotFound) {
			return err
		}
		n++
	}
	rows, err := r.root.CreateBucketIfNotExists(rowsName(n))
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(values), func(a, b key) int { return bytes.Compare(a[:], b[:]) }) {
		if err := rows.Put(key[:], values[key]); err != nil {
			return err
		}
	}
	return r.root.Put(generationName, order.AppendUint64(nil, n))
}

// prepare makes s.db a cache where it is empty, and else makes sure that it is one, and whole.
func (s *Store) prepare() error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		switch info, err := os.Stat(s.path); {
		case err != nil:
			return err
		case info.Size() < tx.Size():
			return fmt.Errorf("damaged: %d bytes, expected at least %d", info.Size(), tx.Size())
		}
		if err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			if !bytes.Equal(name, rootName) {
				return fmt.Errorf("a database of another program or version: bucket %.50q, expected %q", name, rootName)
			}
			return nil
		}); err != nil {
			return err
		}
		_, err := tx.CreateBucketIfNotExists(rootName)
		return err
	})
	if err != nil {
		return err
	}
	return s.db.View(s.measure)
}
