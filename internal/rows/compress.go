package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A packing is how the bytes of a file are compressed.
type packing string

const (
	none packing = ""
	gz   packing = ".gz"  // RFC 1952
	zst  packing = ".zst" // RFC 8878
)

// compression returns name without the ending that tells a compression, and that.
// Parameters of an object are no part of its name.
func compression(name string) (base string, p packing) {
	name, _ = CutParameters(name)
	ext := filepath.Ext(name)
	switch p := packing(strings.ToLower(ext)); p {
	case gz, zst:
		return strings.TrimSuffix(name, ext), p
	}
	return name, none
}

// unpack returns what r holds in compressed form: any number of gzip members or
// Zstandard frames.
func (p packing) unpack(r io.Reader) (io.ReadCloser, error) {
	switch p {
	case gz:
		from := bufio.NewReader(r)
		z, err := gzip.NewReader(from)
		return &members{member: z, from: from}, err
	case zst:
		d, err := newZstdReader()
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), d.Reset(r)
	}
	return io.NopCloser(r), nil
}

// Unpacked returns what a file has, decompressed where its name tells a compression. It
// closes the file, and so does an error.
func Unpacked(file io.ReadCloser, name string) (io.ReadCloser, error) {
	_, packed := compression(name)
	r, err := packed.unpack(bufio.NewReaderSize(file, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, file.Close()))
	}
	return struct {
		io.Reader
		io.Closer
	}{r, closers{r, file}}, nil
}

// newZstdReader returns a reader of nothing yet. It takes windows as large as the
// command zstd does, and has one worker: the CPUs have other work.
func newZstdReader() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
}

// members are those of a gzip file, with zero bytes between and behind them, as
// gzip itself reads them.
type members struct {
	member *gzip.Reader
	from   *bufio.Reader
}

// Close has no error: what is wrong with the content Read says.
func (m *members) Close() error {
	_ = m.member.Close() // Read's error once more
	return nil
}

func (m *members) Read(p []byte) (n int, err error) {
	for n == 0 {
		m.member.Multistream(false)
		if n, err = m.member.Read(p); err != io.EOF {
			return n, err
		}
		next := byte(0)
		for next == 0 {
			if next, err = m.from.ReadByte(); err != nil {
				return n, err // io.EOF behind the last member
			}
		}
		if err := errors.Join(m.from.UnreadByte(), m.member.Reset(m.from)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// A Packer compresses blocks one by one, so that the compressed blocks end to end
// are a file. The same block always gives the same bytes.
type Packer struct {
	packing
	zst *zstd.Encoder
	gz  *gzip.Writer
	buf []byte
}

// NewPacker returns the packer that the name of a file asks for.
func NewPacker(name string) (*Packer, error) {
	p := &Packer{}
	var err error
	switch _, p.packing = compression(name); p.packing {
	case gz:
		p.gz = gzip.NewWriter(nil)
	case zst:
		p.zst, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
	}
	return p, err
}

// Pack returns block as one gzip member or Zstandard frame, or as it is. It is
// valid until the next call.
func (p *Packer) Pack(block []byte) ([]byte, error) {
	switch p.packing {
	case gz:
		to := appender(p.buf[:0])
		p.gz.Reset(&to)
		if _, err := p.gz.Write(block); err != nil {
			return nil, err
		}
		err := p.gz.Close()
		p.buf = to
		return p.buf, err
	case zst:
		p.buf = p.zst.EncodeAll(block, p.buf[:0])
		return p.buf, nil
	}
	return block, nil
}

// An appender appends what is written to it.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// String returns the name of p.
func (p packing) String() string {
	return map[packing]string{none: "no compression", gz: "gzip", zst: "Zstandard"}[p]
}
