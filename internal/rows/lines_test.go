package rows

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLongLine(t *testing.T) {
	for _, limit := range []int{10, 64 << 10, 200 << 10} {
		l, err := newLineReader(t.Context(), strings.NewReader("a\n"+strings.Repeat("x", 300<<10)+"\nb\n"), "in", -1, none, io.NopCloser(nil))
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

// What has a limit has it before it is read whole, whatever it is packed in.
func TestBombs(t *testing.T) {
	const size = 1 << 30
	for _, name := range []string{"in.txt.gz", "in.jsonl.zst", "in.csv.gz"} {
		format, err := InputFormat(name)
		require.NoError(t, err)
		var packed bytes.Buffer
		var w io.WriteCloser
		w, err = gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		if strings.HasSuffix(name, ".zst") {
			w, err = zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedFastest))
		}
		require.NoError(t, err)
		begin := map[string]string{"csv": "text\n\"", "jsonl": "\"", "text": ""}[format]
		_, err = io.WriteString(w, begin)
		require.NoError(t, err)
		for range size >> 20 {
			_, err = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			require.NoError(t, err)
		}
		_, err = io.WriteString(w, begin+"\n")
		require.NoError(t, err)
		require.NoError(t, w.Close())

		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := Read(t.Context(), &packed, name, io.NopCloser(nil), Reader{Format: format, Field: "text"})
		require.NoError(t, err)
		var bad *BadInput
		_, err = s.Next()
		require.ErrorAs(t, err, &bad)
		runtime.ReadMemStats(&after)
		assert.ErrorContains(t, err, "of more than 67108864 bytes")
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size/2), name)
		require.NoError(t, s.Close())
	}
}

func TestGzipPadding(t *testing.T) {
	var one bytes.Buffer
	w := gzip.NewWriter(&one)
	_, err := w.Write([]byte("a\nb\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	member, zeros := one.String(), strings.Repeat("\x00", 1000)
	for _, file := range []string{member + zeros, member + zeros + member, member + zeros + member + zeros, strings.Repeat(member+"\x00", 200)} {
		s, err := Read(t.Context(), strings.NewReader(file), "in.txt.gz", io.NopCloser(nil), Reader{Format: "text"})
		require.NoError(t, err)
		want := strings.Repeat("ab", strings.Count(file, member))
		for _, line := range want {
			in, err := s.Next()
			require.NoError(t, err)
			assert.Equal(t, string(line), in.Text)
		}
		_, err = s.Next()
		assert.Equal(t, io.EOF, err)
	}
	for _, file := range []string{member + "\x00x", member + member[:9], member[:len(member)-1]} {
		s, err := Read(t.Context(), strings.NewReader(file), "in.txt.gz", io.NopCloser(nil), Reader{Format: "text"})
		for err == nil {
			_, err = s.Next()
		}
		assert.NotEqual(t, io.EOF, err)
	}
}
