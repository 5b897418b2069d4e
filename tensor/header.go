package tensor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	maxHeader     = 100_000_000 // bytes, as in the reference implementation
	maxDimensions = 64          // of one tensor, as in NumPy 2
	metadataKey   = "__metadata__"
)

// A header is the JSON part of a safetensors file.
type header struct {
	entries  []entry // in the order of their data, once checkLayout was called
	metadata map[string]string
}

// An entry is a tensor in a header. Its data are bytes begin to end (exclusive)
// of what follows the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int64
}

// parseHeader reads a header. Each entry is checked by itself.
func parseHeader(data []byte) (*header, error) {
	if len(data) == 0 {
		return nil, errors.New("0 bytes, expected '{'")
	}
	if data[0] != '{' {
		return nil, fmt.Errorf("starts with %q, expected '{'", data[0])
	}
	r, err := newJSONReader(data)
	if err != nil {
		return nil, err
	}
	h := &header{}
	err = r.object(func(name string) error {
		if name == metadataKey {
			h.metadata = map[string]string{}
			return within(metadataKey, r.object(func(key string) error {
				value, err := r.string()
				h.metadata[key] = value
				return within(fmt.Sprintf("key %.200q", key), err)
			}))
		}
		e, err := r.entry(name)
		h.entries = append(h.entries, e)
		return within(fmt.Sprintf("tensor %.200q", name), err)
	})
	if err != nil {
		return nil, err
	}
	return h, r.end()
}

// entry reads the object that describes a tensor.
func (r *jsonReader) entry(name string) (entry, error) {
	e := entry{name: name}
	var keys []string
	err := r.object(func(key string) error {
		keys = append(keys, key)
		var err error
		switch key {
		case "dtype":
			e.dtype, err = r.dtype()
		case "shape":
			e.shape, err = r.shape()
		case "data_offsets":
			e.begin, e.end, err = r.offsets()
		default:
			return fmt.Errorf("unknown key %.200q", key)
		}
		return within(key, err)
	})
	if err != nil {
		return e, err
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !slices.Contains(keys, key) {
			return e, fmt.Errorf("no key %q", key)
		}
	}
	size, ok := byteSize(e.dtype, e.shape)
	if !ok {
		return e, fmt.Errorf("shape %v of %v: no whole number of bytes within %d bits", e.shape, e.dtype, strconv.IntSize-1)
	}
	if e.begin > e.end {
		return e, fmt.Errorf("data_offsets [%d, %d]: the end lies before the begin", e.begin, e.end)
	}
	if e.end-e.begin != int64(size) {
		return e, fmt.Errorf("data_offsets [%d, %d]: %d bytes, shape %v of %v has %d",
			e.begin, e.end, e.end-e.begin, e.shape, e.dtype, size)
	}
	return e, nil
}

// checkLayout sorts the entries by their data and checks that these cover size
// bytes, each byte once.
func (h *header) checkLayout(size int64) error {
	slices.SortFunc(h.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	covered, last := int64(0), "the header"
	for _, e := range h.entries {
		where := fmt.Sprintf("tensor %.200q: data_offsets [%d, %d]", e.name, e.begin, e.end)
		switch {
		case e.begin < covered:
			return fmt.Errorf("%s: overlap %s, which ends at %d", where, last, covered)
		case e.begin > covered:
			return fmt.Errorf("%s: gap after %s, expected to begin at %d", where, last, covered)
		case e.end > size:
			return fmt.Errorf("%s: past the end, the file has %d bytes of data", where, size)
		}
		covered, last = e.end, fmt.Sprintf("tensor %.200q", e.name)
	}
	if covered < size {
		return fmt.Errorf("%d bytes of data, %s ends at %d", size, last, covered)
	}
	return nil
}

// parseIndex reads a model.safetensors.index.json, as transformers writes it,
// and returns the shard of each tensor: a plain file name. Keys other than
// weight_map do not say where a tensor is and are not read.
func parseIndex(data []byte) (map[string]string, error) {
	if len(data) > maxHeader {
		return nil, fmt.Errorf("%d bytes, expected at most %d", len(data), maxHeader)
	}
	r, err := newJSONReader(data)
	if err != nil {
		return nil, err
	}
	var shardOf map[string]string
	err = r.object(func(key string) error {
		if key != "weight_map" {
			return within(fmt.Sprintf("%.200q", key), r.skip())
		}
		shardOf = map[string]string{}
		return within(key, r.object(func(name string) error {
			shard, err := r.string()
			if err == nil && !plainName(shard) {
				err = fmt.Errorf("shard %.200q, expected the name of a file in the same folder", shard)
			}
			shardOf[name] = shard
			return within(fmt.Sprintf("tensor %.200q", name), err)
		}))
	})
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if len(shardOf) == 0 {
		return nil, errors.New("weight_map: no tensors")
	}
	return shardOf, nil
}

// plainName reports whether name is a file in a folder, on every system.
func plainName(name string) bool {
	if name == "" || name == "." || name == ".." {
		return false
	}
	for _, c := range []byte(name) {
		if c < ' ' || c == '/' || c == '\\' || c == ':' {
			return false
		}
	}
	return true
}

// within puts where before err, if there is one.
func within(where string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// A jsonReader reads JSON token by token. It sees what json.Unmarshal passes
// over: keys that come twice, invalid UTF-8, and surrogates without their pair.
type jsonReader struct {
	dec *json.Decoder
}

func newJSONReader(data []byte) (*jsonReader, error) {
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 {
			return nil, fmt.Errorf("byte %d: %#02x, expected UTF-8", i, data[i])
		}
		i += n
	}
	if i := loneSurrogate(data); i >= 0 {
		return nil, fmt.Errorf("byte %d: %s without its pair, expected UTF-16 surrogates in pairs", i, data[i:i+6])
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return &jsonReader{dec}, nil
}

// token returns the next token, an error at the end.
func (r *jsonReader) token() (json.Token, error) {
	t, err := r.dec.Token()
	return t, r.located(err)
}

// located adds to an error of the decoder where it is.
func (r *jsonReader) located(err error) error {
	if err == nil {
		return nil
	}
	at := r.dec.InputOffset()
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		at = s.Offset
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("invalid JSON at byte %d: %w", at, err)
}

// wrong says what was found in place of what was expected.
func (r *jsonReader) wrong(t json.Token, expected string) error {
	switch t := t.(type) {
	case string:
		return fmt.Errorf("byte %d: string %.50q, expected %s", r.dec.InputOffset(), t, expected)
	case json.Number:
		return fmt.Errorf("byte %d: number %.50s, expected %s", r.dec.InputOffset(), string(t), expected)
	case nil:
		return fmt.Errorf("byte %d: null, expected %s", r.dec.InputOffset(), expected)
	}
	return fmt.Errorf("byte %d: %v, expected %s", r.dec.InputOffset(), t, expected)
}

// object reads an object. value is called after each key and reads its value.
func (r *jsonReader) object(value func(key string) error) error {
	t, err := r.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return r.wrong(t, "an object")
	}
	seen := map[string]struct{}{}
	for {
		t, err := r.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return nil // the decoder lets nothing but a string or the end pass here
		}
		if _, ok := seen[key]; ok {
			return fmt.Errorf("byte %d: duplicate key %.200q", r.dec.InputOffset(), key)
		}
		seen[key] = struct{}{}
		if err := value(key); err != nil {
			return err
		}
	}
}

func (r *jsonReader) string() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", r.wrong(t, "a string")
	}
	return s, nil
}

func (r *jsonReader) dtype() (DType, error) {
	s, err := r.string()
	if err != nil {
		return 0, err
	}
	d, ok := parseDType(s)
	if !ok {
		return 0, fmt.Errorf("unknown dtype %.50q", s)
	}
	return d, nil
}

// numbers reads an array of whole numbers, most of them at most, each below 2^bits.
func (r *jsonReader) numbers(most, bits int) ([]int64, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, r.wrong(t, "an array")
	}
	var list []int64
	for {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		if t == json.Delim(']') {
			return list, nil
		}
		if len(list) == most {
			return nil, fmt.Errorf("byte %d: more than %d numbers", r.dec.InputOffset(), most)
		}
		number, ok := t.(json.Number)
		u, err := strconv.ParseUint(string(number), 10, bits)
		if !ok || err != nil {
			return nil, within(fmt.Sprintf("element %d", len(list)), r.wrong(t, fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<bits-1)))
		}
		list = append(list, int64(u))
	}
}

func (r *jsonReader) shape() ([]int, error) {
	list, err := r.numbers(maxDimensions, strconv.IntSize-1)
	shape := make([]int, len(list))
	for i, n := range list {
		shape[i] = int(n)
	}
	return shape, err
}

func (r *jsonReader) offsets() (begin, end int64, err error) {
	list, err := r.numbers(2, 63)
	if err != nil {
		return 0, 0, err
	}
	if len(list) != 2 {
		return 0, 0, fmt.Errorf("byte %d: %d numbers, expected 2", r.dec.InputOffset(), len(list))
	}
	return list[0], list[1], nil
}

// skip reads a value of any type.
func (r *jsonReader) skip() error {
	var value json.RawMessage
	return r.located(r.dec.Decode(&value))
}

// end checks that only white space is left.
func (r *jsonReader) end() error {
	switch t, err := r.dec.Token(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return r.located(err)
	default:
		return r.wrong(t, "the end")
	}
}

// loneSurrogate returns where data, JSON text, escapes half of a surrogate pair
// and not the other, or -1. Go's decoder reads such a half as U+FFFD.
func loneSurrogate(data []byte) int {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		c := escaped(data[i:])
		switch {
		case c < 0xd800 || c > 0xdfff:
			i++ // whatever is escaped
		case c < 0xdc00 && escaped(data[i+6:])&^0x3ff == 0xdc00:
			i += 11
		default:
			return i
		}
	}
	return -1
}

// escaped returns the number in \uXXXX at the start of data, or -1.
func escaped(data []byte) int {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
