package chattemplate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A filterFunc gets the value before the bar and the arguments, in order.
type filterFunc struct {
	call     func(r *run, v any, a []any) (any, error)
	params   []string
	defaults []any
}

// filters are those of jinja2 3.1's filters.py that templates use, with
// transformers' tojson. It is filled in init as some call filters by name.
var filters map[string]filterFunc

func init() {
	f := func(call func(r *run, v any, a []any) (any, error), params string, defaults ...any) filterFunc {
		return filterFunc{call, strings.Fields(params), defaults}
	}
	ofString := func(change func(string) string) filterFunc {
		return f(func(r *run, v any, _ []any) (any, error) {
			s, err := r.str(v)
			if err != nil {
				return nil, err
			}
			return change(s), r.charge(4 * len(s))
		}, "")
	}
	length := f(func(r *run, v any, _ []any) (any, error) { return r.length(v) }, "")
	orDefault := f(func(_ *run, v any, a []any) (any, error) {
		if _, missing := v.(undefined); missing || truth(a[1]) && !truth(v) {
			return a[0], nil
		}
		return v, nil
	}, "default_value boolean", "", false)
	filters = map[string]filterFunc{
		"abs":        f(absolute, ""),
		"capitalize": ofString(capitalize),
		"count":      length,
		"d":          orDefault,
		"default":    orDefault,
		"dictsort":   f(dictSort, "case_sensitive by reverse", false, "key", false),
		"first":      f(end, ""),
		"float":      f(asFloat, "default", 0.0),
		"indent":     f(indent, "width first blank", int64(4), false, false),
		"int":        f(asInt, "default base", int64(0), int64(10)),
		"items":      f(pairs, ""),
		"join":       f(joinFilter, "d attribute", "", nil),
		"last":       f(end, "from", true),
		"length":     length,
		"list":       f(asList, ""),
		"lower":      ofString(lower),
		"max":        f(extreme(1), "case_sensitive attribute", false, nil),
		"min":        f(extreme(-1), "case_sensitive attribute", false, nil),
		"replace":    f(replaceFilter, "old new count", nil),
		"reverse":    f(reverse, ""),
		"round":      f(round, "precision method", int64(0), "common"),
		"safe": f(func(r *run, v any, _ []any) (any, error) {
			s, err := r.plain(v)
			return safe(s), err
		}, ""),
		"sort":   f(sortFilter, "reverse case_sensitive attribute", false, false, nil),
		"string": ofString(func(s string) string { return s }),
		"sum":    f(sum, "attribute start", nil, int64(0)),
		"tojson": f(toJSON, "ensure_ascii indent separators sort_keys", false, nil, nil, false),
		"trim":   f(trim, "chars", nil),
		"unique": f(unique, "case_sensitive attribute", false, nil),
		"upper":  ofString(upper),
	}
}

// filter applies the filter x to v.
func (r *run) filter(x *filter, v any) (any, error) {
	a, err := r.args(&x.arguments)
	if err != nil {
		return nil, at(x.position(), err)
	}
	v, err = r.applyFilter(x.name, v, a)
	return v, at(x.position(), err)
}

func (r *run) applyFilter(name string, v any, a args) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	var err error
	switch name {
	case "map":
		v, err = r.mapFilter(v, a)
	case "select", "reject", "selectattr", "rejectattr":
		v, err = r.selectFilter(name, v, a)
	default:
		f, ok := filters[name]
		if !ok {
			return nil, fmt.Errorf("unknown filter %q", name)
		}
		var values []any
		if values, err = a.bind(f.params, f.defaults...); err == nil {
			v, err = f.call(r, v, values)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", name, err)
	}
	return v, nil
}

// path follows the attribute of filters: names between dots.
func (r *run) path(v, attribute any) (any, error) {
	if attribute == nil {
		return v, nil
	}
	if n, ok := toInt(attribute); ok {
		return r.item(v, n)
	}
	s, ok := attribute.(string)
	if !ok {
		return nil, fmt.Errorf("attribute is %s, expected a string", typeName(attribute))
	}
	if strings.Contains(s, ",") {
		return nil, fmt.Errorf("several attributes, %q, are not read", s)
	}
	for _, part := range strings.Split(s, ".") {
		var key any = part
		if n, err := strconv.ParseUint(part, 10, 31); err == nil {
			key = int64(n)
		}
		var err error
		if v, err = r.item(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (r *run) mapFilter(v any, a args) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	if len(a.positional) > 0 {
		name, ok := a.positional[0].(string)
		if !ok {
			return nil, fmt.Errorf("%s, expected the name of a filter", typeName(a.positional[0]))
		}
		a.positional = a.positional[1:]
		for i, x := range items {
			if out[i], err = r.applyFilter(name, x, a); err != nil {
				return nil, err
			}
		}
		return &list{out, iteratorList}, nil
	}
	values, err := a.bind([]string{"attribute", "default"}, nil)
	if err != nil {
		return nil, err
	}
	for i, x := range items {
		if err := r.charge(stepCost); err != nil {
			return nil, err
		}
		if out[i], err = r.path(x, values[0]); err != nil {
			return nil, err
		}
		if _, missing := out[i].(undefined); missing && values[1] != nil {
			out[i] = values[1]
		}
	}
	return &list{out, iteratorList}, nil
}

func (r *run) selectFilter(name string, v any, a args) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	var attribute any
	if strings.HasSuffix(name, "attr") {
		if len(a.positional) == 0 {
			return nil, fmt.Errorf("expected an attribute")
		}
		attribute, a.positional = a.positional[0], a.positional[1:]
	}
	keep := strings.HasPrefix(name, "select")
	var test string
	if len(a.positional) > 0 {
		var ok bool
		if test, ok = a.positional[0].(string); !ok {
			return nil, fmt.Errorf("%s, expected the name of a test", typeName(a.positional[0]))
		}
		a.positional = a.positional[1:]
	}
	var out []any
	for _, x := range items {
		y, err := r.path(x, attribute)
		if err != nil {
			return nil, err
		}
		ok := truth(y)
		if test != "" {
			if ok, err = r.test(test, y, a); err != nil {
				return nil, err
			}
		}
		if ok == keep {
			out = append(out, x)
		}
	}
	return &list{out, iteratorList}, nil
}

// end is first, or last where an argument stands.
func end(r *run, v any, a []any) (any, error) {
	if len(a) > 0 {
		if l, ok := v.(*list); ok && l.kind == iteratorList {
			return nil, fmt.Errorf("%s has no last item", typeName(v))
		}
	}
	if l, ok := v.(*list); ok && l.kind == iteratorList && len(l.items) > 0 {
		x := l.items[0]
		l.items = l.items[1:]
		return x, nil
	}
	items, err := r.items(v)
	switch {
	case err != nil:
		return nil, err
	case len(items) == 0:
		return undefined{"an item of an empty sequence"}, nil
	case len(a) > 0:
		return items[len(items)-1], nil
	}
	return items[0], nil
}

func asList(r *run, v any, _ []any) (any, error) {
	items, err := r.items(v)
	return newList(slices.Clone(items)), err
}

func pairs(r *run, v any, _ []any) (any, error) {
	switch v := v.(type) {
	case undefined:
		return &list{nil, iteratorList}, nil
	case *dict:
		return &list{v.pairs(), iteratorList}, r.charge(len(v.keys) * entryCost)
	}
	return nil, fmt.Errorf("%s, expected a dict", typeName(v))
}

func joinFilter(r *run, v any, a []any) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	if a[1] != nil {
		items = slices.Clone(items)
		for i := range items {
			if items[i], err = r.path(items[i], a[1]); err != nil {
				return nil, err
			}
		}
	}
	sep, err := r.str(a[0])
	if err != nil {
		return nil, err
	}
	return r.joined(items, sep)
}

func trim(r *run, v any, a []any) (any, error) {
	s, err := r.str(v)
	if err == nil {
		err = r.charge(2 * len(s))
	}
	if err != nil {
		return nil, err
	}
	return strip(s, "strip", a[0])
}

func replaceFilter(r *run, v any, a []any) (any, error) {
	var s [3]string
	for i, x := range []any{v, a[0], a[1]} {
		var err error
		if s[i], err = r.str(x); err != nil {
			return nil, err
		}
	}
	if a[2] == nil {
		a[2] = int64(-1)
	}
	return r.replace(s[0], s[1], s[2], a[2])
}

func reverse(r *run, v any, _ []any) (any, error) {
	if l, ok := v.(*list); ok && l.kind == iteratorList {
		return nil, fmt.Errorf("%s cannot be reversed", typeName(v))
	}
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := v.(string); ok {
		return r.joined(items, "")
	}
	return &list{items, iteratorList}, nil
}

func indent(r *run, v any, a []any) (any, error) {
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	by, ok := a[0].(string)
	if !ok {
		n, isInt := toInt(a[0])
		if !isInt || n > 1000 {
			return nil, fmt.Errorf("width is %s, expected a string or an integer of at most 1000", typeName(a[0]))
		}
		by = strings.Repeat(" ", int(max(n, 0)))
	}
	if err := r.charge((len(s) + 1) * (1 + min(len(by), math.MaxInt32))); err != nil {
		return nil, err
	}
	lines := splitLines(s + "\n")
	for i := range lines {
		if i == 0 && truth(a[1]) || i > 0 && (lines[i] != "" || truth(a[2])) {
			lines[i] = by + lines[i]
		}
	}
	return strings.Join(lines, "\n"), nil
}
