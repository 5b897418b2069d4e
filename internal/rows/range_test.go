package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readRange returns the rows of a range with their lines in the file, and where each begins.
func readRange(t *testing.T, name string, how Reader) (all []string, at []Position) {
	t.Helper()
	src, err := Open(t.Context(), name, how)
	require.NoError(t, err)
	defer src.Close()
	before := -1
	for {
		p, ok := src.Position()
		if !ok {
			p = Position{Offset: -1}
		}
		in, err := src.Next()
		var bad *BadInput
		if errors.As(err, &bad) {
			in = bad.Input
			in.Text = "error: " + bad.Error()
		} else if err == io.EOF {
			return all, at
		} else {
			require.NoError(t, err)
		}
		if before < 0 {
			before, err = LinesBefore(t.Context(), name, how, in.From)
			require.NoError(t, err)
		}
		all = append(all, fmt.Sprintf("%d: %s %.100s", in.Line+before, in.ID, in.Text))
		at = append(at, p)
	}
}

// randomLines returns lines of all ends, blank ones, bad ones and ones longer than buffers
// are, perhaps with a byte order mark and without an end of the last.
func randomLines(random *rand.Rand, format string) string {
	var b strings.Builder
	if random.IntN(4) == 0 {
		b.WriteString("\ufeff")
	}
	for i := range random.IntN(40) {
		text := strings.Repeat("é你x", random.IntN(8))
		switch random.IntN(12) {
		case 0:
			text = strings.Repeat("long ", 14000+random.IntN(3000))
		case 1, 2:
			b.WriteString([]string{"", " \t", "\r", " \r\r"}[random.IntN(4)] + "\n")
		case 3:
			text = "\xff" // no UTF-8
		}
		if format == "jsonl" {
			text = fmt.Sprintf(`{"id": %d, "text": "%s"}`, i, text)
			if random.IntN(12) == 0 {
				text = "oops"
			}
		} else {
			text = fmt.Sprint(i, text)
		}
		b.WriteString(text + []string{"\n", "\r\n"}[random.IntN(2)])
	}
	if random.IntN(2) == 0 {
		return strings.TrimRight(b.String(), "\n")
	}
	return b.String()
}

// Ranges that meet have each row once, with its line, wherever the cuts are; and from the
// place of each row a source goes on with it.
func TestRanges(t *testing.T) {
	random := rand.New(rand.NewPCG(18, 5))
	check := func(name string, how Reader) {
		t.Helper()
		whole, _ := readRange(t, name, how)
		length, err := Length(t.Context(), name, how)
		require.NoError(t, err)
		for range 6 {
			cuts := []int64{0}
			for at := int64(0); at < length; {
				at = min(at+1+random.Int64N(length/2+1), length)
				cuts = append(cuts, at)
			}
			var parts []string
			for i := range cuts {
				part := how
				part.Range.From = cuts[i]
				if i+1 < len(cuts) {
					part.Range.To = cuts[i+1]
				}
				found, at := readRange(t, name, part)
				parts = append(parts, found...)
				if len(found) == 0 || at[0].Offset < 0 {
					continue
				}
				k := random.IntN(len(found))
				part.At = at[k]
				rest, _ := readRange(t, name, part)
				require.Equal(t, found[k:], rest, "%s: from row %d of %+v", name, k, part.Range)
			}
			require.Equal(t, whole, parts, "%s: cut at %v", name, cuts)
		}
	}
	dir := t.TempDir()
	for i := range 30 {
		for _, format := range []string{"jsonl", "text"} {
			name := filepath.Join(dir, fmt.Sprint(i, ".", format))
			data := randomLines(random, format)
			require.NoError(t, os.WriteFile(name, []byte(data), 0o666))
			check(name, Reader{Format: format, Field: "text", Blank: i%2 == 0})
			if i%10 == 0 {
				var packed bytes.Buffer
				w := gzip.NewWriter(&packed)
				_, err := io.WriteString(w, data)
				require.NoError(t, errors.Join(err, w.Close()))
				require.NoError(t, os.WriteFile(name+".gz", packed.Bytes(), 0o666))
				check(name+".gz", Reader{Format: format, Field: "text"})
			}
		}
	}
	name := filepath.Join(dir, "a.csv")
	require.NoError(t, os.WriteFile(name, []byte("id,text\n1,a\n2,\"b\nc\"\r\n\n3,d,\n4,\"e\n\"\n5,f"), 0o666))
	check(name, Reader{Format: "csv", Field: "text"})

	type row struct {
		ID   int64    `parquet:"id"`
		Text string   `parquet:"text,optional"`
		List []string `parquet:"list,list"`
	}
	name = filepath.Join(dir, "a.parquet")
	file, err := os.Create(name)
	require.NoError(t, err)
	w := parquet.NewGenericWriter[row](file, parquet.MaxRowsPerRowGroup(17), parquet.PageBufferSize(64))
	for i := range 100 {
		_, err := w.Write([]row{{int64(i), strings.Repeat("x", i%5), make([]string, i%3)}})
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), file.Close()))
	check(name, Reader{Format: "parquet", Field: "text", Carry: Carry{Keep: []string{"list"}}})
}

// A part of a file is all that is read of it.
func TestRangeReads(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat(`{"text": "one line of many", "n": 1}`+"\n", 1<<17)), 0o666))
	how := Reader{Format: "jsonl", Field: "text", Carry: Carry{Keep: []string{"n"}}}
	length, err := Length(t.Context(), name, how)
	require.NoError(t, err)
	how.Range = Range{length / 2, length/2 + 4000}
	src, err := Open(t.Context(), name, how)
	require.NoError(t, err)
	defer src.Close()
	counted := &counting{ReadSeeker: src.(*jsonlSource).file}
	src.(*jsonlSource).read.r = counted
	for err == nil {
		_, err = src.Next()
	}
	assert.ErrorIs(t, err, io.EOF)
	assert.LessOrEqual(t, counted.n, 64<<10)
}

type counting struct {
	io.ReadSeeker
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.n += n
	return n, err
}

// A column that no line has is an error in some part, as it is in the whole; one that the
// first lines have is none in a part without.
func TestRangeColumns(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(name, []byte("{\"text\": \"a\", \"n\": 1}\n{\"text\": \"b\"}\n{\"text\": \"c\"}\n"), 0o666))
	last := func(keep string, r Range) (err error) {
		src, err := Open(t.Context(), name, Reader{Format: "jsonl", Field: "text", Carry: Carry{Keep: []string{keep}}, Range: r})
		require.NoError(t, err)
		defer src.Close()
		for err == nil {
			_, err = src.Next()
		}
		return err
	}
	for _, r := range []Range{{0, 10}, {10, 30}, {30, 0}} {
		assert.Equal(t, io.EOF, last("n", r))
	}
	assert.Equal(t, io.EOF, last("m", Range{0, 30}))
	assert.ErrorContains(t, last("m", Range{30, 0}), `no column "m" to keep in the first 3 objects`)
}
