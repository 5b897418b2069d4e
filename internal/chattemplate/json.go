package chattemplate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonWriter writes as Python's json.dumps.
type jsonWriter struct {
	strings.Builder
	r               *run
	ascii, sortKeys bool
	indent          string
	multiline       bool
	itemSep, keySep string
}

func toJSON(r *run, v any, a []any) (any, error) {
	w := &jsonWriter{r: r, ascii: truth(a[0]), sortKeys: truth(a[3]), itemSep: ", ", keySep: ": "}
	switch indent := a[1].(type) {
	case nil:
	case string:
		w.indent, w.multiline = indent, true
	default:
		n, ok := toInt(indent)
		if !ok || n > 1000 {
			return nil, fmt.Errorf("indent is %s, expected a string or an integer of at most 1000", typeName(indent))
		}
		w.indent, w.multiline = strings.Repeat(" ", int(max(n, 0))), true
	}
	if w.multiline {
		w.itemSep = ","
	}
	if a[2] != nil {
		seps, ok := a[2].(*list)
		if !ok || len(seps.items) != 2 {
			return nil, fmt.Errorf("separators is %s, expected two strings", typeName(a[2]))
		}
		var itemOK, keyOK bool
		w.itemSep, itemOK = seps.items[0].(string)
		w.keySep, keyOK = seps.items[1].(string)
		if !itemOK || !keyOK {
			return nil, fmt.Errorf("separators are not two strings")
		}
	}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.String(), nil
}

func (w *jsonWriter) value(v any, level int) error {
	if err := w.r.enter(); err != nil {
		return err
	}
	defer w.r.leave()
	switch v := v.(type) {
	case string:
		return w.text(v)
	case *list:
		if v.kind > tupleList {
			break
		}
		return w.container("[]", len(v.items), level, func(i int) error {
			return w.value(v.items[i], level+1)
		})
	case *dict:
		order := make([]any, len(v.keys))
		for i := range order {
			order[i] = i
		}
		if w.sortKeys {
			var err error
			if order, err = w.r.sorted(order, v.keys, false); err != nil {
				return err
			}
		}
		return w.container("{}", len(v.keys), level, func(i int) error {
			i = order[i].(int)
			key, ok := v.keys[i].(string)
			if !ok {
				var err error
				if key, err = w.scalar(v.keys[i]); err != nil {
					return err
				}
			}
			if err := w.text(key); err != nil {
				return err
			}
			w.WriteString(w.keySep)
			return w.value(v.values[i], level+1)
		})
	}
	s, err := w.scalar(v)
	w.WriteString(s)
	return err
}

func (w *jsonWriter) scalar(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN", nil
		case math.IsInf(v, 0):
			return map[bool]string{true: "Infinity", false: "-Infinity"}[v > 0], nil
		}
		return formatFloat(v), nil
	}
	return "", fmt.Errorf("%s has no form in JSON", typeName(v))
}

func (w *jsonWriter) container(brackets string, n, level int, item func(int) error) error {
	newline := func(level int) error {
		if !w.multiline {
			return nil
		}
		if err := w.r.charge(1 + len(w.indent)*level); err != nil {
			return err
		}
		w.WriteString("\n" + strings.Repeat(w.indent, level))
		return nil
	}
	w.WriteByte(brackets[0])
	for i := range n {
		if err := w.r.charge(len(w.itemSep) + len(w.keySep)); err != nil {
			return err
		}
		if i > 0 {
			w.WriteString(w.itemSep)
		}
		if err := newline(level + 1); err != nil {
			return err
		}
		if err := item(i); err != nil {
			return err
		}
	}
	if n > 0 {
		if err := newline(level); err != nil {
			return err
		}
	}
	w.WriteByte(brackets[1])
	return nil
}

func (w *jsonWriter) text(s string) error {
	if err := w.r.charge(2 * len(s)); err != nil {
		return err
	}
	w.WriteByte('"')
	for _, c := range s {
		i := strings.IndexRune("\"\\\n\r\t\b\f", c)
		switch {
		case i >= 0:
			w.WriteByte('\\')
			w.WriteByte("\"\\nrtbf"[i])
		case c < 0x20 || w.ascii && c > 0x7f && c < 0x10000:
			fmt.Fprintf(w, `\u%04x`, c)
		case w.ascii && c >= 0x10000:
			a, b := utf16.EncodeRune(c)
			fmt.Fprintf(w, `\u%04x\u%04x`, a, b)
		default:
			w.WriteRune(c)
		}
	}
	w.WriteByte('"')
	return nil
}
