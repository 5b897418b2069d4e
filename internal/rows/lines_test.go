package rows

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLongLine(t *testing.T) {
	for _, limit := range []int{10, 64 << 10, 200 << 10} {
		l, err := newLineReader(strings.NewReader("a\n"+strings.Repeat("x", 300<<10)+"\nb\n"), "in", -1, none, io.NopCloser(nil))
		require.NoError(t, err)
		l.limit = limit
		s := &textSource{lineReader: l}
		in, err := s.Next()
		require.NoError(t, err)
		assert.Equal(t, "a", in.Text)
		_, err = s.Next()
		var bad *BadInput
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, 2, bad.Line)
		assert.LessOrEqual(t, len(l.long), limit+64<<10, "memory is bounded")
		in, err = s.Next()
		require.NoError(t, err, "reading goes on behind it")
		assert.Equal(t, "b", in.Text)
		assert.Equal(t, 3, in.Line)
		_, err = s.Next()
		assert.Equal(t, io.EOF, err)
	}
}
