package encoding

import (
	"fmt"
	"math"
	"strconv"

	"github.com/x448/float16"
)

// A Number is an element of a Vector's fields.
type Number interface {
	float32 | float16.Float16 | int8 | uint8
}

// AppendJSON appends v to dst as a JSON array of numbers in the form of
// encoding/json. A float32 has the fewest digits that read back as the same
// float32; a float16 the fewest that read back, as float64, as its exact value.
// A NaN or an infinity, which JSON has no number for, becomes null.
func AppendJSON[E Number](dst []byte, v []E) []byte {
	dst = append(dst, '[')
	switch v := any(v).(type) {
	case []float32:
		for i, x := range v {
			dst = appendFloat(appendComma(dst, i), float64(x), 32)
		}
	case []float16.Float16:
		for i, x := range v {
			dst = appendFloat(appendComma(dst, i), float64(x.Float32()), 64)
		}
	case []int8:
		for i, x := range v {
			dst = strconv.AppendInt(appendComma(dst, i), int64(x), 10)
		}
	case []uint8:
		for i, x := range v {
			dst = strconv.AppendInt(appendComma(dst, i), int64(x), 10)
		}
	}
	return append(dst, ']')
}

// appendComma appends what is before element i.
func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

// appendFloat appends x, the value of a float of that many bits. As in
// ECMAScript, numbers below 1e-6 and from 1e21 on have an exponent, without a
// leading zero.
func appendFloat(dst []byte, x float64, bits int) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(x); abs != 0 && (bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) || bits == 64 && abs < 1e-6) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, x, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-07 to e-7
		dst = dst[:n-1]
	}
	return dst
}

// DecodeJSON appends the elements of a JSON array of numbers to dst. A float is
// rounded to nearest; one that is too large is an error, and so is an integer
// that is out of range or has a fraction or an exponent, null, and all else that
// is not an array of numbers.
func DecodeJSON[E Number](dst []E, data []byte) ([]E, error) {
	start := len(dst)
	at := skipSpace(data, 0)
	if at == len(data) || data[at] != '[' {
		return dst[:start], unexpected(data, at, "'['")
	}
	at = skipSpace(data, at+1)
	if at < len(data) && data[at] == ']' {
		return dst, end(data, at+1)
	}
	for {
		n := numberLength(data[at:])
		if n == 0 {
			return dst[:start], unexpected(data, at, "a number")
		}
		x, err := parseNumber[E](string(data[at : at+n]))
		if err != nil {
			return dst[:start], fmt.Errorf("element %d: %w", len(dst)-start, err)
		}
		dst = append(dst, x)
		at = skipSpace(data, at+n)
		if at < len(data) && data[at] == ']' {
			if err := end(data, at+1); err != nil {
				return dst[:start], err
			}
			return dst, nil
		}
		if at == len(data) || data[at] != ',' {
			return dst[:start], unexpected(data, at, "',' or ']'")
		}
		at = skipSpace(data, at+1)
	}
}

// parseNumber returns the element that text, a JSON number, stands for.
func parseNumber[E Number](text string) (x E, err error) {
	switch p := any(&x).(type) {
	case *float32:
		*p, err = parseFloat(text)
	case *float16.Float16:
		var f float32
		if f, err = parseFloat(text); err == nil && math.Abs(float64(f)) >= 65520 {
			err = fmt.Errorf("%.40s, float16 goes to 65504", text)
		}
		*p = float16.Fromfloat32(f)
	case *int8:
		var n int
		n, err = parseInt(text, math.MinInt8, math.MaxInt8)
		*p = int8(n)
	case *uint8:
		var n int
		n, err = parseInt(text, 0, math.MaxUint8)
		*p = uint8(n)
	}
	return x, err
}

func parseFloat(text string) (float32, error) {
	f, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return 0, fmt.Errorf("%.40s is too large for a float32", text)
	}
	return float32(f), nil
}

func parseInt(text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%.40s, expected an integer from %d to %d", text, low, high)
	}
	return n, nil
}

// numberLength returns the length of the JSON number that data begins with, 0
// where it begins with none (RFC 8259, section 6).
func numberLength(data []byte) int {
	n := 0
	if n < len(data) && data[n] == '-' {
		n++
	}
	whole := digits(data, n)
	if whole == n || data[n] == '0' && whole > n+1 {
		return 0
	}
	n = whole
	if n < len(data) && data[n] == '.' {
		fraction := digits(data, n+1)
		if fraction == n+1 {
			return 0
		}
		n = fraction
	}
	if n < len(data) && data[n]|0x20 == 'e' {
		n++
		if n < len(data) && (data[n] == '+' || data[n] == '-') {
			n++
		}
		exponent := digits(data, n)
		if exponent == n {
			return 0
		}
		n = exponent
	}
	return n
}

// digits returns where the digits from data[at] on end.
func digits(data []byte, at int) int {
	for at < len(data) && data[at]-'0' <= 9 {
		at++
	}
	return at
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\t' || data[at] == '\n' || data[at] == '\r') {
		at++
	}
	return at
}

// end returns an error unless data ends at that place.
func end(data []byte, at int) error {
	if at = skipSpace(data, at); at < len(data) {
		return unexpected(data, at, "the end")
	}
	return nil
}

func unexpected(data []byte, at int, expected string) error {
	if at == len(data) {
		return fmt.Errorf("byte %d: found the end, expected %s", at, expected)
	}
	return fmt.Errorf("byte %d: found %q, expected %s", at, data[at:min(at+10, len(data))], expected)
}
