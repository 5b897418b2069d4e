package chattemplate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// A value of a template is nil (none), a bool, an int64, a float64, a string,
// or one of the types below, each like Python's of that name.
type (
	undefined struct{ what string } // what is missing, for errors
	list      struct {
		items []any
		kind  listKind
	}
	// dict keeps the order of its keys, which are scalars. Templates cannot
	// change it.
	dict struct {
		keys, values []any
		index        map[any]int // by hashKey
	}
	namespace struct{ attributes map[string]any }
	// safe is what the filter of that name makes. Templates can print it and
	// join it by ~; what else Python makes of its Markup is an error.
	safe     string
	callable struct {
		name string
		call func(r *run, a args) (any, error)
	}
)

type listKind int

const (
	plainList listKind = iota
	tupleList
	rangeList
	viewList     // of a dict: has a length, no items
	iteratorList // of a filter: is read once, has no length
)

var listNames = [...]string{"list", "tuple", "range", "dict view", "generator"}

func newList(items []any) *list { return &list{items: items} }

// hashKey makes equal keys one: 1, 1.0 and true are.
func hashKey(k any) (any, error) {
	switch k := k.(type) {
	case nil, string, int64:
		return k, nil
	case bool:
		n, _ := toInt(k)
		return n, nil
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<53 {
			return int64(k), nil
		}
		return k, nil
	}
	return nil, fmt.Errorf("%s as the key of a dict", typeName(k))
}

func (d *dict) set(k, v any) error {
	h, err := hashKey(k)
	if err != nil {
		return err
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	if i, ok := d.index[h]; ok {
		d.values[i] = v
		return nil
	}
	d.index[h] = len(d.keys)
	d.keys, d.values = append(d.keys, k), append(d.values, v)
	return nil
}

func (d *dict) get(k any) (any, bool) {
	h, err := hashKey(k)
	if err != nil {
		return nil, false
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case bool:
		return "a bool"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case undefined:
		return v.what + ", which is undefined,"
	case *list:
		return "a " + listNames[v.kind]
	case *dict:
		return "a dict"
	case *namespace:
		return "a namespace"
	case safe:
		return "a safe string"
	}
	return "a function"
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *list:
		return len(v.items) > 0 || v.kind == iteratorList
	case *dict:
		return len(v.keys) > 0
	case safe:
		return v != ""
	}
	return true
}

// toInt returns an integer or a bool as an integer.
func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func toFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := toInt(v)
	return float64(n), ok
}

// str is Python's str: what printing v prints.
func (r *run) str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case undefined:
		return "", nil
	}
	var b strings.Builder
	if err := r.repr(&b, v); err != nil {
		return "", err
	}
	return b.String(), r.charge(b.Len())
}

// repr appends Python's repr of v.
func (r *run) repr(b *strings.Builder, v any) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(formatFloat(v))
	case undefined:
		b.WriteString("Undefined")
	case string:
		quoteString(b, v)
		return r.charge(2 * len(v))
	case *list:
		if v.kind > tupleList {
			return fmt.Errorf("%s printed as text", typeName(v))
		}
		b.WriteString("[("[v.kind : v.kind+1])
		for i, x := range v.items {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := r.repr(b, x); err != nil {
				return err
			}
		}
		if v.kind == tupleList && len(v.items) == 1 {
			b.WriteByte(',')
		}
		b.WriteString("])"[v.kind : v.kind+1])
	case *dict:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := r.repr(b, k); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := r.repr(b, v.values[i]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return fmt.Errorf("%s printed as text", typeName(v))
	}
	return nil
}

// formatFloat is Python's repr of a float.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func quoteString(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, c := range s {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteRune(quote)
}

// items returns what a loop over v runs through; an iterator is empty after.
func (r *run) items(v any) ([]any, error) {
	switch v := v.(type) {
	case undefined:
		return nil, nil
	case string:
		if err := r.charge(len(v) * itemCost); err != nil {
			return nil, err
		}
		var items []any
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	case *list:
		items := v.items
		if v.kind == iteratorList {
			v.items = nil
		}
		return items, r.charge(len(items) * itemCost)
	case *dict:
		return v.keys, r.charge(len(v.keys) * itemCost)
	}
	return nil, fmt.Errorf("%s is not iterable", typeName(v))
}

func (r *run) length(v any) (int64, error) {
	switch v := v.(type) {
	case undefined:
		return 0, nil
	case string:
		return int64(len([]rune(v))), r.charge(4 * len(v))
	case *list:
		if v.kind != iteratorList {
			return int64(len(v.items)), nil
		}
	case *dict:
		return int64(len(v.keys)), nil
	}
	return 0, fmt.Errorf("%s has no length", typeName(v))
}

func (r *run) equal(x, y any) (bool, error) {
	if err := r.enter(); err != nil {
		return false, err
	}
	defer r.leave()
	a, aNumber := toFloat(x)
	b, bNumber := toFloat(y)
	if aNumber && bNumber {
		i, iOK := toInt(x)
		j, jOK := toInt(y)
		return iOK && jOK && i == j || !(iOK && jOK) && a == b, nil
	}
	switch x := x.(type) {
	case string:
		y, ok := y.(string)
		return ok && x == y, r.charge(len(x))
	case undefined:
		_, ok := y.(undefined)
		return ok, nil
	case *list:
		y, ok := y.(*list)
		if ok && x.kind < viewList && x.kind == y.kind && len(x.items) == len(y.items) {
			for i := range x.items {
				if same, err := r.equal(x.items[i], y.items[i]); err != nil || !same {
					return false, err
				}
			}
			return true, nil
		}
		return ok && x == y, nil
	case *dict:
		y, ok := y.(*dict)
		if !ok || len(x.keys) != len(y.keys) {
			return false, nil
		}
		for i, k := range x.keys {
			v, ok := y.get(k)
			if !ok {
				return false, nil
			}
			if same, err := r.equal(x.values[i], v); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	}
	return x == y, nil
}

// order returns a negative number, zero or a positive one, for x below,
// equal to or above y.
func (r *run) order(x, y any) (int, error) {
	if err := r.enter(); err != nil {
		return 0, err
	}
	defer r.leave()
	if s, ok := x.(string); ok {
		if t, ok := y.(string); ok {
			return strings.Compare(s, t), r.charge(len(s))
		}
	}
	a, aOK := toFloat(x)
	b, bOK := toFloat(y)
	if aOK && bOK {
		i, iOK := toInt(x)
		j, jOK := toInt(y)
		switch {
		case iOK && jOK && i != j:
			return 2*b2i(i > j) - 1, nil
		case math.IsNaN(a) || math.IsNaN(b):
			return 0, fmt.Errorf("nan has no order")
		case iOK && jOK || a == b:
			return 0, nil
		}
		return 2*b2i(a > b) - 1, nil
	}
	s, sOK := x.(*list)
	t, tOK := y.(*list)
	if sOK && tOK && s.kind == t.kind && s.kind <= tupleList {
		for i := range min(len(s.items), len(t.items)) {
			if c, err := r.order(s.items[i], t.items[i]); err != nil || c != 0 {
				return c, err
			}
		}
		return len(s.items) - len(t.items), nil
	}
	return 0, fmt.Errorf("%s and %s have no order", typeName(x), typeName(y))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
