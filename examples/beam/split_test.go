package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	"github.com/parquet-go/parquet-go"
	batch "github.com/rhumb-go/rhumb/embed/job"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSameAsBatch embeds a folder of Parquet files by row groups, and by the job
// that `rhumb batch` runs: the same rows, bit for bit.
func TestSameAsBatch(t *testing.T) {
	type row struct {
		ID   int64  `parquet:"id"`
		Text string `parquet:"text"`
	}
	type batchRow struct {
		ID        int64     `parquet:"id"`
		Embedding []float32 `parquet:"embedding,list"`
		Tokens    int32     `parquet:"tokens"`
		Truncated int32     `parquet:"truncated"`
	}
	j, dir := newJob(t, tiny)
	r := rand.New(rand.NewPCG(18, 0))
	id := int64(0)
	for f, groups := range [][]int{{300, 1, 77, 250}, {1}, {}, {64, 64, 64}} {
		var file bytes.Buffer
		w := parquet.NewGenericWriter[row](&file)
		for _, n := range groups {
			for range n {
				_, err := w.Write([]row{{id, randomText(r)}})
				require.NoError(t, err)
				id++
			}
			require.NoError(t, w.Flush())
		}
		require.NoError(t, w.Close())
		writeFile(t, dir, fmt.Sprintf("part-%d.parquet", f), file.String())
	}

	model, err := load(modelKey{name: tiny})
	require.NoError(t, err)
	output := filepath.Join(t.TempDir(), "batch.parquet")
	_, err = batch.Run(t.Context(), model, batch.Config{Inputs: []string{j.Input}, Output: output})
	require.NoError(t, err)
	rows, err := parquet.ReadFile[batchRow](output)
	require.NoError(t, err)
	want := map[string]Vector{}
	for _, v := range rows {
		key := fmt.Sprint(v.ID)
		want[key] = Vector{key, v.Embedding, v.Tokens, v.Truncated}
	}
	require.Len(t, want, int(id))

	o := run(t, j)
	assert.Empty(t, o.dead)
	assert.Empty(t, different(want, o.vectors))
}

// TestLinesOfParts reads a JSONL file that is more than one part: rows have the
// numbers of their lines in the file.
func TestLinesOfParts(t *testing.T) {
	j, dir := newJob(t, tiny)
	blank := strings.Repeat(" ", 1<<20) + "\n" // no row
	var file strings.Builder
	texts := map[string]string{}
	name := filepath.Join(dir, "rows.jsonl")
	var dead []string
	for line := 1; file.Len() < 2*partBytes+partBytes/2; line += 3 {
		text := fmt.Sprintf("ship %d", line)
		fmt.Fprintf(&file, "{\"text\": %q}\r\n%sno row\n", text, blank)
		texts[fmt.Sprintf("%s:%d", name, line)] = text
		dead = append(dead, fmt.Sprintf("%s:%d", name, line+2))
	}
	writeFile(t, dir, "rows.jsonl", file.String())
	o := run(t, j)
	assertVectors(t, j, texts, o.vectors)
	var got []string
	for _, l := range o.dead {
		got = append(got, l.Source)
	}
	assert.ElementsMatch(t, dead, got)
}

// TestParts checks which parts files have.
func TestParts(t *testing.T) {
	type row struct {
		Text string `parquet:"text"`
	}
	dir := t.TempDir()
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, make([]row, 25), parquet.MaxRowsPerRowGroup(10)))
	writeFile(t, dir, "groups.parquet", file.String())
	writeFile(t, dir, "groups.parquet.gz", file.String())
	file.Reset()
	require.NoError(t, parquet.Write(&file, []row{}))
	writeFile(t, dir, "none.parquet", file.String())
	line := strings.Repeat("x", partBytes) + "\n"
	writeFile(t, dir, "lines.jsonl", "1\n2\n"+line+line+"end")
	writeFile(t, dir, "lines.jsonl.gz", line+line)
	writeFile(t, dir, "none.jsonl", "")
	n := int64(len(line))
	for name, want := range map[string][]Part{
		"groups.parquet":    {{Begin: 0, End: 1}, {Begin: 1, End: 2, Before: 10}, {Begin: 2, End: 3, Before: 20}},
		"groups.parquet.gz": {{}},
		"none.parquet":      {{}},
		"lines.jsonl":       {{Begin: 0, End: n + 4}, {Begin: n + 4, End: 2*n + 4, Before: 3}, {Begin: 2*n + 4, End: 2*n + 7, Before: 4}},
		"lines.jsonl.gz":    {{}},
		"none.jsonl":        {{}},
	} {
		t.Run(name, func(t *testing.T) {
			file := fileio.ReadableFile{Metadata: fileio.FileMetadata{Path: filepath.Join(dir, name)}}
			var got []Part
			require.NoError(t, new(splitFn).ProcessElement(t.Context(), file, func(p Part) { got = append(got, p) }))
			for i := range want {
				want[i].File = file
			}
			assert.Equal(t, want, got)
		})
	}
}

// TestCutLines checks that parts are the file, each with whole lines, of its
// size, and with the number of the lines before it.
func TestCutLines(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for i := range 300 {
		content := make([]byte, r.IntN(2000))
		for k := range content {
			content[k] = "abc\n"[min(3, r.IntN(2+i%40))]
		}
		size := 1 + r.Int64N(300)
		var file io.Reader = bytes.NewReader(content)
		if i%2 == 0 {
			file = iotest.DataErrReader(iotest.HalfReader(file))
		}
		at := int64(0)
		require.NoError(t, cutLines(file, size, func(begin, end, before int64) {
			require.Equal(t, at, begin)
			require.Equal(t, int64(bytes.Count(content[:begin], []byte{'\n'})), before)
			if end < int64(len(content)) {
				require.Equal(t, byte('\n'), content[end-1])
				require.GreaterOrEqual(t, end-begin, size)
				// no line end before this one would have done
				require.NotContains(t, string(content[begin+size-1:end-1]), "\n")
			}
			at = end
		}))
		require.Equal(t, int64(len(content)), at)
	}
	require.ErrorIs(t, cutLines(iotest.ErrReader(os.ErrPermission), 1, nil), os.ErrPermission)
}
