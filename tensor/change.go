package tensor

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

// A mapping is a file that is mapped into memory, and its state then.
type mapping struct {
	data []byte
	file *os.File
	was  state
}

// A state of a file is its size in bytes and when it was last written to, in
// nanoseconds since 1970. A zero state is one that the system does not tell.
type state struct{ size, written int64 }

// holds reports whether address is in the mapping, and where.
func (m *mapping) holds(address uintptr) (offset uintptr, ok bool) {
	offset = address - uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
	return offset, offset < uintptr(len(m.data))
}

// changed returns an error where the file has another state than it had.
func (m *mapping) changed() error {
	is := stateOf(m.file)
	switch none := (state{}); {
	case is == m.was || is == none || m.was == none:
		return nil
	case is.size != m.was.size:
		return fmt.Errorf("%s: %d bytes, and %d when it was loaded: it has changed since", m.file.Name(), is.size, m.was.size)
	}
	return fmt.Errorf("%s: written to at %s: it has changed since it was loaded", m.file.Name(), time.Unix(0, is.written).Format(time.RFC3339Nano))
}

// Changed returns an error where a file that f has mapped into memory was cut or
// written to since it was opened, as its size and its time of modification tell: the
// tensors are not what they were. A new file under the same name is no change, as f
// keeps the old one. It takes less than a microsecond a file.
func (f *File) Changed() error {
	for i := range f.mappings {
		if err := f.mappings[i].changed(); err != nil {
			return err
		}
	}
	return nil
}

// An Identity tells files from others, and from themselves once they were changed, even
// where their size and their time of modification are as before.
type Identity struct {
	Paths   string    // one a line, as they were opened
	State   string    // the device, the number, the size and the times of each; "" where they are not known
	Changed time.Time // the last of the times
}

// A mark is what the system says of a file beside its state: its device and its number
// there, and when its content, its times or its name changed last, in nanoseconds since
// 1970. A zero mark is one that the system does not tell.
type mark struct {
	device, number uint64
	changed        int64
}

// Identity returns that of the files of f, as they are now. There is none where not all of
// them are mapped into memory.
func (f *File) Identity() Identity {
	var id Identity
	if len(f.mappings) != len(f.files) {
		return id
	}
	var paths, states strings.Builder
	newest := int64(0)
	for i := range f.mappings {
		m := &f.mappings[i]
		state, mark := stateOf(m.file), markOf(m.file)
		if state.size == 0 || state != m.was || mark.changed == 0 {
			return id
		}
		fmt.Fprintln(&paths, m.file.Name())
		fmt.Fprintln(&states, mark.device, mark.number, mark.changed, state.size, state.written)
		newest = max(newest, mark.changed, state.written)
	}
	return Identity{paths.String(), states.String(), time.Unix(0, newest)}
}

// Fault returns the error that a panic with the value r stands for, where that is a
// fault of memory in a file that f has mapped: the file was cut, or cannot be
// read. It is nil for all other panics. Such a fault is a panic only in
// goroutines that called debug.SetPanicOnFault, and ends the process in others.
func (f *File) Fault(r any) error {
	fault, ok := r.(interface{ Addr() uintptr }) // as debug.SetPanicOnFault describes
	if !ok {
		return nil
	}
	for i := range f.mappings {
		m := &f.mappings[i]
		if at, ok := m.holds(fault.Addr()); ok {
			if err := m.changed(); err != nil {
				return err
			}
			return fmt.Errorf("%s: byte %d cannot be read", m.file.Name(), at)
		}
	}
	return nil
}
