package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"unsafe"
)

// A File is the tensors of a safetensors file, of a state dict that torch.save
// wrote (pytorch_model.bin), of the shards of one model in either format, or of a
// GGUF file.
//
// The first is that of safetensors 0.8, https://huggingface.co/docs/safetensors:
// 8 bytes little-endian with the length of the header, the header in JSON, the
// data. A File is stricter than the reference implementation in this: duplicate
// and unknown keys, and metadata that is null, are errors.
//
// The second is a pickle, by Python a program, and never run: the reader knows
// the few opcodes and names of which dense tensors are made, in protocols 2 to 5
// and the file layouts before and since PyTorch 1.6, and everything else is an
// error, as is a value of the dict that is no tensor. Tensors that are not
// contiguous are copied; the others stay where they are in the file.
//
// The third is that of ggml, whose metadata are Values.
//
// A File is safe for concurrent use until Close is called.
type File struct {
	name     string
	tensors  map[string]Tensor
	names    []string // sorted
	format   string
	metadata map[string]string
	values   map[string]any // of a GGUF file
	stored   []Tensor       // as they are in the file, where others have taken their place
	size     int64
	files    []string // that were opened
	mappings []mapping
	pages    [][]byte // from the start of a page on, that can be given back
	closers  []func() error
}

// Open opens the file at path or, if the path ends in .index.json, all shards
// that the index names, in the folder of the index. A file's content says which
// format it has. Files are mapped
// into memory where the system allows that; they must not change while the File
// is open, see Changed and Fault. Errors begin with the path of the file that they are about.
func Open(path string) (*File, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		return open(opener{fsys: os.DirFS(".")}, name)
	}
	return open(opener{fsys: os.DirFS(dir), dir: dir}, name)
}

// OpenFS opens name in fsys as Open does. A file of fsys with a method
// Bytes() []byte is used in place: its bytes must not change, and it stays open
// until the File is closed. So is one with a method Embedded() string, as go:embed
// puts a file into a program, of which Release gives the pages back on Linux. A file
// that is an *os.File is mapped into memory, any other is read whole.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	return open(opener{fsys: fsys}, name)
}

// Parse reads a file from memory. The tensors alias data, but for those of a
// state dict that are not contiguous.
func Parse(data []byte) (*File, error) {
	f := &File{tensors: map[string]Tensor{}}
	err := f.parse(data, func(Tensor) error { return nil })
	if err != nil {
		return nil, err
	}
	f.sort()
	return f, nil
}

// Name returns the name by which f was opened, without folders that are not
// part of its file system: "model.safetensors"; it is empty for a parsed File.
func (f *File) Name() string { return f.name }

// Files returns the paths of the files that f was read from, as Name is: the
// index, where there is one, and then the shards.
func (f *File) Files() []string { return slices.Clone(f.files) }

// Format returns what f was read from: "safetensors", "pytorch" for a state dict, or "gguf". Of shards
// it is that of the last.
func (f *File) Format() string { return f.format }

// Names returns the names of all tensors, sorted.
func (f *File) Names() []string {
	return slices.Clone(f.names)
}

// Tensor returns the tensor of that name, and whether there is one. It aliases the file.
func (f *File) Tensor(name string) (Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

// Metadata returns the strings under __metadata__, of which a state dict has none. Where shards differ, the one
// whose name sorts first counts.
func (f *File) Metadata() map[string]string {
	return maps.Clone(f.metadata)
}

// Values returns the metadata of a GGUF file by key, nil of other files: uint8, int8 … uint64,
// int64, float32, float64, bool, string, and arrays of these. Those of strings, uint8, int8,
// uint32, int32 and float32 are slices of that type, others []any. It must not be written to.
func (f *File) Values() map[string]any { return f.values }

// Replace gives f the tensors in place of its own, of which they are made: under other names,
// or otherwise arranged. It must be called before anything else is asked of f.
func (f *File) Replace(tensors []Tensor) {
	f.stored = f.Stored()
	f.tensors = make(map[string]Tensor, len(tensors))
	for _, t := range tensors {
		f.tensors[t.Name] = t
	}
	f.sort()
}

// Stored returns the tensors in the order of their names as the file has them, whatever
// Replace has put in their place.
func (f *File) Stored() []Tensor {
	if f.stored != nil {
		return f.stored
	}
	list := make([]Tensor, len(f.names))
	for i, name := range f.names {
		list[i] = f.tensors[name]
	}
	return list
}

// Size returns the bytes of all tensors together, without headers. Tensors that
// share their elements count each.
func (f *File) Size() int64 {
	return f.size
}

// Close releases the memory of f, which has no tensors afterwards. The Data of
// tensors got from f must not be used after Close. A second Close does nothing.
func (f *File) Close() error {
	f.tensors, f.names, f.stored = nil, nil, nil
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c())
	}
	f.closers, f.mappings, f.pages = nil, nil, nil
	return errors.Join(errs...)
}

// Release says that t, a tensor of f, will not be read for a while: where its
// file is mapped into memory, or lies in the program, the system may take the pages
// back, and reads them again when they are needed. The elements stay what they are.
func (f *File) Release(t Tensor) {
	if t.made != nil {
		for _, source := range t.made.of {
			f.Release(source)
		}
	}
	if len(t.Data) == 0 {
		return
	}
	page, first := uintptr(os.Getpagesize()), uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))
	last := first + uintptr(len(t.Data))
	for _, pages := range f.pages {
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(pages)))
		// Whole pages: a neighbor's elements are read again as well.
		from, to := max(first-first%page, begin), min(last, begin+uintptr(len(pages)))
		if from < to {
			releasePages(pages[from-begin : to-begin])
		}
	}
}

// open opens a file or the shards of an index.
func open(o opener, name string) (_ *File, err error) {
	f := &File{name: name, tensors: map[string]Tensor{}}
	defer func() {
		if err != nil {
			_ = f.Close() // err says more
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if err = f.Fault(r); err == nil {
				panic(r)
			}
		}
	}()
	if strings.HasSuffix(name, ".index.json") {
		err = f.openShards(o, name)
	} else {
		err = f.openOne(o, name, func(Tensor) error { return nil })
	}
	if err != nil {
		return nil, err
	}
	f.sort()
	return f, nil
}

// openOne adds the tensors of one file, each after check has accepted it.
func (f *File) openOne(o opener, name string, check func(Tensor) error) error {
	data, err := f.read(o, name)
	if err == nil {
		err = f.parse(data, check)
	}
	if err != nil {
		return o.errorIn(name, err)
	}
	return nil
}

// read returns the content of a file, for as long as f is open.
func (f *File) read(o opener, name string) ([]byte, error) {
	c, err := o.read(name)
	if err != nil {
		return nil, err
	}
	f.files = append(f.files, name)
	f.closers = append(f.closers, c.release)
	if c.mapping != nil {
		f.mappings = append(f.mappings, *c.mapping)
		f.pages = append(f.pages, c.data)
	}
	if whole := wholePages(c.data); c.embedded && inProgram(whole) {
		f.pages = append(f.pages, whole)
	}
	return c.data, nil
}

// wholePages returns the pages of memory that lie in b as a whole.
func wholePages(b []byte) []byte {
	page, first := uintptr(os.Getpagesize()), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	from := min((page-first%page)%page, uintptr(len(b)))
	return b[from : from+(uintptr(len(b))-from)/page*page]
}

// openShards adds the tensors of all shards of an index. The index and the
// shards must agree on which tensor is where.
func (f *File) openShards(o opener, name string) error {
	data, err := f.read(o, name)
	if err != nil {
		return o.errorIn(name, err)
	}
	shardOf, err := parseIndex(data)
	if err != nil {
		return o.errorIn(name, err)
	}
	shards := slices.Sorted(maps.Values(shardOf))
	for _, shard := range slices.Compact(shards) {
		err := f.openOne(o, path.Join(path.Dir(name), shard), func(t Tensor) error {
			switch listed, ok := shardOf[t.Name]; {
			case !ok:
				return fmt.Errorf("tensor %.200q: not in the weight_map of %s", t.Name, name)
			case listed != shard:
				return fmt.Errorf("tensor %.200q: %s expects it in %s", t.Name, name, listed)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, t := range slices.Sorted(maps.Keys(shardOf)) {
		if _, ok := f.tensors[t]; !ok {
			return o.errorIn(name, fmt.Errorf("weight_map: tensor %.200q: not in %s", t, shardOf[t]))
		}
	}
	return nil
}

// parse adds the tensors of one file, each after check has accepted it.
func (f *File) parse(data []byte, check func(Tensor) error) error {
	var tensors []Tensor
	var metadata map[string]string
	var err error
	switch {
	case isGGUF(data):
		f.format = "gguf"
		tensors, f.values, err = parseGGUF(data)
	case isTorchZip(data):
		f.format = "pytorch"
		tensors, err = parseTorchZip(data)
	case isTorchLegacy(data):
		f.format = "pytorch"
		tensors, err = parseTorchLegacy(data)
	case bytes.HasPrefix(data, []byte("version https://git-lfs")):
		err = errors.New("a pointer of Git LFS, expected the file that it stands for")
	default:
		f.format = "safetensors"
		tensors, metadata, err = parseSafetensors(data)
	}
	if err != nil {
		return err
	}
	for _, t := range tensors {
		if err := check(t); err != nil {
			return err
		}
		f.tensors[t.Name] = t
		f.size += int64(len(t.Data))
	}
	for k, v := range metadata {
		if f.metadata == nil {
			f.metadata = map[string]string{}
		}
		if _, ok := f.metadata[k]; !ok {
			f.metadata[k] = v
		}
	}
	return nil
}

// parseSafetensors returns the tensors and the metadata of a safetensors file.
func parseSafetensors(data []byte) ([]Tensor, map[string]string, error) {
	h, payload, err := splitHeader(data)
	if err != nil {
		return nil, nil, err
	}
	if err := h.checkLayout(int64(len(payload))); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	tensors := make([]Tensor, len(h.entries))
	for i, e := range h.entries {
		tensors[i] = Tensor{Name: e.name, DType: e.dtype, Shape: e.shape, Data: payload[e.begin:e.end:e.end]}
	}
	return tensors, h.metadata, nil
}

func (f *File) sort() {
	f.names = slices.Sorted(maps.Keys(f.tensors))
}

// splitHeader parses the header of a file and returns the data that follow it.
func splitHeader(data []byte) (*header, []byte, error) {
	if len(data) < 8 {
		return nil, nil, fmt.Errorf("file: %d bytes, expected at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	rest := data[8:]
	if n > maxHeader {
		return nil, nil, fmt.Errorf("header: length of %d bytes, expected at most %d", n, maxHeader)
	}
	if n > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("header: length of %d bytes, the file has %d after its length", n, len(rest))
	}
	h, err := parseHeader(rest[:n])
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	return h, rest[n:], nil
}

// An opener reads files of fsys. dir is the folder that error messages put
// before their names, empty if none.
type opener struct {
	fsys fs.FS
	dir  string
}

// errorIn puts the name of a file before err, once.
func (o opener) errorIn(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // p repeats the name
	}
	if o.dir != "" {
		name = filepath.Join(o.dir, name)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// A content is that of a file.
type content struct {
	data     []byte
	mapping  *mapping     // of data; nil where data is no mapping
	embedded bool         // data is a string
	release  func() error // ends the use of data
}

// read returns the content of a file.
func (o opener) read(name string) (c content, err error) {
	info, err := fs.Stat(o.fsys, name)
	if err != nil {
		return c, err
	}
	if !info.Mode().IsRegular() { // before it is opened: a pipe would wait for its other end
		return c, fmt.Errorf("%v, expected a regular file", info.Mode())
	}
	file, err := o.fsys.Open(name)
	if err != nil {
		return c, err
	}
	if b, ok := file.(interface{ Bytes() []byte }); ok {
		return content{data: b.Bytes(), release: file.Close}, nil
	}
	if e, ok := file.(interface{ Embedded() string }); ok {
		text := e.Embedded()
		return content{data: unsafe.Slice(unsafe.StringData(text), len(text)), embedded: true, release: file.Close}, nil
	}
	if osFile, ok := file.(*os.File); ok {
		if c, err = mapped(osFile); err != nil || c.mapping != nil {
			return c, err
		}
	}
	defer file.Close()
	data, err := io.ReadAll(file) // where there are no mappings, as on some network file systems
	return content{data: data, release: func() error { return nil }}, err
}

// mapped returns the content of file as a mapping, which closes the file when it is
// released, or no content where there can be none.
func mapped(file *os.File) (c content, err error) {
	info, err := file.Stat()
	if err == nil && info.Size() > math.MaxInt {
		err = fmt.Errorf("%d bytes, more than this system can address", info.Size())
	}
	if err != nil {
		return c, errors.Join(err, file.Close())
	}
	n := int(info.Size())
	if n == 0 { // an empty mapping is an error
		return c, nil
	}
	data, unmap, err := mapFile(file, n)
	if err != nil {
		return c, nil
	}
	release := func() error { return errors.Join(unmap(), file.Close()) }
	return content{data: data, mapping: &mapping{data, file, stateOf(file)}, release: release}, nil
}
