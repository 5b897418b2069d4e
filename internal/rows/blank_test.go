package rows

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Blank lines of text are passed over, and counted: lines are still those of the file.
func TestBlankLines(t *testing.T) {
	const text = "\n \t\na\r\n\r\n\u3000\nb\n\xff\n\n\n"
	type row struct {
		text          string
		line, skipped int
	}
	for blank, want := range map[bool][]row{
		false: {{"a", 3, 2}, {"b", 6, 2}, {"", 7, 0}},
		true:  {{"", 1, 0}, {" \t", 2, 0}, {"a", 3, 0}, {"", 4, 0}, {"\u3000", 5, 0}, {"b", 6, 0}, {"", 7, 0}, {"", 8, 0}, {"", 9, 0}},
	} {
		src, err := Read(t.Context(), strings.NewReader(text), "in.txt", io.NopCloser(nil), Reader{Format: "text", Blank: blank})
		require.NoError(t, err)
		var got []row
		for {
			in, err := src.Next()
			if err == io.EOF {
				break
			}
			if bad, ok := err.(*BadInput); ok {
				assert.Equal(t, 7, bad.Line)
				in = bad.Input
			}
			got = append(got, row{in.Text, in.Line, in.Skipped})
		}
		assert.Equal(t, want, got)
	}
}
