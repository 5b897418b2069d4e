package rows

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// records reads all records of a file, an error in place of one that is bad.
func records(t *testing.T, text string, limit int) (all []string) {
	t.Helper()
	l, err := newLineReader(t.Context(), strings.NewReader(text), "in", -1, none, io.NopCloser(nil))
	require.NoError(t, err)
	l.buf = bufio.NewReaderSize(&l.read, 16) // so that lines do not fit it
	s := newCSVSource(l, Reader{})
	for {
		err := s.readRecord(limit)
		if err == io.EOF {
			return all
		}
		var fields []string
		for i := range s.ends {
			fields = append(fields, string(s.field(i)))
		}
		var bad *BadInput
		if errors.As(err, &bad) {
			fields = []string{bad.Err.Error()}
		} else {
			require.NoError(t, err)
		}
		all = append(all, fmt.Sprintf("%q", fields))
	}
}

// recordsOf is records of encoding/csv.
func recordsOf(text string) (all []string) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return all
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			fields = []string{bad.Err.Error()}
		}
		all = append(all, fmt.Sprintf("%q", fields))
	}
}

func FuzzRecords(f *testing.F) {
	for _, text := range []string{
		"", "\n\r\n", "a,b\r\nc,d", "\"a\r\nb\",\"\"\"\"\n", "a\"b,c\nd\n", "\"a\"b,\"c\nd\"\n", "\"a", ",\n,,\r", "a\r\r\n\"\r\"\r\n",
		"123456789012345\r\n123456789012345\r1\n", "\"123456789012345678901\n123\",\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "\xef\xbb\xbf") || strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
			return
		}
		assert.Equal(t, recordsOf(text), records(t, text, maxLine), "as encoding/csv reads them")
	})
}

// A record that is too long ends where it would if it were read.
func TestLongRecord(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for _, record := range []string{
		long, "a," + long, `"` + long + `"`, `"` + strings.Repeat("x\n", 100<<10) + `",b`, `"` + strings.Repeat(`""`, 100<<10) + `"`,
		strings.Repeat(",", 200<<10), long + `"`, `"` + long + `"c`,
	} {
		want := slices.Concat([]string{`["a" "b"]`, `["record of more than 1000 bytes"]`, `["c" "d"]`})
		assert.Equal(t, want, records(t, "a,b\n"+record+"\nc,d\n", 1000))
	}
	all := records(t, "a,b\n\""+long+"\nc,d\n", 1000)
	assert.Equal(t, []string{`["a" "b"]`, `["record of more than 1000 bytes"]`}, all, "a quote that is never closed")
}
