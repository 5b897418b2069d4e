package rows

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Python's codecs encoded these.
var encoded = map[string]string{ // by charset: "Grüße, 你好" as far as it has it
	"latin1":       "Gr\xfc\xdfe",
	"ISO-8859-1":   "Gr\xfc\xdfe",
	"windows-1252": "Gr\xfc\xdfe",
	"cp1252":       "Gr\xfc\xdfe",
	"gb18030":      "Gr\xa8\xb9\x810\x898e\xa3\xac\xc4\xe3\xba\xc3",
	"Shift_JIS":    "\x93\xfa\x96{\x8c\xea",
	"EUC-JP":       "\xc6\xfc\xcb\xdc\xb8\xec",
	"koi8-r":       "\xd7\xcf\xd0\xd2\xcf\xd3",
	"utf-16le":     "G\x00r\x00\xfc\x00\xdf\x00e\x00`O}Y",
	"utf-16be":     "\x00G\x00r\x00\xfc\x00\xdf\x00eO`Y}",
	"utf-16":       "\xff\xfeG\x00r\x00\xfc\x00\xdf\x00e\x00`O}Y",
	"UTF-8":        "Gr\xc3\xbc\xc3\x9fe",
}

var decoded = map[string]string{
	"latin1": "Grüße", "ISO-8859-1": "Grüße", "windows-1252": "Grüße", "cp1252": "Grüße", "UTF-8": "Grüße",
	"gb18030": "Grüße，你好", "Shift_JIS": "日本語", "EUC-JP": "日本語", "koi8-r": "вопрос",
	"utf-16le": "Grüße你好", "utf-16be": "Grüße你好", "utf-16": "Grüße你好",
}

// wide encodes ASCII as a charset does.
func wide(s, set string) string {
	if !strings.HasPrefix(set, "utf-16") {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if set == "utf-16be" {
			b.Write([]byte{0, c})
		} else {
			b.Write([]byte{c, 0})
		}
	}
	return b.String()
}

func TestCharsets(t *testing.T) {
	for set, bytes := range encoded {
		mark := ""
		if set == "utf-16" {
			mark, bytes = bytes[:2], bytes[2:]
		}
		for format, frame := range map[string][2]string{
			"text": {"", "\n"}, "jsonl": {`{"text": "`, "\"}\n"}, "csv": {"id,text\n1,", "\n"}, "whole": {"", ""},
		} {
			t.Run(set+" "+format, func(t *testing.T) {
				content := mark + wide(frame[0], set) + bytes + wide(frame[1], set)
				src, err := Read(t.Context(), strings.NewReader(content), "in", io.NopCloser(nil), Reader{Format: format, Field: "text", Charset: set})
				require.NoError(t, err)
				in, err := src.Next()
				require.NoError(t, err)
				assert.Equal(t, decoded[set], in.Text)
				_, err = src.Next()
				assert.Equal(t, io.EOF, err)
			})
		}
	}
}

// What a charset has no character for is an error of its row.
func TestCharsetFaults(t *testing.T) {
	for set, test := range map[string][2]string{
		"gb18030":   {"a\nb\xc4\nc\n", "not gb18030: character 2 stands for nothing"},
		"shift_jis": {"a\nbc\x81\nd\n", "not shift_jis: character 3 stands for nothing"},
		"utf-16le":  {"a\x00\n\x00\x00\xdcb\x00\n\x00c\x00\n\x00", "not utf-16le: character 1 stands for nothing"},
		"latin1":    {"a\n\x00\nc\n", "not UTF-8: byte 1 is 0x00"},
	} {
		src, err := Read(t.Context(), strings.NewReader(test[0]), "in", io.NopCloser(nil), Reader{Format: "text", Charset: set})
		require.NoError(t, err)
		_, err = src.Next()
		require.NoError(t, err)
		_, err = src.Next()
		require.ErrorContains(t, err, test[1])
		var bad *BadInput
		require.True(t, errors.As(err, &bad))
		assert.Equal(t, 2, bad.Line)
		if _, err = src.Next(); err != io.EOF { // a lead byte may take the end of its line
			require.NoError(t, err)
		}
	}
	for content, want := range map[string]string{"a\x00\n\x00": "in: encoding: missing byte order mark", "": "EOF", "\xff\xfe": "EOF"} {
		src, err := Read(t.Context(), strings.NewReader(content), "in", io.NopCloser(nil), Reader{Format: "text", Charset: "utf-16"})
		require.NoError(t, err)
		_, err = src.Next()
		require.EqualError(t, err, want)
	}
	for _, name := range []string{"latin-nine", "utf-7", "iso-2022-kr", "\xff"} {
		_, err := Read(t.Context(), strings.NewReader("a"), "in", io.NopCloser(nil), Reader{Format: "text", Charset: name})
		require.ErrorContains(t, err, fmt.Sprintf("input charset %q: not known", name))
	}
}

// Bytes of Parquet that are no texts by their type are decoded; texts are UTF-8.
func TestCharsetParquet(t *testing.T) {
	type row struct {
		ID   []byte `parquet:"id"`
		Text []byte `parquet:"text"`
		Note string `parquet:"note"`
	}
	path := filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(path, []row{{[]byte("\xe9"), []byte("caf\xe9"), "köstlich"}}))
	src, err := Open(t.Context(), path, Reader{Format: "parquet", Field: "text", Charset: "latin1"})
	require.NoError(t, err)
	defer src.Close()
	in, err := src.Next()
	require.NoError(t, err)
	assert.Equal(t, "café", in.Text)
	assert.Equal(t, `"é"`, string(in.ID))
	src, err = Open(t.Context(), path, Reader{Format: "parquet", Field: "note", Charset: "latin1"})
	require.NoError(t, err)
	defer src.Close()
	in, err = src.Next()
	require.NoError(t, err)
	assert.Equal(t, "köstlich", in.Text)
}
