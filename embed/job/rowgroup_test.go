package job

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowGroups returns the row groups of a file, whose columns lie one behind the other.
func rowGroups(t *testing.T, name string) []format.RowGroup {
	t.Helper()
	data := read(t, name)
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	groups := file.Metadata().RowGroups
	for g := range groups {
		at := groups[g].FileOffset
		for c := range groups[g].Columns {
			m := &groups[g].Columns[c].MetaData
			require.Equal(t, at, m.DataPageOffset, "row group %d, column %d", g, c)
			at += m.TotalCompressedSize
		}
	}
	return groups
}

// A row group of several chunks says of its columns what one of a single chunk says: bounds,
// nulls, levels and sizes, of values of all types.
func TestJoinedRowGroup(t *testing.T) {
	m := loadModel(t)
	type nested struct {
		Score *float64 `parquet:"score,optional"`
		Tags  []string `parquet:"tags,list"`
	}
	type row struct {
		ID     string  `parquet:"id"`
		Text   string  `parquet:"text"`
		Number int64   `parquet:"number"`
		Size   *uint32 `parquet:"size,optional"`
		Late   *int32  `parquet:"late,optional"` // null in the first chunks
		Meta   *nested `parquet:"meta,optional"`
	}
	random := rand.New(rand.NewPCG(3, 3))
	table := make([]row, 200)
	for i := range table {
		r := row{ID: fmt.Sprint(random.IntN(1000)), Text: fmt.Sprint("summer ", i), Number: random.Int64() - random.Int64()}
		if size := random.Uint32(); i%3 > 0 {
			r.Size = &size // some are negative as numbers with a sign
		}
		if late := random.Int32(); i >= 100 && i%2 == 0 {
			r.Late = &late
		}
		if score := random.NormFloat64(); i%5 > 0 {
			r.Meta = &nested{&score, []string{"", "b", "aa"}[:random.IntN(4)]}
		}
		table[i] = r
	}
	made := filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(made, table))
	for name, input := range map[string]string{"made": made, "logical types": "testdata/pyarrow-26.0.1-logical.parquet"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			groups := map[int][]format.RowGroup{}
			for _, rows := range []int{1 << 20, 3, 1} {
				cfg := Config{Inputs: []string{input}, Output: filepath.Join(dir, fmt.Sprint(rows, ".parquet")), Drop: []string{}, ChunkRows: rows}
				_, err := Run(t.Context(), m, cfg)
				require.NoError(t, err)
				groups[rows] = rowGroups(t, cfg.Output)
				require.Len(t, groups[rows], 1)
			}
			for _, rows := range []int{3, 1} {
				want, got := &groups[1<<20][0], &groups[rows][0]
				assert.Equal(t, want.NumRows, got.NumRows)
				chunks := (int(want.NumRows) + rows - 1) / rows
				sizes := int64(0)
				for c := range want.Columns {
					w, g := &want.Columns[c].MetaData, got.Columns[c].MetaData
					sizes += g.TotalUncompressedSize
					require.Len(t, g.EncodingStats, len(w.EncodingStats))
					for i, s := range g.EncodingStats {
						assert.GreaterOrEqual(t, int(s.Count), chunks)
						g.EncodingStats[i].Count = w.EncodingStats[i].Count
					}
					g.TotalCompressedSize, g.TotalUncompressedSize, g.DataPageOffset = w.TotalCompressedSize, w.TotalUncompressedSize, w.DataPageOffset
					assert.Equal(t, *w, g, w.PathInSchema)
				}
				assert.Equal(t, sizes, got.TotalByteSize)
			}
			want := leafValues(t, filepath.Join(dir, fmt.Sprint(1<<20, ".parquet")))
			assert.Equal(t, want, leafValues(t, filepath.Join(dir, "1.parquet")))
		})
	}
}

// A chunk of the spool whose footer is damaged is an error.
func TestDamagedBounds(t *testing.T) {
	for kind, leaf := range map[string]parquet.Type{
		"integer": parquet.Int32Type, "long": parquet.Int64Type, "boolean": parquet.BooleanType,
		"float": parquet.FloatType, "fixed": parquet.FixedLenByteArrayType(5),
	} {
		all := new(format.Statistics)
		damaged := &format.Statistics{MinValue: []byte{1, 2, 3}, MaxValue: []byte{1, 2, 3}}
		assert.ErrorContains(t, addBounds(all, damaged, leaf), "a bound of 3 bytes, expected", kind)
	}
}
