package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

const (
	maxPickle = 4 << 20 // bytes of one pickle; a tensor takes some 200
	maxCalls  = 1 << 17 // of one file; a tensor takes two, a Parameter four
)

// The values that a pickle makes, besides nil (None), bool, int64, float64 and
// string. None of them runs anything, and nothing here follows one into its
// parts, so that a list that holds itself does no harm.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct {
		items   []any // key, value, key, value …
		ordered bool  // a collections.OrderedDict
	}
	long string // an int of more than 64 bits: its bytes, little-endian
)

// An unpickler reads pickles that lie one after another, see
// https://docs.python.org/3/library/pickletools.html, and knows no more of them
// than tensors need: every other opcode, and every name that is not one of
// globals, is an error. What it makes takes at most some 60 bytes for each byte of
// a pickle, and 2 KB for each of maxCalls.
type unpickler struct {
	data     []byte
	at       int // in data, the next byte to read
	end      int // in data, where the limit of this pickle is
	stack    []any
	marks    []int // of those that are open, the length of the stack then
	memo     []any
	storages map[string]*storage
	calls    int
}

// load reads one pickle and returns its value.
func (u *unpickler) load() (any, error) {
	u.stack, u.marks, u.memo = nil, nil, nil
	start := u.at
	u.end = min(len(u.data), start+maxPickle)
	for {
		at := u.at
		b, err := u.take(1)
		if err != nil {
			return nil, fmt.Errorf("byte %d: no STOP: %w", at, err)
		}
		op := b[0]
		switch {
		case (op == opProto) != (at == start):
			err = errors.New("PROTO is expected first, and only there")
		case op == opStop:
			v, err := u.pop(1)
			if err == nil && len(u.stack)+len(u.marks) > 0 {
				err = fmt.Errorf("%d values and %d marks left, expected none", len(u.stack), len(u.marks))
			}
			if err != nil {
				return nil, fmt.Errorf("byte %d: STOP: %w", at, err)
			}
			return v[0], nil
		default:
			err = u.step(op)
		}
		if err != nil {
			name := opcodes[op]
			if name == "" {
				name = fmt.Sprintf("%#02x", op)
			}
			return nil, fmt.Errorf("byte %d: opcode %s: %w", at, name, err)
		}
	}
}

// step does what an opcode says.
func (u *unpickler) step(op byte) error {
	switch op {
	case opProto:
		n, err := u.uint(1)
		if err == nil && (n < 2 || n > 5) {
			err = fmt.Errorf("protocol %d, expected 2 to 5", n)
		}
		return err
	case opFrame: // says how much a reader may buffer
		n, err := u.uint(8)
		if err == nil && n > uint64(u.end-u.at) {
			err = fmt.Errorf("%d bytes, %d are left", n, u.end-u.at)
		}
		return err
	case opMark:
		u.marks = append(u.marks, len(u.stack))
	case opNone:
		u.push(nil)
	case opNewTrue, opNewFalse:
		u.push(op == opNewTrue)
	case opBinInt, opBinInt1, opBinInt2, opLong1, opBinFloat:
		return u.number(op)
	case opShortUni:
		return u.text(1)
	case opBinUnicode:
		return u.text(4)
	case opEmptyTuple:
		u.push(tuple{})
	case opEmptyList:
		u.push(&list{})
	case opEmptyDict:
		u.push(&dict{})
	case opTuple:
		items, err := u.popMark()
		if err != nil {
			return err
		}
		u.push(tuple(slices.Clone(items)))
	case opTuple1, opTuple2, opTuple3:
		items, err := u.pop(int(op-opTuple1) + 1)
		if err != nil {
			return err
		}
		u.push(tuple(slices.Clone(items)))
	case opAppend:
		return u.extendList(u.pop(1))
	case opAppends:
		return u.extendList(u.popMark())
	case opSetItem:
		return u.extendDict(u.pop(2))
	case opSetItems:
		return u.extendDict(u.popMark())
	case opMemoize:
		return u.put(uint64(len(u.memo)))
	case opBinPut, opLongBinPut, opBinGet, opLongBinGet:
		return u.memoized(op)
	case opGlobal, opStackGlobal:
		return u.global(op)
	case opReduce:
		return u.reduce()
	case opBuild:
		return u.build()
	case opBinPersID:
		return u.persistent()
	default:
		return errors.New("no part of a state dict, and nothing else is run")
	}
	return nil
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

// take returns the next n bytes.
func (u *unpickler) take(n uint64) ([]byte, error) {
	if n > uint64(u.end-u.at) {
		if u.end < len(u.data) {
			return nil, fmt.Errorf("more than %d bytes of pickle", maxPickle)
		}
		return nil, fmt.Errorf("%d bytes, %d are left", n, u.end-u.at)
	}
	b := u.data[u.at : u.at+int(n)]
	u.at += int(n)
	return b, nil
}

// uint reads a number of n bytes, at most 8.
func (u *unpickler) uint(n uint64) (uint64, error) {
	b, err := u.take(n)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// number pushes a number.
func (u *unpickler) number(op byte) error {
	var size uint64
	var err error
	switch op {
	case opBinInt1:
		size = 1
	case opBinInt2:
		size = 2
	case opBinInt:
		size = 4
	case opBinFloat:
		size = 8
	case opLong1:
		if size, err = u.uint(1); err != nil {
			return err
		}
	}
	b, err := u.take(size)
	if err != nil {
		return err
	}
	if size > 8 {
		u.push(long(b))
		return nil
	}
	var wide [8]byte
	copy(wide[:], b)
	n := binary.LittleEndian.Uint64(wide[:])
	switch op {
	case opBinFloat: // the only big-endian number
		u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opBinInt, opLong1: // two's complement
		unused := 64 - 8*size
		u.push(int64(n<<unused) >> unused)
	default:
		u.push(int64(n))
	}
	return nil
}

// text pushes a string, whose length is a number of n bytes.
func (u *unpickler) text(n uint64) error {
	size, err := u.uint(n)
	if err != nil {
		return err
	}
	b, err := u.take(size)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return fmt.Errorf("%.50q, expected UTF-8", b)
	}
	u.push(string(b))
	return nil
}

// floor returns the length of the stack at the last mark.
func (u *unpickler) floor() int {
	if len(u.marks) == 0 {
		return 0
	}
	return u.marks[len(u.marks)-1]
}

// pop takes n values off the stack. They are valid until the next push.
func (u *unpickler) pop(n int) ([]any, error) {
	if have := len(u.stack) - u.floor(); have < n {
		return nil, fmt.Errorf("%d values since the last mark, expected %d", have, n)
	}
	items := u.stack[len(u.stack)-n:]
	u.stack = u.stack[:len(u.stack)-n]
	return items, nil
}

// popMark takes off the stack the values since the last mark, and that mark.
func (u *unpickler) popMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, errors.New("no mark")
	}
	items := u.stack[u.floor():]
	u.stack = u.stack[:u.floor()]
	u.marks = u.marks[:len(u.marks)-1]
	return items, nil
}

// top returns the value on top of the stack.
func (u *unpickler) top() (any, error) {
	if len(u.stack) <= u.floor() {
		return nil, errors.New("no value since the last mark")
	}
	return u.stack[len(u.stack)-1], nil
}

// extendList adds items to the list on top of the stack, if err is nil.
func (u *unpickler) extendList(items []any, err error) error {
	if err != nil {
		return err
	}
	v, err := u.top()
	if err != nil {
		return err
	}
	l, ok := v.(*list)
	if !ok {
		return fmt.Errorf("on %s, expected a list", kind(v))
	}
	l.items = append(l.items, items...)
	return nil
}

// extendDict adds items, keys and values in turn, to the dict on top of the stack, if err is nil.
func (u *unpickler) extendDict(items []any, err error) error {
	if err != nil {
		return err
	}
	v, err := u.top()
	if err != nil {
		return err
	}
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("on %s, expected a dict", kind(v))
	}
	if len(items)%2 != 0 {
		return fmt.Errorf("%d keys and values, expected pairs", len(items))
	}
	d.items = append(d.items, items...)
	return nil
}

// put remembers the value on top of the stack as number n of the memo. Python
// numbers them in order.
func (u *unpickler) put(n uint64) error {
	v, err := u.top()
	if err == nil && n != uint64(len(u.memo)) {
		err = fmt.Errorf("memo index %d, expected the next, %d", n, len(u.memo))
	}
	if err == nil {
		u.memo = append(u.memo, v)
	}
	return err
}

// memoized reads an index of the memo and puts or gets.
func (u *unpickler) memoized(op byte) error {
	size := uint64(1)
	if op == opLongBinPut || op == opLongBinGet {
		size = 4
	}
	n, err := u.uint(size)
	switch {
	case err != nil:
		return err
	case op == opBinPut || op == opLongBinPut:
		return u.put(n)
	case n >= uint64(len(u.memo)):
		return fmt.Errorf("memo index %d, the memo has %d", n, len(u.memo))
	}
	u.push(u.memo[n])
	return nil
}

// global pushes what a name of Python stands for.
func (u *unpickler) global(op byte) error {
	var module, name string
	if op == opStackGlobal {
		names, err := u.pop(2)
		if err != nil {
			return err
		}
		var isText [2]bool
		module, isText[0] = names[0].(string)
		name, isText[1] = names[1].(string)
		if isText != [2]bool{true, true} {
			return fmt.Errorf("%s and %s, expected two strings", kind(names[0]), kind(names[1]))
		}
	} else {
		for _, s := range []*string{&module, &name} {
			n := bytes.IndexByte(u.data[u.at:u.end], '\n')
			if n < 0 {
				return errors.New("a name without its end of line")
			}
			*s = string(u.data[u.at : u.at+n])
			u.at += n + 1
		}
	}
	v, ok := globals[module+" "+name]
	if !ok {
		return fmt.Errorf("%.200q: no part of a state dict, and nothing else is loaded or run", module+"."+name)
	}
	u.push(v)
	return nil
}

// reduce calls one of the functions of globals.
func (u *unpickler) reduce() error {
	v, err := u.pop(2)
	if err != nil {
		return err
	}
	f, ok := v[0].(*function)
	if !ok {
		return fmt.Errorf("call of %s, expected a function", kind(v[0]))
	}
	args, ok := v[1].(tuple)
	if !ok {
		return fmt.Errorf("%s: %s, expected a tuple of arguments", f.name, kind(v[1]))
	}
	if u.calls++; u.calls > maxCalls {
		return fmt.Errorf("more than %d calls", maxCalls)
	}
	result, err := f.call(args)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	u.push(result)
	return nil
}

// build sets the attributes of an OrderedDict, of which a state dict has
// _metadata: the versions of its modules, which say nothing about the tensors.
func (u *unpickler) build() error {
	v, err := u.pop(1)
	if err != nil {
		return err
	}
	state, isDict := v[0].(*dict)
	on, err := u.top()
	if err != nil {
		return err
	}
	if d, ok := on.(*dict); !ok || !d.ordered || !isDict {
		return fmt.Errorf("%s on %s, expected a dict on an OrderedDict", kind(v[0]), kind(on))
	}
	for i := 0; i < len(state.items); i += 2 {
		if state.items[i] != "_metadata" {
			return fmt.Errorf("attribute %s, expected _metadata", kind(state.items[i]))
		}
	}
	return nil
}

// kind says what v is, for errors.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return fmt.Sprintf("bool %v", v)
	case int64, float64:
		return fmt.Sprintf("number %v", v)
	case long:
		return fmt.Sprintf("a number of %d bytes", len(v))
	case string:
		return fmt.Sprintf("string %.50q", v)
	case tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *list:
		return fmt.Sprintf("a list of %d", len(v.items))
	case *dict:
		name := "a dict"
		if v.ordered {
			name = "an OrderedDict"
		}
		return fmt.Sprintf("%s of %d", name, len(v.items)/2)
	case *function:
		return v.name
	case storageType:
		return "a storage type of " + DType(v).String()
	case DType:
		return "dtype " + v.String()
	case *typedStorage:
		return "a storage"
	default: // *view
		return "a tensor"
	}
}
