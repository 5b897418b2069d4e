package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// What a Parquet file announces, its reader allocates. So all of it is looked at
// before: the footer when the file is opened, the pages of a column in a row group
// when its turn comes.
const (
	maxFooter     = 3 * maxLine // bytes: writers put the smallest and the largest text there
	maxFooterRoom = 256 << 20   // bytes that a footer may take in memory, about
	maxPageHeader = 64 << 20    // bytes
	maxPages      = 5 * maxLine // bytes of the largest pages of the columns that are read, together
	maxPageValues = 1 << 26
)

// checkFooter returns an error where the footer of a file of that size announces
// more than it has.
func checkFooter(file io.ReaderAt, size int64) error {
	if size < 12 {
		return fmt.Errorf("%d bytes, expected a Parquet file", size)
	}
	var end [8]byte
	if _, err := file.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return nil // parquet.OpenFile says what it is
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > min(size-12, maxFooter) {
		return fmt.Errorf("footer of %d bytes in a file of %d, expected at most %d", n, size, min(size-12, maxFooter))
	}
	footer := make([]byte, n)
	if _, err := file.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	w := thriftWalker{footer, maxFooterRoom}
	if err := w.structure(0); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	return nil
}

// A chunkCheck goes through the pages of a column in a row group.
type chunkCheck struct {
	file       io.ReaderAt
	codec      format.CompressionCodec
	repetition int // bits of a repetition level
	definition int // bits of a definition level
	most       int64
	zst        *zstd.Decoder
}

// checkChunk returns the bytes that the largest dictionary and the largest page of
// a chunk of column c take together when they are read. More than most are an error.
func checkChunk(file *parquet.File, c *parquet.Column, chunk *format.ColumnMetaData, most int64) (int64, error) {
	at := chunk.DataPageOffset
	if chunk.DictionaryPageOffset != 0 {
		at = chunk.DictionaryPageOffset // where the reader begins
	}
	end := at + chunk.TotalCompressedSize
	if at < 4 || end < at || end > file.Size() {
		return 0, fmt.Errorf("pages at %d to %d in a file of %d bytes", at, end, file.Size())
	}
	check := chunkCheck{
		file: file, codec: c.Compression().CompressionCodec(), most: most,
		repetition: bits.Len(uint(c.MaxRepetitionLevel())), definition: bits.Len(uint(c.MaxDefinitionLevel())),
	}
	defer func() {
		if check.zst != nil {
			check.zst.Close()
		}
	}()
	var page, dictionary int64
	for at < end {
		header, n, err := check.header(at, end)
		if err != nil {
			return 0, fmt.Errorf("page header at %d: %w", at, err)
		}
		size, err := check.page(header, at+n, end)
		if err != nil {
			return 0, fmt.Errorf("page at %d: %w", at, err)
		}
		if header.Type == format.DictionaryPage {
			dictionary = max(dictionary, size)
		} else {
			page = max(page, size)
		}
		at += n + int64(header.CompressedPageSize)
	}
	if page+dictionary > most {
		return 0, fmt.Errorf("pages of %d bytes, expected at most %d", page+dictionary, most)
	}
	return page + dictionary, nil
}

// header reads the header of a page, and returns its size, too.
func (c *chunkCheck) header(at, end int64) (*format.PageHeader, int64, error) {
	for most := int64(4 << 10); ; most *= 16 {
		size := min(most, end-at, maxPageHeader)
		data := make([]byte, size)
		if _, err := c.file.ReadAt(data, at); err != nil {
			return nil, 0, err
		}
		w := thriftWalker{data, 1 << 20}
		if err := w.structure(0); errors.Is(err, io.ErrUnexpectedEOF) && size == most {
			continue
		} else if err != nil {
			return nil, 0, err
		}
		header := &format.PageHeader{}
		n := len(data) - len(w.data)
		err := thrift.Unmarshal(new(thrift.CompactProtocol), data[:n], header)
		return header, int64(n), err
	}
}

// A pageKind is what the header of a page says of its data.
type pageKind struct {
	values     int64
	levels     int64 // bytes of levels before the compressed data, in pages of version 2
	repetition int64 // of them
	encoding   format.Encoding
	compressed bool
}

// kindOf returns the kind of the page under a header.
func kindOf(h *format.PageHeader) (k pageKind, err error) {
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		k = pageKind{values: int64(h.DictionaryPageHeader.V.NumValues), encoding: h.DictionaryPageHeader.V.Encoding, compressed: true}
		//lint:ignore SA1019 older files have it
		if k.encoding == format.PlainDictionary {
			k.encoding = format.Plain // as it is called there
		}
		return k, nil
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		return pageKind{values: int64(h.DataPageHeader.V.NumValues), encoding: h.DataPageHeader.V.Encoding, compressed: true}, nil
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		v2 := &h.DataPageHeaderV2.V
		k = pageKind{
			values: int64(v2.NumValues), encoding: v2.Encoding, repetition: int64(v2.RepetitionLevelsByteLength),
			levels:     int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength),
			compressed: !v2.IsCompressed.Valid || v2.IsCompressed.V,
		}
		if v2.RepetitionLevelsByteLength < 0 || v2.DefinitionLevelsByteLength < 0 || k.levels > int64(h.CompressedPageSize) {
			return k, fmt.Errorf("levels of %d bytes in a page of %d", k.levels, h.CompressedPageSize)
		}
		return k, nil
	}
	return k, fmt.Errorf("type %v", h.Type)
}

// page checks the page at an offset, and returns the bytes that it becomes.
func (c *chunkCheck) page(h *format.PageHeader, at, end int64) (int64, error) {
	k, err := kindOf(h)
	packed, size := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	switch {
	case err != nil:
		return 0, err
	case packed < 0 || packed > end-at:
		return 0, fmt.Errorf("%d bytes, its column has %d left", packed, end-at)
	case size < 0 || max(packed, size) > c.most:
		return 0, fmt.Errorf("%d bytes, uncompressed %d, expected at most %d", packed, size, c.most)
	case k.values < 0 || k.values > maxPageValues:
		return 0, fmt.Errorf("%d values, expected at most %d", k.values, maxPageValues)
	}
	size = max(packed, size)
	data := io.Reader(io.NewSectionReader(c.file, at+k.levels, packed-k.levels))
	if k.compressed && c.codec != format.Uncompressed {
		if data, err = c.unpack(data, packed-k.levels, size); err != nil {
			return 0, err
		}
	}
	p := newPageData(data, c.most)
	switch h.Type {
	case format.DataPageV2:
		before := newPageData(io.NewSectionReader(c.file, at, k.levels), c.most)
		err = errors.Join(before.levels(c.repetition, k.repetition), before.levels(c.definition, k.levels-k.repetition))
	case format.DataPage:
		err = errors.Join(p.sizedLevels(c.repetition), p.sizedLevels(c.definition))
	}
	if err != nil {
		return 0, err
	}
	shared, err := p.encoded(k.encoding)
	if err != nil {
		return 0, err
	}
	n, err := p.rest()
	if err != nil {
		return 0, err
	}
	if size = max(size, k.levels+n) + shared; size > c.most {
		return 0, fmt.Errorf("values of %d bytes, expected at most %d", size, c.most)
	}
	return size, nil
}

// unpack returns what packed data of n bytes hold, which are said to become size.
func (c *chunkCheck) unpack(data io.Reader, n, size int64) (io.Reader, error) {
	switch c.codec {
	case format.Gzip:
		return gzip.NewReader(data)
	case format.Brotli:
		return brotli.NewReader(data), nil
	case format.Zstd:
		if c.zst == nil {
			var err error
			if c.zst, err = newZstdReader(); err != nil {
				return nil, err
			}
		}
		return c.zst, c.zst.Reset(data)
	case format.Snappy, format.Lz4Raw:
	default:
		return nil, fmt.Errorf("compression %v", c.codec)
	}
	packed := make([]byte, n)
	if _, err := io.ReadFull(data, packed); err != nil {
		return nil, err
	}
	if c.codec == format.Lz4Raw {
		whole := make([]byte, size)
		m, err := lz4.UncompressBlock(packed, whole)
		return bytes.NewReader(whole[:max(m, 0)]), err
	}
	switch m, err := snappy.DecodedLen(packed); {
	case err != nil:
		return nil, fmt.Errorf("snappy: %w", err)
	case int64(m) > c.most:
		return nil, fmt.Errorf("%d bytes, expected at most %d", m, c.most)
	}
	whole, err := snappy.Decode(nil, packed)
	return bytes.NewReader(whole), err
}
