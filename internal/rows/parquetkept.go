package rows

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
	"github.com/x448/float16"
)

// A keptColumn is a column of a Parquet file that is carried through: in
// Parquet's form any one, in JSON's form values or lists of values.
type keptColumn struct {
	Column
	leaves []*column
	write  func(dst []byte, v parquet.Value) ([]byte, error) // in JSON's form
}

func (s *parquetSource) newKeptColumn(c *parquet.Column, form Form) (k keptColumn, err error) {
	k.Name = c.Name()
	s.addLeaves(&k, c)
	halves := halvesOf(s.file)
	if form == Parquet {
		k.Node = bare{c, halves}
		return k, nil
	}
	if leaf, _ := listOf(c); leaf != nil && leaf.MaxRepetitionLevel() <= 1 {
		k.write = jsonOf(bare{leaf, halves}.Type())
	}
	if k.write == nil {
		return k, fmt.Errorf("column %q: JSON has no form for its type; keep it in a Parquet output, or drop it", k.Name)
	}
	return k, nil
}

// addLeaves adds the leaves of c.
func (s *parquetSource) addLeaves(k *keptColumn, c *parquet.Column) {
	if c.Leaf() {
		k.leaves = append(k.leaves, s.addLeaf(c, c.MaxDefinitionLevel()))
	}
	for _, part := range c.Columns() {
		s.addLeaves(k, part)
	}
}

// value returns what the row that was read has.
func (k *keptColumn) value() (Value, error) {
	v := Value{Name: k.Name}
	for _, leaf := range k.leaves {
		if k.write == nil {
			if err := leaf.checkTexts(); err != nil {
				return v, err
			}
			v.Parquet = append(v.Parquet, append([]parquet.Value(nil), leaf.values...))
			continue
		}
		var err error
		if v.JSON, err = k.json(leaf); err != nil {
			return v, err
		}
	}
	return v, nil
}

// json returns the values that leaf read last.
func (k *keptColumn) json(leaf *column) (b json.RawMessage, err error) {
	first := leaf.values[0]
	one := func(v parquet.Value) error {
		if v.IsNull() {
			b = append(b, "null"...)
			return nil
		}
		b, err = k.write(b, v)
		return err
	}
	if leaf.leaf.MaxRepetitionLevel() == 0 {
		return b, one(first)
	}
	// Above the element's own level: of a list that is there, and has elements.
	element := leaf.leaf.MaxDefinitionLevel()
	if leaf.leaf.Optional() {
		element--
	}
	switch level := first.DefinitionLevel(); {
	case level >= element:
		for i, v := range leaf.values {
			b = append(b, "[,"[min(i, 1)])
			if err := one(v); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case level == element-1:
		return json.RawMessage("[]"), nil
	}
	return json.RawMessage("null"), nil
}

// jsonOf returns what writes a value of t as JSON, nil where it has no form.
func jsonOf(t parquet.Type) func([]byte, parquet.Value) ([]byte, error) {
	switch l := logicalType(t).(type) {
	case nil:
		return plainJSON(t.Kind())
	case *format.IntType:
		if l.IsSigned {
			return plainJSON(t.Kind())
		}
		return func(b []byte, v parquet.Value) ([]byte, error) {
			if v.Kind() == parquet.Int32 {
				return strconv.AppendUint(b, uint64(v.Uint32()), 10), nil
			}
			return strconv.AppendUint(b, v.Uint64(), 10), nil
		}
	case *format.StringType, *format.EnumType:
		return plainJSON(parquet.ByteArray)
	case *format.JsonType:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			compact, err := json.Marshal(json.RawMessage(v.ByteArray()))
			return append(b, compact...), err
		}
	case *format.Float16Type:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			return appendFloat(b, float64(float16.Frombits(binary.LittleEndian.Uint16(v.ByteArray())).Float32()), 32), nil
		}
	case *format.UUIDType:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			id := v.ByteArray()
			return fmt.Appendf(b, `"%x-%x-%x-%x-%x"`, id[:4], id[4:6], id[6:8], id[8:10], id[10:]), nil
		}
	case *format.TimeType:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			n := v.Int64()
			if v.Kind() == parquet.Int32 {
				n = int64(v.Int32())
			}
			return stamp(n, l.Unit).AppendFormat(b, `"15:04:05.999999999"`), nil
		}
	case *format.DateType:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().AppendFormat(b, `"2006-01-02"`), nil
		}
	case *format.TimestampType:
		layout := `"2006-01-02T15:04:05.999999999"`
		if l.IsAdjustedToUTC {
			layout = `"2006-01-02T15:04:05.999999999Z07:00"`
		}
		return func(b []byte, v parquet.Value) ([]byte, error) {
			return stamp(v.Int64(), l.Unit).AppendFormat(b, layout), nil
		}
	}
	return nil
}

// stamp returns the time at n units after the epoch.
func stamp(n int64, unit format.TimeUnit) time.Time {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(n).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// appendFloat appends x as JSON, as pandas writes it.
func appendFloat(b []byte, x float64, bits int) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, bits)
}

// plainJSON returns what writes a value without a logical type.
func plainJSON(kind parquet.Kind) func([]byte, parquet.Value) ([]byte, error) {
	switch kind {
	case parquet.Boolean:
		return func(b []byte, v parquet.Value) ([]byte, error) { return strconv.AppendBool(b, v.Boolean()), nil }
	case parquet.Int32:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			return strconv.AppendInt(b, int64(v.Int32()), 10), nil
		}
	case parquet.Int64:
		return func(b []byte, v parquet.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int64(), 10), nil }
	case parquet.Float:
		return func(b []byte, v parquet.Value) ([]byte, error) { return appendFloat(b, float64(v.Float()), 32), nil }
	case parquet.Double:
		return func(b []byte, v parquet.Value) ([]byte, error) { return appendFloat(b, v.Double(), 64), nil }
	case parquet.ByteArray:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			if err := checkUTF8(v.ByteArray()); err != nil {
				return nil, fmt.Errorf("%w; JSON has no form for it", err)
			}
			return append(b, Quote(string(v.ByteArray()))...), nil
		}
	case parquet.FixedLenByteArray:
		return func(b []byte, v parquet.Value) ([]byte, error) {
			return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.ByteArray()), '"'), nil
		}
	}
	return nil
}

// halvesOf returns the leaves of a file that have the logical type FLOAT16, which
// their nodes do not tell.
func halvesOf(f *parquet.File) map[string]bool {
	halves, leaf := map[string]bool{}, 0
	for _, e := range f.Metadata().Schema {
		if !e.Type.Valid {
			continue
		}
		if _, ok := e.LogicalType.Value.(*format.Float16Type); ok {
			halves[strings.Join(f.Schema().Columns()[leaf], "\x00")] = true
		}
		leaf++
	}
	return halves
}

// A bare node is another without its encoding and compression.
type bare struct {
	parquet.Node
	halves map[string]bool // the leaves that are of the logical type FLOAT16
}

func (b bare) Type() parquet.Type {
	if c, ok := b.Node.(*parquet.Column); ok && b.halves[strings.Join(c.Path(), "\x00")] {
		return half{c.Type()}
	}
	return b.Node.Type()
}

func (b bare) Encoding() encoding.Encoding { return nil }
func (b bare) Compression() compress.Codec { return nil }

func (b bare) Fields() []parquet.Field {
	all := b.Node.Fields()
	fields := make([]parquet.Field, len(all))
	for i, f := range all {
		fields[i] = field{f.Name(), bare{f, b.halves}}
	}
	return fields
}
