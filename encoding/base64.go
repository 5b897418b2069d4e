package encoding

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/quant"
)

// chunk is the bytes that are encoded at once: whole elements of every size, and
// whole groups of base64.
const chunk = 768

// AppendBase64 appends the bytes of v, the lowest byte of each element first, to
// dst in base64: standard alphabet, with padding.
func AppendBase64[E Number](dst []byte, v []E) []byte {
	var buffer [chunk]byte
	size := elementSize[E]()
	dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(v)*size))
	for len(v) > 0 {
		n := min(len(v), chunk/size)
		putElements(&buffer, v[:n])
		dst = base64.StdEncoding.AppendEncode(dst, buffer[:n*size])
		v = v[n:]
	}
	return dst
}

// DecodeBase64 appends the elements that AppendBase64 made s of to dst. A number
// of bytes that makes no whole elements, a NaN or an infinity, and all that is
// not in the standard alphabet with padding, are errors.
func DecodeBase64[E Number](dst []E, s string) ([]E, error) {
	start := len(dst)
	if at := strings.IndexAny(s, "\r\n"); at >= 0 {
		return dst, fmt.Errorf("byte %d: found a line break, expected base64", at)
	}
	var text [chunk / 3 * 4]byte
	var buffer [chunk]byte
	size := elementSize[E]()
	for at := 0; at < len(s); at += len(text) {
		t := text[:copy(text[:], s[at:])]
		n, err := base64.StdEncoding.Strict().Decode(buffer[:], t)
		var corrupt base64.CorruptInputError
		switch {
		case errors.As(err, &corrupt):
			return dst[:start], fmt.Errorf("byte %d: found %.10q, expected base64", at+int(corrupt), s[min(at+int(corrupt), len(s)):])
		case err != nil:
			return dst[:start], err
		case n < chunk && at+len(t) < len(s):
			return dst[:start], fmt.Errorf("byte %d: found padding, expected it at the end, byte %d", at+len(t)-1, len(s)-1)
		case n%size != 0:
			return dst[:start], fmt.Errorf("%d bytes, expected a multiple of %d", at/4*3+n, size)
		}
		dst = appendElements(dst, buffer[:n])
	}
	if err := finite(dst[start:]); err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// elementSize returns the bytes of an element.
func elementSize[E Number]() int {
	switch any(E(0)).(type) {
	case float32:
		return 4
	case float16.Float16:
		return 2
	}
	return 1
}

// putElements writes the bytes of v.
func putElements[E Number](dst *[chunk]byte, v []E) {
	switch v := any(v).(type) {
	case []float32:
		for i, x := range v {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	case []float16.Float16:
		for i, x := range v {
			binary.LittleEndian.PutUint16(dst[2*i:], x.Bits())
		}
	case []int8:
		for i, x := range v {
			dst[i] = byte(x)
		}
	case []uint8:
		copy(dst[:], v)
	}
}

// appendElements appends the elements of whole bytes.
func appendElements[E Number](dst []E, bytes []byte) []E {
	size := elementSize[E]()
	for i := 0; i < len(bytes); i += size {
		var x E
		switch p := any(&x).(type) {
		case *float32:
			*p = math.Float32frombits(binary.LittleEndian.Uint32(bytes[i:]))
		case *float16.Float16:
			*p = float16.Frombits(binary.LittleEndian.Uint16(bytes[i:]))
		case *int8:
			*p = int8(bytes[i])
		case *uint8:
			*p = bytes[i]
		}
		dst = append(dst, x)
	}
	return dst
}

// finite returns an error where a float of v is not finite.
func finite[E Number](v []E) error {
	switch v := any(v).(type) {
	case []float32:
		return quant.Finite(v)
	case []float16.Float16:
		for i, x := range v {
			if !x.IsFinite() {
				return fmt.Errorf("component %d is %v, expected a finite number", i, x)
			}
		}
	}
	return nil
}
