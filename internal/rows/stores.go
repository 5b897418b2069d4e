package rows

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/rhumb-go/rhumb/encoding"
)

// elasticsearch makes lines for the bulk API of Elasticsearch (8.15 and later) and OpenSearch
// (2.16 and later): an action, then the document. int8 is for element_type or data_type byte,
// binary for bit of Elasticsearch and binary of OpenSearch, ubinary, in hexadecimal, for bit of
// Elasticsearch. A sparse embedding is an object for the types sparse_vector and rank_features,
// whose features are the numbers of entries of the vocabulary.
func elasticsearch(l *Layout, index string) (*Records, error) {
	if err := l.only(encoding.Float, encoding.Float16, encoding.Int8, encoding.Binary, encoding.Ubinary); err != nil {
		return nil, err
	}
	if err := l.wholeBytes(); err != nil {
		return nil, err
	}
	const most = 512 // bytes of an _id
	into := ""
	if index != "" {
		into = `"_index":` + string(Quote(index)) + `,`
	}
	return &Records{Append: func(b []byte, r *Result) ([]byte, error) {
		k := key(r)
		if len(k) > most || k == "" {
			return b, fmt.Errorf("id of %d bytes, Elasticsearch takes 1 to %d", len(k), most)
		}
		b = append(append(b, `{"index":{`+into+`"_id":`...), Quote(k)...)
		b = append(b, "}}\n{"...)
		from := len(b)
		if b = l.appendFields(b, r, "id"); len(b) > from {
			b = append(b, ',')
		}
		if l.Sparse {
			return append(appendWeights(append(b, `"embedding":`...), r.Sparse), "}\n"...), nil
		}
		for i, name := range l.Columns() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, Quote(name)...), ':')
			if f := l.Formats[i]; f == encoding.Ubinary {
				b = append(hex.AppendEncode(append(b, '"'), r.Ubinary), '"')
			} else {
				b = r.Vector.AppendJSON(b, l.Formats[i:i+1])
			}
		}
		return append(b, "}\n"...), nil
	}}, nil
}

// appendWeights appends s as an object of weights by the numbers of entries.
func appendWeights(b []byte, s *Sparse) []byte {
	b = append(b, '{')
	for i, n := range s.Indices {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), int64(n), 10), `":`...)
		b = strconv.AppendFloat(b, float64(s.Values[i]), 'g', -1, 32)
	}
	return append(b, '}')
}

// qdrant makes a line a point, as those of Qdrant's request to upsert points are (1.7 and
// later; 1.10 for several vectors a point). Several formats are named vectors, and so is a
// sparse embedding, under the name sparse.
func qdrant(l *Layout, _ string) (*Records, error) {
	if err := l.only(encoding.Float, encoding.Float16, encoding.Uint8); err != nil {
		return nil, err
	}
	return &Records{Append: func(b []byte, r *Result) ([]byte, error) {
		b = append(b, `{"id":`...)
		switch {
		case r.Part == nil && r.ID == nil:
			b = strconv.AppendInt(b, int64(r.Index), 10)
		case r.Part == nil && isInteger(r.ID):
			b = append(b, r.ID...)
		default:
			b = append(b, Quote(uuid(key(r)))...)
		}
		b = append(b, `,"vector":`...)
		switch {
		case l.Sparse:
			bare := *r.Sparse
			bare.Pieces = nil
			b = append(bare.appendJSON(append(b, `{"sparse":`...)), '}')
		case l.Multi:
			b = append(b, '[')
			for i := range r.Multi {
				if i > 0 {
					b = append(b, ',')
				}
				b = r.Multi[i].AppendJSON(b, l.Formats)
			}
			b = append(b, ']')
		default:
			b = r.Vector.AppendJSON(b, l.Formats)
		}
		b = l.appendFields(append(b, `,"payload":{`...), r, "id")
		return append(b, "}}\n"...), nil
	}}, nil
}

var (
	weaviateClass    = regexp.MustCompile(`^[A-Z][_0-9A-Za-z]*$`)
	weaviateProperty = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)
)

// weaviate makes a line an object, as those of Weaviate's request to create a batch of
// objects are (v1). The caller's id is the property source_id, as id is a name of Weaviate's own.
func weaviate(l *Layout, class string) (*Records, error) {
	switch {
	case class == "":
		return nil, errors.New("no collection, expected the name of the one that objects go into")
	case !weaviateClass.MatchString(class):
		return nil, fmt.Errorf("collection %q, expected letters, digits and _, the first a capital", class)
	case l.Sparse:
		return nil, errors.New("no place for sparse embeddings; choose another format")
	case len(l.Formats) > 1:
		return nil, fmt.Errorf("%d formats of embeddings, expected one", len(l.Formats))
	}
	if err := l.only(encoding.Float, encoding.Float16); err != nil {
		return nil, err
	}
	head := `{"class":` + string(Quote(class)) + `,"id":`
	return &Records{Append: func(b []byte, r *Result) ([]byte, error) {
		for _, v := range r.Kept {
			if v.Name == "_id" || v.Name == "source_id" || !weaviateProperty.MatchString(v.Name) {
				return b, fmt.Errorf("column %q: no name of a property of Weaviate, or one that is taken", v.Name)
			}
		}
		b = append(append(b, head...), Quote(uuid(key(r)))...)
		b = r.Vector.AppendJSON(append(b, `,"vector":`...), l.Formats)
		b = l.appendFields(append(b, `,"properties":{`...), r, "source_id")
		return append(b, "}}\n"...), nil
	}}, nil
}

// milvus makes a list of rows in JSON, as Milvus imports it (2.4 and later). ubinary is for
// BinaryVector. Without a caller's id the index is the row's, and of chunks text.
func milvus(l *Layout, _ string) (*Records, error) {
	if err := l.only(encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary); err != nil {
		return nil, err
	}
	if err := l.wholeBytes(); err != nil {
		return nil, err
	}
	return &Records{Begin: "[\n", Between: ",\n", End: "\n]\n", Append: func(b []byte, r *Result) ([]byte, error) {
		row := *r
		switch {
		case r.Part != nil:
			row.ID = Quote(key(r))
		case r.ID == nil:
			row.ID = strconv.AppendInt(nil, int64(r.Index), 10)
		}
		b = l.appendFields(append(b, '{'), &row, "id")
		if l.Sparse {
			bare := *r.Sparse
			bare.Pieces = nil
			return append(bare.appendJSON(append(b, `,"embedding":`...)), '}'), nil
		}
		for i, name := range l.Columns() {
			b = append(append(append(b, ','), Quote(name)...), ':')
			b = r.Vector.AppendJSON(b, l.Formats[i:i+1])
		}
		return append(b, '}'), nil
	}}, nil
}
