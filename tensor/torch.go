package tensor

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// torchMagic is the number at the start of the legacy format, as LONG1 has it.
const torchMagic long = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// isTorchZip reports whether data begin as a zip archive, and not with the
// length of a safetensors header that has the same bytes.
func isTorchZip(data []byte) bool {
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) && !hasHeader(data)
}

// isTorchLegacy reports whether data begin with a pickle of protocol 2 to 5, and
// not with the length of a safetensors header that has the same bytes.
func isTorchLegacy(data []byte) bool {
	return len(data) >= 2 && data[0] == opProto && data[1] >= 2 && data[1] <= 5 && !hasHeader(data)
}

// hasHeader reports whether a safetensors header follows 8 bytes of data. There
// an archive has its method, and torchMagic is, or has zeros before it.
func hasHeader(data []byte) bool {
	return len(data) > 8 && data[8] == '{'
}

// parseTorchZip reads what torch.save writes since PyTorch 1.6: a zip archive of
// one folder of any name, with the pickle in data.pkl and each storage in
// data/KEY, none of them compressed. Checksums are not read, which torch.load
// does not do either: PyTorch can be told not to write them.
func parseTorchZip(data []byte) ([]Tensor, error) {
	records, err := zipRecords(data)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(records); err != nil {
		return nil, err
	}
	pickle, ok := records["data.pkl"]
	if !ok {
		return nil, errors.New("data.pkl: not in the archive")
	}
	u := unpickler{data: pickle, storages: map[string]*storage{}}
	value, err := u.load()
	if err == nil && u.at < len(pickle) {
		err = fmt.Errorf("byte %d: %d bytes after the pickle, expected none", u.at, len(pickle)-u.at)
	}
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(u.storages)) {
		s, name := u.storages[key], "data/"+key
		content, ok := records[name]
		if !ok {
			return nil, fmt.Errorf("%.200s: not in the archive", name)
		}
		if len(content) != s.size {
			return nil, fmt.Errorf("%.200s: %d bytes, data.pkl expects %d", name, len(content), s.size)
		}
		s.data = content
		delete(records, name)
	}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		known := name == "data.pkl" || name == "version" || name == "byteorder" || strings.HasPrefix(name, ".")
		if !known { // a name with a dot says how the file was written
			return nil, fmt.Errorf("%.200s: not used by data.pkl", name)
		}
	}
	tensors, err := stateDict(value, len(data))
	return tensors, within("data.pkl", err)
}

// checkVersion checks the records that say how the others are to be read.
func checkVersion(records map[string][]byte) error {
	version, ok := records["version"]
	if !ok {
		version, ok = records[".data/version"]
	}
	if !ok {
		return errors.New("version: not in the archive")
	}
	// The versions that PyTorch 2.15 reads, caffe2/serialize/versions.h.
	if n, err := strconv.Atoi(strings.TrimSuffix(string(version[:min(len(version), 20)]), "\n")); err != nil || n < 1 || n > 10 {
		return fmt.Errorf("version: %.20q, expected 1 to 10", version)
	}
	// PyTorch before 2.1 did not write it, and 2.15 takes that for little.
	if order, ok := records["byteorder"]; ok && string(order) != "little" {
		return fmt.Errorf("byteorder: %.20q, expected %q", order, "little")
	}
	return nil
}

// zipRecords returns the files of a zip archive, by their names in the one
// folder that all of them are in. They alias data.
func zipRecords(data []byte) (map[string][]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(r.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, "/constants.pkl") }) {
		return nil, errors.New("a program of TorchScript, expected a state dict")
	}
	type span struct {
		begin, end int64
		name       string
	}
	records := make(map[string][]byte, len(r.File))
	spans := make([]span, len(r.File))
	var folder string
	for i, f := range r.File {
		dir, name, ok := strings.Cut(f.Name, "/")
		if i == 0 {
			folder = dir
		}
		if !ok || dir != folder || !plainName(dir) || name == "" {
			return nil, fmt.Errorf("record %.200q: expected a file in the folder of the archive", f.Name)
		}
		if _, ok := records[name]; ok {
			return nil, fmt.Errorf("record %.200q: twice in the archive", f.Name)
		}
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags&1 != 0 {
			return nil, fmt.Errorf("record %.200q: method %d, flags %#x, %d bytes for %d, expected neither compression nor encryption",
				f.Name, f.Method, f.Flags, f.CompressedSize64, f.UncompressedSize64)
		}
		begin, err := f.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("record %.200q: %w", f.Name, err)
		}
		if begin < 0 || begin > int64(len(data)) || f.UncompressedSize64 > uint64(int64(len(data))-begin) {
			return nil, fmt.Errorf("record %.200q: %d bytes at %d: past the end, the file has %d", f.Name, f.UncompressedSize64, begin, len(data))
		}
		end := begin + int64(f.UncompressedSize64)
		records[name] = data[begin:end:end]
		spans[i] = span{begin, end, f.Name}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].begin < spans[i-1].end {
			return nil, fmt.Errorf("record %.200q: overlaps %.200q", spans[i].name, spans[i-1].name)
		}
	}
	return records, nil
}

// parseTorchLegacy reads what torch.save writes up to PyTorch 1.5, and later
// with _use_new_zipfile_serialization=False: five pickles, which are a magic
// number, a version, the machine's properties, the value, and the keys of the
// storages, and then each storage: its number of elements, 8 bytes, and them.
func parseTorchLegacy(data []byte) ([]Tensor, error) {
	u := unpickler{data: data, storages: map[string]*storage{}}
	var value any
	var keys *list
	for i, part := range []string{"magic number", "protocol version", "system", "pickle", "keys"} {
		v, err := u.load()
		switch {
		case err != nil:
		case i == 0 && v != torchMagic:
			err = fmt.Errorf("%s, expected that of torch.save: a pickle of something else", kind(v))
		case i == 1 && v != int64(1001):
			err = fmt.Errorf("%s, expected 1001", kind(v))
		case i == 2:
			err = checkSystem(v)
		case i == 3:
			value = v
		case i == 4:
			var ok bool
			if keys, ok = v.(*list); !ok {
				err = fmt.Errorf("%s, expected a list", kind(v))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
	}
	at := u.at
	for _, k := range keys.items {
		key, _ := k.(string)
		s := u.storages[key]
		if s == nil || s.data != nil {
			return nil, fmt.Errorf("keys: %s, expected each storage of the pickle once", kind(k))
		}
		if len(data)-at < 8 {
			return nil, fmt.Errorf("storage %.50q: the file ends before it", key)
		}
		n := binary.LittleEndian.Uint64(data[at:])
		at += 8
		if n != uint64(s.elements) {
			return nil, fmt.Errorf("storage %.50q: %d elements at byte %d, the pickle expects %d", key, n, at-8, s.elements)
		}
		if s.size > len(data)-at {
			return nil, fmt.Errorf("storage %.50q: %d bytes at byte %d: past the end, the file has %d", key, s.size, at, len(data))
		}
		s.data = data[at : at+s.size : at+s.size]
		at += s.size
	}
	if at < len(data) {
		return nil, fmt.Errorf("byte %d: %d bytes after the last storage, expected none", at, len(data)-at)
	}
	for _, key := range slices.Sorted(maps.Keys(u.storages)) {
		if u.storages[key].data == nil {
			return nil, fmt.Errorf("storage %.50q: not in the file", key)
		}
	}
	tensors, err := stateDict(value, len(data))
	return tensors, within("pickle", err)
}

// checkSystem checks that the machine that wrote a file counts bytes from the lowest.
func checkSystem(v any) error {
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("%s, expected a dict", kind(v))
	}
	for i := 0; i < len(d.items); i += 2 {
		if d.items[i] == "little_endian" && d.items[i+1] != true {
			return fmt.Errorf("little_endian: %s, expected true", kind(d.items[i+1]))
		}
	}
	return nil
}
