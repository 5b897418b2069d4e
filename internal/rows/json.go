package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rhumb-go/rhumb/encoding"
)

// AppendJSON appends a row as a JSON object.
func (l *Layout) AppendJSON(b []byte, r *Result) []byte {
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(r.Index), 10)
	if r.ID != nil {
		b = append(b, `,"id":`...)
		b = append(b, r.ID...)
	}
	for _, v := range r.Kept {
		b = append(append(append(b, ','), Quote(v.Name)...), ':')
		b = append(b, v.JSON...)
	}
	if r.Part != nil {
		b = fmt.Appendf(b, `,"chunk":%d,"start":%d,"end":%d`, r.Part.Number, r.Part.Start, r.Part.End)
	}
	if r.Err != nil {
		b = append(b, `,"error":`...)
		b = append(b, Quote(r.Err.Error())...)
		return append(b, '}')
	}
	switch {
	case l.Tokens:
		b = appendTokens(append(b, `,"tokens":`...), r.Vectors)
	case r.Sparse != nil:
		b = r.Sparse.appendJSON(append(b, `,"sparse":`...))
		b = fmt.Appendf(b, `,"tokens":%d`, r.Tokens)
	case l.Multi:
		b = l.appendMulti(b, r.Multi)
		b = fmt.Appendf(b, `,"tokens":%d`, r.Tokens)
	default:
		b = append(b, `,"embedding":`...)
		b = r.Embedding.AppendJSON(b, l.Formats)
		if l.Scale {
			b = append(b, `,"scale":`...)
			b = strconv.AppendFloat(b, float64(r.Scale), 'g', -1, 32)
		}
		b = append(b, `,"tokens":`...)
		b = strconv.AppendInt(b, int64(r.Tokens), 10)
	}
	if r.Truncated > 0 {
		b = append(b, `,"truncated":`...)
		b = strconv.AppendInt(b, int64(r.Truncated), 10)
	}
	return append(b, '}')
}

// appendJSON appends s as a JSON object.
func (s *Sparse) appendJSON(b []byte) []byte {
	b = AppendIntegers(append(b, `{"indices":`...), s.Indices)
	b = appendFloats(append(b, `,"values":`...), s.Values)
	if s.Pieces != nil {
		b = append(b, `,"pieces":[`...)
		for i, piece := range s.Pieces {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, Quote(piece)...)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// AppendIntegers appends numbers as a JSON list.
func AppendIntegers(b []byte, numbers []int32) []byte {
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

// appendTokens appends tokens as a JSON list.
func appendTokens(b []byte, tokens []Token) []byte {
	b = append(b, '[')
	for i, t := range tokens {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,"start":%d,"end":%d,"embedding":`, t.ID, t.Start, t.End)
		b = append(appendFloats(b, t.Float32), '}')
	}
	return append(b, ']')
}

// appendMulti appends several vectors as fields of an object: theirs, and where the layout
// has them their scales.
func (l *Layout) appendMulti(b []byte, vectors []encoding.Vector) []byte {
	b = append(b, `,"embeddings":[`...)
	scales := make([]float32, len(vectors))
	for i := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = vectors[i].AppendJSON(b, l.Formats)
		scales[i] = vectors[i].Scale
	}
	b = append(b, ']')
	if l.Scale {
		b = appendFloats(append(b, `,"scales":`...), scales)
	}
	return b
}

// appendFloats appends numbers as a JSON list.
func appendFloats(b []byte, v []float32) []byte {
	vector := encoding.Vector{Float32: v}
	return vector.AppendJSON(b, []encoding.Format{encoding.Float})
}

// Quote returns s as a JSON string.
func Quote(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Plain returns an id as text: a JSON string's content, any other value as it is.
func Plain(id json.RawMessage) string {
	var s string
	if json.Unmarshal(id, &s) == nil {
		return s
	}
	return string(id)
}
