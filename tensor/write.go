package tensor

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Write writes a safetensors file with the given tensors, and metadata unless
// it is empty. The same content gives the same bytes, in whatever order tensors
// is: as in safetensors 0.8, tensors are sorted by dtype, wider ones first, then
// by name, and the header is padded with spaces to a multiple of 8 bytes.
// Metadata is sorted by key. Names come once, none is __metadata__, all strings
// are UTF-8, and Data has the size that Shape and DType give; otherwise nothing
// is written.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	sorted := slices.Clone(tensors)
	slices.SortFunc(sorted, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType, a.DType), cmp.Compare(a.Name, b.Name))
	})
	header, err := formatHeader(sorted, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range sorted {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("tensor %.200q: %w", t.Name, err)
		}
	}
	return nil
}

// formatHeader returns the header for tensors in that order, with its length before it.
func formatHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	h := make([]byte, 8, 8+128*(1+len(tensors)))
	h = append(h, '{')
	if len(metadata) > 0 {
		h = append(h, `"__metadata__":{`...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata: key %.200q or its value is not UTF-8", key)
			}
			if i > 0 {
				h = append(h, ',')
			}
			h = appendJSON(append(appendJSON(h, key), ':'), metadata[key])
		}
		h = append(h, '}')
	}
	names := make(map[string]struct{}, len(tensors))
	offset := int64(0)
	for i, t := range tensors {
		if _, ok := names[t.Name]; ok {
			return nil, fmt.Errorf("tensor %.200q: two of that name", t.Name)
		}
		names[t.Name] = struct{}{}
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("tensor %.200q: %w", t.Name, err)
		}
		if int64(len(t.Data)) > math.MaxInt64-offset {
			return nil, fmt.Errorf("tensor %.200q: data end past %d bytes", t.Name, int64(math.MaxInt64))
		}
		if i > 0 || len(metadata) > 0 {
			h = append(h, ',')
		}
		h = appendEntry(h, t, offset)
		offset += int64(len(t.Data))
	}
	h = append(h, '}')
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	n := len(h) - 8
	if n > maxHeader {
		return nil, fmt.Errorf("header: %d bytes, expected at most %d", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(h, uint64(n))
	return h, nil
}

// check says why t cannot be written.
func (t Tensor) check() error {
	if t.Name == metadataKey {
		return errors.New("the name is reserved")
	}
	if !utf8.ValidString(t.Name) {
		return errors.New("the name is not UTF-8")
	}
	if !t.DType.known() || t.DType > U64 {
		return fmt.Errorf("unknown dtype %v", t.DType)
	}
	if len(t.Shape) > maxDimensions {
		return fmt.Errorf("%d dimensions, expected at most %d", len(t.Shape), maxDimensions)
	}
	size, ok := byteSize(t.DType, t.Shape)
	if !ok {
		return fmt.Errorf("shape %v of %v: no whole number of bytes within %d bits", t.Shape, t.DType, strconv.IntSize-1)
	}
	if len(t.Data) != size {
		return fmt.Errorf("%d bytes of data, shape %v of %v has %d", len(t.Data), t.Shape, t.DType, size)
	}
	return nil
}

// appendEntry appends the key and the object that describe t, whose data begin at offset.
func appendEntry(h []byte, t Tensor, offset int64) []byte {
	h = appendJSON(h, t.Name)
	h = fmt.Appendf(h, `:{"dtype":"%v","shape":[`, t.DType)
	for i, n := range t.Shape {
		if i > 0 {
			h = append(h, ',')
		}
		h = strconv.AppendInt(h, int64(n), 10)
	}
	return fmt.Appendf(h, `],"data_offsets":[%d,%d]}`, offset, offset+int64(len(t.Data)))
}

// appendJSON appends s as a JSON string that keeps <, > and & as they are.
func appendJSON(h []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(h, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}
