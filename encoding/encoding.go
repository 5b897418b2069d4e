// Package encoding holds the forms in which an embedding is given to a caller,
// and reads them back: numbers of 32, 16, 8 and 1 bits, as JSON and as base64.
//
//	var v encoding.Vector
//	err := encoding.Encode(&v, embedding, []encoding.Format{encoding.Int8, encoding.Ubinary}, nil)
//	fmt.Println(v.Int8, v.Ubinary)
package encoding

import (
	"fmt"
	"strings"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/quant"
)

// A Format is the number format of a result.
type Format uint8

const (
	Float   Format = iota // "float": float32, the zero Format
	Float16               // "float16": IEEE half, rounded to nearest even
	Int8                  // "int8": see quant.AppendRanged and quant.AppendScaled
	Uint8                 // "uint8": int8 + 128
	Binary                // "binary": ubinary - 128
	Ubinary               // "ubinary": packed bits, see quant.AppendBits
	Base64                // "base64": of the bytes of float32, lowest byte first
)

// formats holds the name of each Format.
var formats = [...]string{
	Float:   "float",
	Float16: "float16",
	Int8:    "int8",
	Uint8:   "uint8",
	Binary:  "binary",
	Ubinary: "ubinary",
	Base64:  "base64",
}

// String returns the name of f, such as "float".
func (f Format) String() string {
	if f.Known() {
		return formats[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// Known reports whether f is one of this package's formats.
func (f Format) Known() bool {
	return int(f) < len(formats)
}

// ParseFormat returns the format of that name. Any other name is an error that
// lists the formats there are.
func ParseFormat(name string) (Format, error) {
	for f, known := range formats {
		if name == known {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("unknown format %.50q, expected one of: %s", name, strings.Join(formats[:], ", "))
}

// A Vector is one embedding in the formats that were asked for. The field of a
// format that was not is nil.
type Vector struct {
	Float32 []float32
	Float16 []float16.Float16
	Int8    []int8
	Uint8   []uint8
	Binary  []int8
	Ubinary []uint8
	Base64  string  // "" where not asked for
	Scale   float32 // component i is about Int8[i]·Scale, and (Uint8[i]-128)·Scale; 0 = by ranges, or not asked for
}

// Encode makes dst v in each of the formats; none is Float. Int8 and Uint8 follow
// ranges, which the caller has checked, or v's own scale where ranges is nil. The
// memory of dst's fields is used again; what v holds is copied, and v may be dst's.
//
// A NaN or an infinity in v is an error, and so are ranges of other dimensions,
// an unknown format, and a component that is too large for Float16. dst then
// means nothing.
func Encode(dst *Vector, v []float32, formats []Format, ranges *quant.Ranges) error {
	if err := quant.Finite(v); err != nil {
		return err
	}
	old := *dst
	*dst = Vector{}
	if len(formats) == 0 {
		dst.Float32 = append(nonNil(old.Float32), v...)
	}
	for _, f := range formats {
		if err := dst.encode(f, &old, v, ranges); err != nil {
			return fmt.Errorf("%v: %w", f, err)
		}
	}
	return nil
}

// encode sets the field of f, in the memory that it has in old.
func (dst *Vector) encode(f Format, old *Vector, v []float32, ranges *quant.Ranges) (err error) {
	switch f {
	case Float:
		dst.Float32 = append(nonNil(old.Float32), v...)
	case Float16:
		dst.Float16, err = quant.AppendFloat16(nonNil(old.Float16), v)
	case Int8:
		dst.Int8, err = appendInt8(dst, nonNil(old.Int8), v, ranges)
	case Uint8:
		dst.Uint8, err = appendInt8(dst, nonNil(old.Uint8), v, ranges)
	case Binary:
		dst.Binary, err = quant.AppendBits(nonNil(old.Binary), v)
	case Ubinary:
		dst.Ubinary, err = quant.AppendBits(nonNil(old.Ubinary), v)
	case Base64:
		var buffer [8192]byte // on the stack, enough for 1536 components
		dst.Base64 = string(AppendBase64(buffer[:0], v))
	default:
		err = fmt.Errorf("unknown, expected one of: %s", strings.Join(formats[:], ", "))
	}
	return err
}

// appendInt8 appends v in 8 bits to q, and sets the scale of dst where it has one.
func appendInt8[E quant.Byte](dst *Vector, q []E, v []float32, ranges *quant.Ranges) (_ []E, err error) {
	if ranges != nil {
		return quant.AppendRanged(q, v, ranges)
	}
	q, dst.Scale, err = quant.AppendScaled(q, v)
	return q, err
}

// nonNil returns the memory of x, and not nil: a vector without components was
// asked for.
func nonNil[E any](x []E) []E {
	if x == nil {
		return []E{}
	}
	return x[:0]
}

// AppendJSON appends v to dst as the JSON value of an embedding: that of its one
// format (none is Float), or an object of two and more, by name, in their order.
// v has the formats.
func (v *Vector) AppendJSON(dst []byte, formats []Format) []byte {
	switch len(formats) {
	case 0:
		return v.appendFormat(dst, Float)
	case 1:
		return v.appendFormat(dst, formats[0])
	}
	for i, f := range formats {
		dst = append(dst, "{,"[min(i, 1)], '"')
		dst = append(dst, f.String()...)
		dst = append(dst, `":`...)
		dst = v.appendFormat(dst, f)
	}
	return append(dst, '}')
}

func (v *Vector) appendFormat(dst []byte, f Format) []byte {
	switch f {
	case Float:
		return AppendJSON(dst, v.Float32)
	case Float16:
		return AppendJSON(dst, v.Float16)
	case Int8:
		return AppendJSON(dst, v.Int8)
	case Uint8:
		return AppendJSON(dst, v.Uint8)
	case Binary:
		return AppendJSON(dst, v.Binary)
	case Ubinary:
		return AppendJSON(dst, v.Ubinary)
	case Base64:
		dst = append(dst, '"')
		dst = append(dst, v.Base64...) // its alphabet needs no escapes
		return append(dst, '"')
	}
	panic("encoding: unknown " + f.String())
}
