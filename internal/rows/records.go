package rows

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/encoding"
)

// Records are results one after another, as a file has them.
type Records struct {
	Begin, Between, End string // what stands before the first, between two, and behind the last
	Errors              bool   // results that are errors are records, too; else they are left out

	// Append appends the record of a result. The error is one of its row.
	Append func(dst []byte, r *Result) ([]byte, error)
}

// A store makes records of a layout for the importer of one. collection is where they
// go, where the records say so.
type store func(l *Layout, collection string) (*Records, error)

var stores = map[string]store{
	"elasticsearch":   elasticsearch,
	"milvus":          milvus,
	"pgvector":        pgvectorText,
	"pgvector-binary": pgvectorBinary,
	"qdrant":          qdrant,
	"weaviate":        weaviate,
}

// StoreFormats are the names of the formats that stores import.
var StoreFormats = []string{"elasticsearch", "pgvector", "pgvector-binary", "qdrant", "weaviate", "milvus"}

// IsStore reports whether a format is one that a store imports.
func IsStore(format string) bool { return stores[format] != nil }

// HasColumns reports whether a format of records has columns that its rows do not name.
func HasColumns(format string) bool {
	return format == "csv" || format == "pgvector" || format == "pgvector-binary"
}

// NewRecords returns the records of a layout that is complete, in jsonl, csv or the format
// of a store. What the format has no place for is an error.
func NewRecords(format string, l *Layout, collection string) (*Records, error) {
	if format == "jsonl" {
		return &Records{Errors: true, Append: func(dst []byte, r *Result) ([]byte, error) {
			return append(l.AppendJSON(dst, r), '\n'), nil
		}}, nil
	}
	make := stores[format]
	if format == "csv" {
		make = csvRecords
	}
	switch {
	case make == nil:
		return nil, fmt.Errorf("output format %q, expected jsonl, csv, npy, parquet or one of: %s", format, strings.Join(StoreFormats, ", "))
	case l.Tokens:
		return nil, fmt.Errorf("%s has no place for the vectors of tokens; choose another format", format)
	case l.Multi && format != "qdrant":
		return nil, fmt.Errorf("%s has no place for the vectors of a multi-vector model; jsonl and qdrant have", format)
	case collection != "" && format != "elasticsearch" && format != "weaviate":
		return nil, fmt.Errorf("collection %q: the records of %s name none, the command that loads them does", collection, format)
	}
	records, err := make(l, collection)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format, err)
	}
	return records, nil
}

// only returns an error where the embeddings of l have other formats than these.
func (l *Layout) only(formats ...encoding.Format) error {
	if l.Sparse {
		return nil
	}
	for _, f := range l.Formats {
		if !slices.Contains(formats, f) {
			var names []string
			for _, f := range formats {
				names = append(names, f.String())
			}
			return fmt.Errorf("no place for embeddings as %v, expected %s", f, strings.Join(names, ", "))
		}
	}
	return nil
}

// wholeBytes returns an error where embeddings are bits that fill no whole bytes.
func (l *Layout) wholeBytes() error {
	if !l.Sparse && l.Dimensions%8 != 0 && (slices.Contains(l.Formats, encoding.Binary) || slices.Contains(l.Formats, encoding.Ubinary)) {
		return fmt.Errorf("bits of %d dimensions, expected a multiple of 8", l.Dimensions)
	}
	return nil
}

// key returns what tells the row of r from all others, as text: the caller's id, or its
// index where there is none; of a chunk with its number behind a colon.
func key(r *Result) string {
	k := strconv.Itoa(r.Index)
	if r.ID != nil {
		k = Plain(r.ID)
	}
	if r.Part != nil {
		k += ":" + strconv.Itoa(r.Part.Number)
	}
	return k
}

var (
	uuidForm     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	dnsNamespace = []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
)

// uuid returns a key as a UUID: itself where it is one, or else of version 5 (RFC 9562,
// 5.5) in the namespace of DNS, which generate_uuid5 of Weaviate's clients makes of it, too.
func uuid(key string) string {
	if uuidForm.MatchString(key) {
		return key
	}
	h := sha1.New()
	h.Write(dnsNamespace)
	h.Write([]byte(key))
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	x := hex.EncodeToString(u)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// appendFields appends fields of a JSON object: the id, under a name, the columns that are
// carried through, where a chunk is, and what an embedding is scaled by.
func (l *Layout) appendFields(b []byte, r *Result, id string) []byte {
	from := len(b)
	field := func(name string, value []byte) {
		if len(b) > from {
			b = append(b, ',')
		}
		b = append(append(append(b, Quote(name)...), ':'), value...)
	}
	if r.ID != nil {
		field(id, r.ID)
	}
	for _, v := range r.Kept {
		field(v.Name, v.JSON)
	}
	if r.Part != nil {
		for i, n := range []int{r.Part.Number, r.Part.Start, r.Part.End} {
			field(ChunkColumns[i], strconv.AppendInt(nil, int64(n), 10))
		}
	}
	if l.Scale && !l.Multi {
		field("scale", strconv.AppendFloat(nil, float64(r.Scale), 'g', -1, 32))
	}
	return b
}

// isInteger reports whether an id is an integer that 64 bits without a sign hold.
func isInteger(id json.RawMessage) bool {
	_, err := strconv.ParseUint(string(id), 10, 64)
	return err == nil
}
