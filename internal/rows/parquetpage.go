package rows

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
)

// pageData passes over the data of a page, to see that no count in it makes more
// of it than a page may be.
type pageData struct {
	*bufio.Reader
	read   *count
	most   int64  // bytes
	values uint64 // in runs, so far
}

func newPageData(data io.Reader, most int64) *pageData {
	read := &count{ctx: context.Background(), r: io.LimitReader(data, most+1)}
	return &pageData{Reader: bufio.NewReader(read), read: read, most: most}
}

// rest passes over what is left, and returns the bytes of the page.
func (p *pageData) rest() (int64, error) {
	_, err := io.Copy(io.Discard, p.Reader)
	if err == nil && p.read.done > p.most {
		err = fmt.Errorf("more than %d bytes", p.most)
	}
	return p.read.done, err
}

// pass passes over n bytes.
func (p *pageData) pass(n int64) error {
	_, err := p.Discard(int(n))
	return unexpected(err)
}

// unexpected returns err, which is no end that was expected.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sizedLevels passes over levels of so many bits behind their size in bytes.
func (p *pageData) sizedLevels(width int) error {
	if width == 0 {
		return nil
	}
	var size [4]byte
	if _, err := io.ReadFull(p, size[:]); err != nil {
		return unexpected(err)
	}
	return p.levels(width, int64(binary.LittleEndian.Uint32(size[:])))
}

// levels passes over size bytes of levels of so many bits.
func (p *pageData) levels(width int, size int64) error {
	if width == 0 {
		return p.pass(size)
	}
	part := newPageData(io.LimitReader(p, size), p.most)
	return part.runs(width)
}

// runs passes over runs of values of so many bits up to the end: Parquet's hybrid
// of run-length encoding and bit-packing.
func (p *pageData) runs(width int) error {
	for {
		head, err := binary.ReadUvarint(p)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		n, bytes := head>>1, int64(width+7)/8
		if head&1 != 0 { // groups of 8
			n = min(n, maxPageValues) * 8
			bytes = int64(n) / 8 * int64(width)
		}
		if n > maxPageValues-p.values {
			return fmt.Errorf("%d values in runs, expected at most %d", p.values+n, maxPageValues)
		}
		p.values += n
		if err := p.pass(bytes); err != nil {
			return err
		}
	}
}

// encoded passes over the values of a page. It returns the bytes that they become
// beyond those of the page.
func (p *pageData) encoded(e format.Encoding) (shared int64, err error) {
	switch e {
	//lint:ignore SA1019 older files have it
	case format.PlainDictionary, format.RLEDictionary:
		width, err := p.ReadByte()
		if err == io.EOF {
			return 0, nil
		}
		if err == nil && width > 32 {
			err = fmt.Errorf("indexes of %d bits", width)
		}
		if err != nil {
			return 0, err
		}
		return 0, p.runs(int(width))
	case format.RLE:
		return 0, p.sizedLevels(1)
	case format.DeltaBinaryPacked:
		_, err := p.deltaHead()
		return 0, err
	case format.DeltaLengthByteArray:
		_, err := p.deltaSum()
		return 0, err
	case format.DeltaByteArray:
		if shared, err = p.deltaSum(); err == nil {
			_, err = p.deltaSum()
		}
		return shared, err
	}
	return 0, nil
}

// A deltaHead begins integers of the encoding DELTA_BINARY_PACKED.
type deltaHead struct {
	perMini int // values of a miniblock
	minis   int // of a block
	values  int
	first   int64
}

func (p *pageData) deltaHead() (h deltaHead, err error) {
	var head [3]uint64 // block size, miniblocks of one, values
	for i := range head {
		if head[i], err = binary.ReadUvarint(p); err != nil {
			return h, unexpected(err)
		}
	}
	if h.first, err = binary.ReadVarint(p); err != nil {
		return h, unexpected(err)
	}
	if head[0] > 1<<16 || head[1] == 0 || head[1] > head[0]/32 || head[2] > maxPageValues {
		return h, fmt.Errorf("%d deltas in blocks of %d by %d, expected at most %d by 65536", head[2], head[0], head[1], maxPageValues)
	}
	return deltaHead{int(head[0] / head[1]), int(head[1]), int(head[2]), h.first}, nil
}

// deltaSum passes over lengths in the encoding DELTA_BINARY_PACKED, and returns
// their sum, as long as it is one of bytes in a page.
func (p *pageData) deltaSum() (sum int64, err error) {
	h, err := p.deltaHead()
	if err != nil || h.values == 0 {
		return 0, err
	}
	value := h.first
	add := func() error {
		if sum += value; value < 0 || value > p.most || sum > p.most {
			return fmt.Errorf("a length of %d bytes, %d together, expected at most %d", value, sum, p.most)
		}
		return nil
	}
	if err := add(); err != nil {
		return 0, err
	}
	widths := make([]byte, h.minis)
	packed := make([]byte, h.perMini*4+8)
	for left := h.values - 1; left > 0; {
		least, err := binary.ReadVarint(p)
		if err == nil {
			_, err = io.ReadFull(p, widths)
		}
		if err != nil {
			return 0, unexpected(err)
		}
		for _, width := range widths[:min(h.minis, (left+h.perMini-1)/h.perMini)] {
			if width > 32 {
				return 0, fmt.Errorf("deltas of %d bits", width)
			}
			clear(packed)
			// The last miniblock may be cut short.
			if _, err := io.ReadFull(p, packed[:h.perMini*int(width)/8]); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
				return 0, err
			}
			for i := range min(left, h.perMini) {
				bit := i * int(width)
				delta := binary.LittleEndian.Uint64(packed[bit/8:]) >> (bit % 8) & (1<<width - 1)
				value = int64(int32(value + least + int64(delta)))
				if err := add(); err != nil {
					return 0, err
				}
			}
			left -= min(left, h.perMini)
		}
	}
	return sum, nil
}
