package rows

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// A Type is what all values of a field of JSON are, for a column of Parquet. Null is of
// every type.
type Type string

const (
	TypeNone    Type = ""        // null alone
	TypeBoolean Type = "boolean" //
	TypeInteger Type = "integer" // of 64 bits
	TypeFloat   Type = "float"   // of 64 bits; integers that it has exactly, too
	TypeInstant Type = "instant" // a string of RFC 3339 with Z, of microseconds at most
	TypeTime    Type = "time"    // the same without Z: a time at no place in particular
	TypeString  Type = "string"
	TypeJSON    Type = "json" // whatever it is, as it stands

	listOfType = "list of " // before the type of its elements, which is none of lists
)

// exactInteger is the largest of the integers that a float of 64 bits has all of.
const exactInteger = 1 << 53

// layoutTime is how times are written; a fraction of a second may follow.
const layoutTime = "2006-01-02T15:04:05"

// typeOf returns the type of a value.
func typeOf(value json.RawMessage) Type {
	switch value[0] {
	case 'n':
		return TypeNone
	case 't', 'f':
		return TypeBoolean
	case '"':
		return typeOfString(value)
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(value, &elements) != nil {
			return TypeJSON
		}
		all := TypeNone
		for _, e := range elements {
			all = all.with(typeOf(e), e)
		}
		if all == TypeJSON || all.element() != all {
			return TypeJSON
		}
		return listOfType + all
	case '{':
		return TypeJSON
	}
	if _, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return TypeInteger
	}
	if _, err := strconv.ParseFloat(string(value), 64); err == nil && strings.ContainsAny(string(value), ".eE") {
		return TypeFloat
	}
	return TypeJSON // a number that is too large
}

// typeOfString returns the type of a string: a time where it is one that can be written
// again as it stands, but for zeros.
func typeOfString(value json.RawMessage) Type {
	const least = len(layoutTime) + len(`""`)
	if n := len(value); n < least || n > least+len(".000000Z") || value[5] != '-' || value[11] != 'T' {
		return TypeString
	}
	text := string(value[1 : len(value)-1])
	if bare, ok := strings.CutSuffix(text, "Z"); ok {
		if _, err := time.Parse(layoutTime, bare); err == nil {
			return TypeInstant
		}
	}
	if _, err := time.Parse(layoutTime, text); err == nil && len(text) <= len(layoutTime)+len(".000000") {
		return TypeTime
	}
	return TypeString
}

// element returns the type of the elements of lists; of another type that itself.
func (t Type) element() Type { return Type(strings.TrimPrefix(string(t), listOfType)) }

// with returns the type of values of t together with a value of another type.
func (t Type) with(other Type, value json.RawMessage) Type {
	if both := t.With(other); both != TypeFloat || other != TypeInteger {
		return both
	}
	if n, _ := strconv.ParseInt(string(value), 10, 64); n < -exactInteger || n > exactInteger {
		return TypeJSON
	}
	return TypeFloat
}

// With returns the type of values of t and of others.
func (t Type) With(other Type) Type {
	switch {
	case t == other || other == TypeNone:
		return t
	case t == TypeNone:
		return other
	case t == TypeJSON || other == TypeJSON:
		return TypeJSON
	case t.element() != t && other.element() != other:
		if both := t.element().With(other.element()); both != TypeJSON {
			return listOfType + both
		}
		return TypeJSON
	case t.oneOf(TypeInteger, TypeFloat) && other.oneOf(TypeInteger, TypeFloat):
		return TypeFloat
	case t.oneOf(TypeString, TypeInstant, TypeTime) && other.oneOf(TypeString, TypeInstant, TypeTime):
		return TypeString
	}
	return TypeJSON
}

func (t Type) oneOf(types ...Type) bool {
	for _, other := range types {
		if t == other {
			return true
		}
	}
	return false
}

// Node returns Parquet's form of a column of the type.
func (t Type) Node() parquet.Node {
	if e := t.element(); e != t && e != TypeNone {
		return parquet.Optional(parquet.List(e.Node()))
	}
	switch t {
	case TypeBoolean:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case TypeInteger:
		return parquet.Optional(parquet.Leaf(parquet.Int64Type))
	case TypeFloat:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case TypeInstant, TypeTime:
		return parquet.Optional(parquet.TimestampAdjusted(parquet.Microsecond, t == TypeInstant))
	case TypeString:
		return parquet.Optional(parquet.String())
	}
	return parquet.Optional(parquet.JSON())
}

// values returns a value in a column of the type.
func (t Type) values(value json.RawMessage) ([]parquet.Value, error) {
	if string(value) == "null" {
		return nil, nil
	}
	e := t.element()
	if e == t || e == TypeNone {
		v, err := t.value(value)
		return []parquet.Value{v.Level(0, 1, 0)}, err
	}
	var elements []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &elements) != nil {
		return nil, t.mismatch(value)
	}
	if len(elements) == 0 {
		return []parquet.Value{parquet.NullValue().Level(0, 1, 0)}, nil
	}
	all := make([]parquet.Value, len(elements))
	for i, element := range elements {
		if string(element) == "null" {
			all[i] = parquet.NullValue().Level(min(i, 1), 2, 0)
			continue
		}
		v, err := e.value(element)
		if err != nil {
			return nil, err
		}
		all[i] = v.Level(min(i, 1), 3, 0)
	}
	return all, nil
}

// value returns a value that is not null and no list.
func (t Type) value(value json.RawMessage) (parquet.Value, error) {
	is := typeOf(value)
	switch {
	case t == TypeJSON || t.element() == TypeNone:
		return parquet.ByteArrayValue(value), nil
	case t != TypeNone.with(is, value).With(t) || t == TypeFloat && TypeFloat.with(is, value) != TypeFloat:
		return parquet.Value{}, t.mismatch(value)
	}
	switch t {
	case TypeBoolean:
		return parquet.BooleanValue(value[0] == 't'), nil
	case TypeInteger:
		n, err := strconv.ParseInt(string(value), 10, 64)
		return parquet.Int64Value(n), err
	case TypeFloat:
		x, err := strconv.ParseFloat(string(value), 64)
		return parquet.DoubleValue(x), err
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return parquet.Value{}, err
	}
	if t == TypeString {
		return parquet.ByteArrayValue([]byte(text)), nil
	}
	at, err := time.Parse(layoutTime, strings.TrimSuffix(text, "Z"))
	return parquet.Int64Value(at.UnixMicro()), err
}

func (t Type) mismatch(value json.RawMessage) error {
	return fmt.Errorf("%.50s: expected %s or null, which the column has elsewhere", value, t)
}
