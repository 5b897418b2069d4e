package rows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A thriftWalker passes over values in Thrift's compact protocol, to see, before
// anybody allocates what they announce, that all of it is there.
type thriftWalker struct {
	data []byte // what is left
	room int    // bytes that elements of lists may still take in memory
}

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

const (
	thriftDepth  = 64  // of structures in structures, which files of Parquet have some ten of
	structBytes  = 560 // of a column chunk's, the largest in a list
	elementBytes = 24  // of any other element, at most
)

var errThriftDepth = errors.New("structures that are nested too deep")

// structure passes over a structure.
func (w *thriftWalker) structure(depth int) error {
	if depth > thriftDepth {
		return errThriftDepth
	}
	for {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 {
			if _, err := w.varint(); err != nil { // the field's number
				return err
			}
		}
		if kind := head & 0xf; kind != thriftTrue && kind != thriftFalse { // which are their type
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

// value passes over a value of a type.
func (w *thriftWalker) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte: // true and false in a list
		return w.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 0xf {
			if n, err = w.varint(); err != nil {
				return err
			}
		}
		return w.elements(n, depth, head&0xf)
	case thriftMap:
		n, err := w.varint()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := w.byte()
		if err != nil {
			return err
		}
		return w.elements(n, depth, kinds>>4, kinds&0xf)
	case thriftStruct:
		return w.structure(depth + 1)
	}
	return fmt.Errorf("type %d", kind)
}

// elements passes over n times a value of each type.
func (w *thriftWalker) elements(n uint64, depth int, kinds ...byte) error {
	if depth > thriftDepth {
		return errThriftDepth
	}
	if n > uint64(len(w.data)) {
		return io.ErrUnexpectedEOF // each takes a byte or more
	}
	size := 0
	for _, kind := range kinds {
		size += elementBytes
		if kind == thriftStruct {
			size += structBytes - elementBytes
		}
	}
	if n > uint64(w.room/size) {
		return fmt.Errorf("a list of %d elements is too long", n)
	}
	w.room -= int(n) * size
	for range n {
		for _, kind := range kinds {
			if err := w.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *thriftWalker) byte() (byte, error) {
	if len(w.data) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b := w.data[0]
	w.data = w.data[1:]
	return b, nil
}

func (w *thriftWalker) skip(n uint64) error {
	if n > uint64(len(w.data)) {
		return io.ErrUnexpectedEOF
	}
	w.data = w.data[n:]
	return nil
}

func (w *thriftWalker) varint() (uint64, error) {
	v, n := binary.Uvarint(w.data)
	switch {
	case n == 0:
		return 0, io.ErrUnexpectedEOF
	case n < 0:
		return 0, errors.New("an integer of more than 64 bits")
	}
	w.data = w.data[n:]
	return v, nil
}
