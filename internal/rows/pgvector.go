package rows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/encoding"
)

// pgvectorMost is the most dimensions of pgvector's types vector and halfvec, and the most
// elements of a sparsevec that are not zero.
const pgvectorMost = 16000

// A pgvector makes rows for COPY of PostgreSQL (protocol and formats of 7.4 and later), with
// the types of pgvector (0.7.0 and later): vector for float, halfvec for float16, bit for bits,
// sparsevec for a sparse embedding. Columns are the id, chunk, start and end of chunks, those
// that are carried through, and one of each format.
type pgvector struct{ *Layout }

func newPgvector(l *Layout) (*pgvector, error) {
	if err := l.only(encoding.Float, encoding.Float16, encoding.Binary, encoding.Ubinary); err != nil {
		return nil, err
	}
	number := slices.Contains(l.Formats, encoding.Float) || slices.Contains(l.Formats, encoding.Float16)
	if !l.Sparse && number && l.Dimensions > pgvectorMost {
		return nil, fmt.Errorf("%d dimensions, a vector or halfvec has %d at most", l.Dimensions, pgvectorMost)
	}
	return &pgvector{l}, nil
}

// values returns the texts of the columns before the embeddings; nil is NULL.
func (p *pgvector) values(r *Result) ([]*string, error) {
	whole := *r
	whole.Part = nil
	id := key(&whole)
	kept, err := p.keptTexts(r)
	if err != nil {
		return nil, err
	}
	all := append([]*string{&id}, kept...)
	for _, text := range all {
		if text != nil && strings.ContainsRune(*text, 0) {
			return nil, errors.New("a zero byte, which PostgreSQL's text has no place for")
		}
	}
	if p.Sparse && len(r.Sparse.Indices) > pgvectorMost {
		return nil, fmt.Errorf("%d weights, a sparsevec has %d at most", len(r.Sparse.Indices), pgvectorMost)
	}
	return all, nil
}

// packedBits returns the packed bits of an embedding in a format of them.
func packedBits(v *encoding.Vector, f encoding.Format) []byte {
	if f == encoding.Ubinary {
		return v.Ubinary
	}
	packed := make([]byte, len(v.Binary))
	for i, b := range v.Binary {
		packed[i] = byte(b) ^ 0x80
	}
	return packed
}

var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// pgvectorText makes lines of COPY's text format, with tabs between columns.
func pgvectorText(l *Layout, _ string) (*Records, error) {
	p, err := newPgvector(l)
	return &Records{Append: func(b []byte, r *Result) ([]byte, error) {
		values, err := p.values(r)
		if err != nil {
			return b, err
		}
		for i, text := range values {
			if i > 0 {
				b = append(b, '\t')
			}
			if text == nil {
				b = append(b, `\N`...)
			} else {
				b = append(b, copyEscapes.Replace(*text)...)
			}
			if i == 0 && r.Part != nil {
				b = fmt.Appendf(b, "\t%d\t%d\t%d", r.Part.Number, r.Part.Start, r.Part.End)
			}
		}
		if p.Sparse {
			b = append(b, "\t{"...)
			for i, n := range r.Sparse.Indices {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(strconv.AppendInt(b, int64(n)+1, 10), ':')
				b = strconv.AppendFloat(b, float64(r.Sparse.Values[i]), 'g', -1, 32)
			}
			return fmt.Appendf(b, "}/%d\n", p.Vocabulary), nil
		}
		for i, f := range p.Formats {
			b = append(b, '\t')
			if f != encoding.Binary && f != encoding.Ubinary {
				b = r.Vector.AppendJSON(b, p.Formats[i:i+1])
				continue
			}
			packed := packedBits(&r.Vector, f)
			for k := range p.Dimensions {
				b = append(b, '0'+packed[k/8]>>(7-k%8)&1)
			}
		}
		return append(b, '\n'), nil
	}}, err
}

// pgvectorBinary makes COPY's binary format: the id and the columns that are carried through
// are of type text, chunk, start and end of type integer.
func pgvectorBinary(l *Layout, _ string) (*Records, error) {
	p, err := newPgvector(l)
	records := &Records{Begin: "PGCOPY\n\xff\r\n\x00" + strings.Repeat("\x00", 8), End: "\xff\xff"}
	records.Append = func(b []byte, r *Result) ([]byte, error) {
		values, err := p.values(r)
		if err != nil {
			return b, err
		}
		columns := len(values) + len(p.Columns())
		if p.Sparse {
			columns = len(values) + 1
		}
		if r.Part != nil {
			columns += len(ChunkColumns)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(columns))
		for i, text := range values {
			if text == nil {
				b = binary.BigEndian.AppendUint32(b, math.MaxUint32)
			} else {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(*text))), *text...)
			}
			if i == 0 && r.Part != nil {
				for _, n := range []int{r.Part.Number, r.Part.Start, r.Part.End} {
					b = binary.BigEndian.AppendUint32(b, 4)
					b = binary.BigEndian.AppendUint32(b, uint32(n))
				}
			}
		}
		if p.Sparse {
			return p.appendSparse(b, r.Sparse), nil
		}
		for _, f := range p.Formats {
			b = p.appendVector(b, &r.Vector, f)
		}
		return b, nil
	}
	return records, err
}

// appendVector appends an embedding behind its length, as vector_recv, halfvec_recv and
// bit_recv read it: vectors behind their dimensions and two zero bytes.
func (p *pgvector) appendVector(b []byte, v *encoding.Vector, f encoding.Format) []byte {
	n := p.Dimensions
	switch f {
	case encoding.Float:
		b = binary.BigEndian.AppendUint32(b, uint32(4+4*n))
		b = binary.BigEndian.AppendUint32(b, uint32(n)<<16)
		for _, x := range v.Float32 {
			b = binary.BigEndian.AppendUint32(b, math.Float32bits(x))
		}
	case encoding.Float16:
		b = binary.BigEndian.AppendUint32(b, uint32(4+2*n))
		b = binary.BigEndian.AppendUint32(b, uint32(n)<<16)
		for _, x := range v.Float16 {
			b = binary.BigEndian.AppendUint16(b, x.Bits())
		}
	default:
		packed := packedBits(v, f)
		b = binary.BigEndian.AppendUint32(b, uint32(4+len(packed)))
		b = append(binary.BigEndian.AppendUint32(b, uint32(n)), packed...)
	}
	return b
}

// appendSparse is appendVector for a sparse embedding, as sparsevec_recv reads it: dimensions,
// the number of weights, zero, the entries from 0, the weights.
func (p *pgvector) appendSparse(b []byte, s *Sparse) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(12+8*len(s.Indices)))
	for _, n := range []int{p.Vocabulary, len(s.Indices), 0} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, n := range s.Indices {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, x := range s.Values {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
