package rows

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// CheckText returns an error where b is no text: where it is not UTF-8, or has a
// NUL, which no text has, but every one of ASCII in UTF-16.
func CheckText[T string | []byte](b T) error {
	text := []byte(b)
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return fmt.Errorf("not UTF-8: byte %d is 0x00, as in UTF-16", i+1)
	}
	return checkUTF8(text)
}

// checkUTF8 returns an error where b is not UTF-8.
func checkUTF8(b []byte) error {
	if utf8.Valid(b) {
		return nil
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Errorf("not UTF-8: byte %d is %#x", i+1, b[i])
		}
		i += n
	}
	return errors.New("not UTF-8")
}
