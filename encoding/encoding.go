// Package encoding holds the forms in which an embedding is given to a caller.
package encoding

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Format is the number format of a result.
type Format uint8

const (
	Float Format = iota // "float": float32, the zero Format
)

// formats holds the name of each Format.
var formats = [...]string{
	Float: "float",
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
}

// AppendJSON appends v to dst as a JSON array of numbers. Each has the fewest
// digits that read back as the same float32, in the form of encoding/json. A
// NaN or an infinity, which JSON has no number for, becomes null.
func AppendJSON(dst []byte, v []float32) []byte {
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, float64(x))
	}
	return append(dst, ']')
}

// appendNumber appends x, the value of a float32. As in ECMAScript, numbers
// below 1e-6 and from 1e21 on have an exponent, without a leading zero.
func appendNumber(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := float32(math.Abs(x)); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, x, format, -1, 32)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-07 to e-7
		dst = dst[:n-1]
	}
	return dst
}
