package job

import (
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A stored row group is one of a Parquet file.
type stored struct {
	file  io.ReaderAt
	group *format.RowGroup
}

// join appends one row group to the output that has the rows of several, one at least: in each
// column their pages as they are. What a column's footer says is made of theirs, but for the
// page indexes, which a reader does not need.
func (t *table) join(groups []stored) (*format.RowGroup, error) {
	all := &format.RowGroup{FileOffset: t.out.size}
	paths := t.Schema.Columns()
	for _, g := range groups {
		if n := len(g.group.Columns); n != len(paths) {
			return nil, fmt.Errorf("%s: a chunk of %d columns, expected %d", t.spool.file.Name(), n, len(paths))
		}
		all.NumRows += g.group.NumRows
		all.TotalByteSize += g.group.TotalByteSize
		all.TotalCompressedSize += g.group.TotalCompressedSize
	}
	for i, path := range paths {
		leaf, _ := t.Schema.Lookup(path...)
		column := format.ColumnMetaData{DataPageOffset: t.out.size}
		for _, g := range groups {
			m := &g.group.Columns[i].MetaData
			n, err := io.Copy(t.out, io.NewSectionReader(g.file, m.DataPageOffset, m.TotalCompressedSize))
			if err != nil {
				return nil, err
			}
			if n != m.TotalCompressedSize || m.DictionaryPageOffset != 0 {
				return nil, fmt.Errorf("%s: column %d of a chunk: %d bytes of pages, expected %d and no dictionary", t.spool.file.Name(), i, n, m.TotalCompressedSize)
			}
			if err := addColumn(&column, m, leaf.Node.Type()); err != nil {
				return nil, fmt.Errorf("%s: column %d of a chunk: %w", t.spool.file.Name(), i, err)
			}
		}
		all.Columns = append(all.Columns, format.ColumnChunk{MetaData: column})
	}
	return all, nil
}

// addColumn adds to what is known of a column that of another with values of the same type,
// whose pages are behind its own.
func addColumn(all, m *format.ColumnMetaData, t parquet.Type) error {
	if all.PathInSchema == nil {
		all.Type, all.PathInSchema, all.Codec = m.Type, m.PathInSchema, m.Codec
	}
	for _, e := range m.Encoding {
		if !slices.Contains(all.Encoding, e) {
			all.Encoding = append(all.Encoding, e)
		}
	}
	for _, s := range m.EncodingStats {
		k := slices.IndexFunc(all.EncodingStats, func(o format.PageEncodingStats) bool {
			return o.PageType == s.PageType && o.Encoding == s.Encoding
		})
		if k < 0 {
			all.EncodingStats = append(all.EncodingStats, s)
		} else {
			all.EncodingStats[k].Count += s.Count
		}
	}
	all.NumValues += m.NumValues
	all.TotalUncompressedSize += m.TotalUncompressedSize
	all.TotalCompressedSize += m.TotalCompressedSize
	sizes, own := &all.SizeStatistics, &m.SizeStatistics
	sizes.UnencodedByteArrayDataBytes += own.UnencodedByteArrayDataBytes
	sizes.RepetitionLevelHistogram = addCounts(sizes.RepetitionLevelHistogram, own.RepetitionLevelHistogram)
	sizes.DefinitionLevelHistogram = addCounts(sizes.DefinitionLevelHistogram, own.DefinitionLevelHistogram)
	return addBounds(&all.Statistics, &m.Statistics, t)
}

// addCounts adds the numbers of b to those of a, of which there may be none yet.
func addCounts(a, b []int64) []int64 {
	if len(a) < len(b) {
		a = append(a, make([]int64, len(b)-len(a))...)
	}
	for i, n := range b {
		a[i] += n
	}
	return a
}

// addBounds widens the bounds of a column's values by those of others of the type t.
func addBounds(all, s *format.Statistics, t parquet.Type) error {
	all.NullCount += s.NullCount
	if s.MinValue == nil || s.MaxValue == nil {
		return nil // all null, or without bounds
	}
	for _, v := range [][]byte{s.MinValue, s.MaxValue} {
		if n, fixed := sizeOf(t); fixed && len(v) != n {
			return fmt.Errorf("a bound of %d bytes, expected %d", len(v), n)
		}
	}
	compare := func(a, b []byte) int { return t.Compare(t.Kind().Value(a), t.Kind().Value(b)) }
	if all.MinValue == nil || compare(s.MinValue, all.MinValue) < 0 {
		all.MinValue = s.MinValue
	}
	if all.MaxValue == nil || compare(s.MaxValue, all.MaxValue) > 0 {
		all.MaxValue = s.MaxValue
	}
	return nil
}

// sizeOf returns the bytes of a value of t, where all have as many.
func sizeOf(t parquet.Type) (bytes int, fixed bool) {
	switch t.Kind() {
	case parquet.Boolean:
		return 1, true
	case parquet.Int32, parquet.Float:
		return 4, true
	case parquet.Int64, parquet.Double:
		return 8, true
	case parquet.Int96:
		return 12, true
	case parquet.FixedLenByteArray:
		return t.Length(), true
	}
	return 0, false
}
