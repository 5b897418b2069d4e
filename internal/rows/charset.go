package rows

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A charset is what the bytes of an input stand for. The zero charset is UTF-8.
type charset struct {
	name    string
	decoder encoding.Encoding // nil = UTF-8
}

// findCharset returns the charset of a name, "" for UTF-8: one of IANA's, or else one of
// WHATWG's Encoding Standard, in capital letters or small ones.
func findCharset(name string) (charset, error) {
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "utf8") {
		return charset{}, nil
	}
	if strings.EqualFold(name, "utf-16") {
		// Which of the two it is a byte order mark has to tell: the wrong one has characters, too.
		return charset{name, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)}, nil
	}
	found, err := ianaindex.IANA.Encoding(name)
	if err != nil || found == nil {
		found, err = htmlindex.Get(name)
	}
	if err != nil || found == encoding.Replacement {
		return charset{}, fmt.Errorf("input charset %.50q: not known; expected a name such as latin1, windows-1252, shift_jis, gb18030 or utf-16", name)
	}
	return charset{name, found}, nil
}

// CheckCharset returns an error where a name is not that of a charset that inputs can
// be read in.
func CheckCharset(name string) error {
	_, err := findCharset(name)
	return err
}

// check returns an error where b, which has been decoded, is no text: for UTF-8 that of
// CheckText. Decoders stand U+FFFD for bytes that stand for nothing.
func (c *charset) check(b []byte) error {
	if c.decoder != nil {
		if i := bytes.Index(b, []byte("\ufffd")); i >= 0 {
			return fmt.Errorf("not %s: character %d stands for nothing", c.name, utf8.RuneCount(b[:i])+1)
		}
	}
	return CheckText(b)
}

// text returns what b is, of a value that stands alone.
func (c *charset) text(b []byte) (string, error) {
	if c.decoder == nil {
		return string(b), CheckText(b)
	}
	decoded, _, err := transform.Bytes(c.decoder.NewDecoder(), b)
	if err == nil {
		decoded = bytes.TrimPrefix(decoded, []byte("\ufeff"))
		err = c.check(decoded)
	}
	return string(decoded), err
}
