package chattemplate

import (
	"fmt"
	"strings"
	"time"
)

// maxRange is the longest range, as in jinja2's sandbox.
const maxRange = 100000

// globals are the functions of jinja2 3.1 and transformers 5.23 that
// templates use.
var globals = map[string]*callable{
	"range":           {"range", rangeOf},
	"dict":            {"dict", func(r *run, a args) (any, error) { return dictOf(r, a) }},
	"namespace":       {"namespace", namespaceOf},
	"raise_exception": {"raise_exception", raise},
	"strftime_now":    {"strftime_now", now},
}

func rangeOf(r *run, a args) (any, error) {
	if len(a.positional) == 0 || len(a.positional) > 3 || len(a.names) > 0 {
		return nil, fmt.Errorf("expected one to three integers")
	}
	bounds := [3]int64{0, 0, 1}
	for i, v := range a.positional {
		n, ok := toInt(v)
		if !ok {
			return nil, fmt.Errorf("%s, expected an integer", typeName(v))
		}
		bounds[i] = n
	}
	if len(a.positional) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		return nil, fmt.Errorf("a step of zero")
	}
	l := &list{kind: rangeList}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(l.items) == maxRange {
			return nil, fmt.Errorf("more than %d numbers", maxRange)
		}
		l.items = append(l.items, i)
		if next := i + step; (next > i) != (step > 0) { // past 64 bits
			break
		}
	}
	return l, r.charge(len(l.items) * itemCost)
}

func dictOf(r *run, a args) (*dict, error) {
	d := &dict{}
	if len(a.positional) > 1 {
		return nil, fmt.Errorf("%d arguments, expected one and names", len(a.positional))
	}
	for _, v := range a.positional {
		from, ok := v.(*dict)
		if !ok {
			return nil, fmt.Errorf("%s, expected a dict", typeName(v))
		}
		for i, k := range from.keys {
			if err := d.set(k, from.values[i]); err != nil {
				return nil, err
			}
		}
	}
	for i, n := range a.names {
		if err := d.set(n, a.named[i]); err != nil {
			return nil, err
		}
	}
	return d, r.charge(len(d.keys) * entryCost)
}

func namespaceOf(r *run, a args) (any, error) {
	d, err := dictOf(r, a)
	if err != nil {
		return nil, err
	}
	ns := &namespace{map[string]any{}}
	for i, k := range d.keys {
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%s, expected a name", typeName(k))
		}
		if err := ns.set(r, name, d.values[i]); err != nil {
			return nil, err
		}
	}
	return ns, nil
}

func raise(r *run, a args) (any, error) {
	values, err := a.bind([]string{"message"})
	if err != nil {
		return nil, err
	}
	s, err := r.str(values[0])
	if err != nil {
		return nil, err
	}
	return nil, &Refusal{s}
}

// layouts are what strftime's directives are in Go's time layouts.
var layouts = map[string]string{
	"Y": "2006", "y": "06", "m": "01", "d": "02", "-d": "2", "-m": "1", "e": "_2", "j": "002",
	"B": "January", "b": "Jan", "h": "Jan", "A": "Monday", "a": "Mon",
	"H": "15", "I": "03", "-I": "3", "M": "04", "S": "05", "p": "PM",
	"F": "2006-01-02", "T": "15:04:05", "D": "01/02/06", "R": "15:04",
}

func now(_ *run, a args) (any, error) {
	values, err := a.bind([]string{"format"})
	if err != nil {
		return nil, err
	}
	s, ok := values[0].(string)
	if !ok {
		return nil, fmt.Errorf("%s, expected a string", typeName(values[0]))
	}
	return strftime(time.Now(), s)
}

func strftime(t time.Time, format string) (any, error) {
	if len(format) > 1000 {
		return nil, fmt.Errorf("a format of %d bytes, expected at most 1000", len(format))
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		directive := format[i+1 : min(i+2, len(format))]
		if directive == "-" {
			directive = format[i+1 : min(i+3, len(format))]
		}
		i += len(directive)
		switch layout, ok := layouts[directive]; {
		case ok:
			b.WriteString(t.Format(layout))
		case directive == "%":
			b.WriteByte('%')
		default:
			return nil, fmt.Errorf("directive %%%s is not read", directive)
		}
	}
	return b.String(), nil
}
