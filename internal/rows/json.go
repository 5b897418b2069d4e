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
	if l.Tokens {
		b = appendTokens(append(b, `,"tokens":`...), r.Vectors)
	} else {
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

// appendTokens appends tokens as a JSON list.
func appendTokens(b []byte, tokens []Token) []byte {
	b = append(b, '[')
	for i, t := range tokens {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,"start":%d,"end":%d,"embedding":`, t.ID, t.Start, t.End)
		v := encoding.Vector{Float32: t.Float32}
		b = append(v.AppendJSON(b, []encoding.Format{encoding.Float}), '}')
	}
	return append(b, ']')
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
