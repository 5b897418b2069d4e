package rows

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
)

// A Layout says what results hold.
type Layout struct {
	Dimensions int
	Vocabulary int               // entries of it, where embeddings are sparse
	Formats    []encoding.Format // of each embedding, at least one
	Scale      bool              // embeddings have one: 8 bits that follow no ranges
	Errors     bool              // results may be errors
	Sparse     bool              // embeddings are sparse
	Multi      bool              // embeddings are several vectors
	Tokens     bool              // rows have vectors of tokens, in JSON alone
	Chunks     bool              // rows are of chunks
	About      *About            // what makes them, which a Parquet file says; nil = it does not
	Kept       []Column          `json:"-"` // carried through; in JSON's form, what each result has
}

// Complete sets how many dimensions embeddings have, and whether bytes follow ranges.
func (l *Layout) Complete(dimensions int, ranged bool) {
	l.Dimensions = dimensions
	l.Scale = !ranged && (slices.Contains(l.Formats, encoding.Int8) || slices.Contains(l.Formats, encoding.Uint8))
}

// SparseColumns are those of a sparse embedding: two lists, of one length.
var SparseColumns = []string{"indices", "values"}

// Columns returns the name of the column of each format, or those of a sparse embedding.
func (l *Layout) Columns() []string {
	if l.Sparse {
		return SparseColumns
	}
	name := "embedding"
	if l.Multi {
		name = "embeddings"
	}
	if len(l.Formats) == 1 {
		return []string{name}
	}
	var names []string
	for _, f := range l.Formats {
		names = append(names, name+"_"+f.String())
	}
	return names
}

// Taken returns the columns that rows have beside those of all results.
func (l *Layout) Taken() (names []string) {
	if l.Chunks {
		names = append(names, ChunkColumns...)
	}
	if l.Sparse {
		names = append(names, SparseColumns...)
	}
	return names
}

// Bytes returns the size of an embedding in all formats together; of a sparse one, and of several
// vectors, about.
func (l *Layout) Bytes() (n int) {
	if l.Sparse {
		return 2 << 10 // 256 weights
	}
	for _, f := range l.Formats {
		switch f {
		case encoding.Float:
			n += 4 * l.Dimensions
		case encoding.Float16:
			n += 2 * l.Dimensions
		case encoding.Int8, encoding.Uint8:
			n += l.Dimensions
		case encoding.Binary, encoding.Ubinary:
			n += (l.Dimensions + 7) / 8
		case encoding.Base64:
			n += base64.StdEncoding.EncodedLen(4 * l.Dimensions)
		}
	}
	if l.Multi {
		n *= 128
	}
	return n
}

// CheckNPY returns an error where NumPy's format has no place for the layout, as far
// as it is complete. Scales need a file of their own.
func (l *Layout) CheckNPY() error {
	switch {
	case l.Sparse:
		return errors.New("npy has no place for sparse embeddings; choose another format")
	case l.Errors:
		return errors.New("npy has no place for an error; choose another format, or let errors stop the run")
	case len(l.Formats) > 1:
		return fmt.Errorf("%d formats of embeddings, npy holds one; choose another format of output", len(l.Formats))
	case npyType(l.Formats[0]) == "":
		return fmt.Errorf("embeddings as %v: npy holds numbers; choose another format of output", l.Formats[0])
	}
	return nil
}

// Elements returns the field of v that has the format: a slice of numbers, or a string.
func Elements(v *encoding.Vector, f encoding.Format) any {
	switch f {
	case encoding.Float:
		return v.Float32
	case encoding.Float16:
		return v.Float16
	case encoding.Int8:
		return v.Int8
	case encoding.Uint8:
		return v.Uint8
	case encoding.Binary:
		return v.Binary
	case encoding.Ubinary:
		return v.Ubinary
	case encoding.Base64:
		return v.Base64
	}
	panic("rhumb: no field for " + f.String())
}
