package chattemplate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// method makes a function of positional arguments, the last of which may be
// left out where defaults stand for them.
func method(name string, params int, f func(r *run, a []any) (any, error), defaults ...any) (any, bool, error) {
	names := make([]string, params) // without a name: by position alone
	return &callable{name, func(r *run, a args) (any, error) {
		values, err := a.bind(names, defaults...)
		if err != nil {
			return nil, err
		}
		return f(r, values)
	}}, true, nil
}

func dictMethod(d *dict, name string) (any, bool, error) {
	view := func(items func() []any) (any, bool, error) {
		return method(name, 0, func(r *run, _ []any) (any, error) {
			return &list{items(), viewList}, r.charge(len(d.keys) * entryCost)
		})
	}
	switch name {
	case "items":
		return view(d.pairs)
	case "keys":
		return view(func() []any { return d.keys })
	case "values":
		return view(func() []any { return d.values })
	case "get":
		return method(name, 2, func(_ *run, a []any) (any, error) {
			if _, err := hashKey(a[0]); err != nil {
				return nil, err
			}
			if v, ok := d.get(a[0]); ok {
				return v, nil
			}
			return a[1], nil
		}, nil)
	case "copy":
		return method(name, 0, func(_ *run, _ []any) (any, error) { return d, nil })
	case "clear", "fromkeys", "pop", "popitem", "setdefault", "update":
		return nil, false, fmt.Errorf("a dict's %s is not for templates", name)
	}
	return nil, false, nil
}

func (d *dict) pairs() []any {
	pairs := make([]any, len(d.keys))
	for i, k := range d.keys {
		pairs[i] = &list{[]any{k, d.values[i]}, tupleList}
	}
	return pairs
}

func listMethod(l *list, name string) (any, bool, error) {
	if l.kind >= viewList {
		return nil, false, nil
	}
	search := func(found func(indices []int) (any, error)) (any, bool, error) {
		return method(name, 1, func(r *run, a []any) (any, error) {
			var at []int
			for i, x := range l.items {
				same, err := r.equal(x, a[0])
				if err != nil {
					return nil, err
				}
				if same {
					at = append(at, i)
				}
			}
			return found(at)
		})
	}
	switch name {
	case "index":
		return search(func(at []int) (any, error) {
			if at == nil {
				return nil, fmt.Errorf("not in the list")
			}
			return int64(at[0]), nil
		})
	case "count":
		return search(func(at []int) (any, error) { return int64(len(at)), nil })
	case "append", "clear", "copy", "extend", "insert", "pop", "remove", "reverse", "sort":
		return nil, false, fmt.Errorf("a list's %s is not for templates", name)
	}
	return nil, false, nil
}

// stringMethod returns a method of Python's str that templates use; the other
// ones are errors.
func stringMethod(s, name string) (any, bool, error) {
	// bound makes a method of strings that looks at s as often as it has
	// arguments; none is the default of those left out.
	bound := func(params int, f func(a []any) (any, error), defaults ...any) (any, bool, error) {
		return method(name, params, func(r *run, a []any) (any, error) {
			n := 8 * len(s)
			for _, x := range a {
				if t, ok := x.(string); ok {
					n += 8 * len(t)
				}
			}
			if err := r.charge(n); err != nil {
				return nil, err
			}
			return f(a)
		}, defaults...)
	}
	check := func(f func(string) bool) (any, bool, error) {
		return bound(0, func([]any) (any, error) { return f(s), nil })
	}
	change := func(f func(string) string) (any, bool, error) {
		return bound(0, func([]any) (any, error) { return f(s), nil })
	}
	with := func(f func(t string) (any, error)) (any, bool, error) {
		return bound(1, func(a []any) (any, error) {
			t, ok := a[0].(string)
			if !ok {
				return nil, fmt.Errorf("%s, expected a string", typeName(a[0]))
			}
			return f(t)
		})
	}
	switch name {
	case "strip", "lstrip", "rstrip":
		return bound(1, func(a []any) (any, error) { return strip(s, name, a[0]) }, nil)
	case "split", "rsplit":
		return splitMethod(s, name)
	case "splitlines":
		return method(name, 0, func(r *run, _ []any) (any, error) {
			return stringList(splitLines(s)), r.charge(itemCost * len(s))
		})
	case "partition", "rpartition":
		return with(func(t string) (any, error) { return partition(s, t, name == "rpartition") })
	case "startswith", "endswith":
		return bound(1, func(a []any) (any, error) { return affix(s, name, a[0]) })
	case "removeprefix":
		return with(func(t string) (any, error) { return strings.TrimPrefix(s, t), nil })
	case "removesuffix":
		return with(func(t string) (any, error) { return strings.TrimSuffix(s, t), nil })
	case "find", "rfind", "index", "rindex":
		return with(func(t string) (any, error) {
			i := strings.Index(s, t)
			if name[0] == 'r' {
				i = strings.LastIndex(s, t)
			}
			if i < 0 && strings.HasSuffix(name, "index") {
				return nil, fmt.Errorf("not in the string")
			}
			return int64(len([]rune(s[:max(i, 0)]))) - int64(b2i(i < 0)), nil
		})
	case "count":
		return with(func(t string) (any, error) { return int64(strings.Count(s, t)), nil })
	case "replace":
		return method(name, 3, func(r *run, a []any) (any, error) { return r.replace(s, a[0], a[1], a[2]) }, int64(-1))
	case "join":
		return method(name, 1, func(r *run, a []any) (any, error) {
			items, err := r.items(a[0])
			if err != nil {
				return nil, err
			}
			for _, x := range items {
				if _, ok := x.(string); !ok {
					return nil, fmt.Errorf("%s, expected strings", typeName(x))
				}
			}
			return r.joined(items, s)
		})
	case "upper":
		return change(upper)
	case "lower":
		return change(lower)
	case "capitalize":
		return change(capitalize)
	case "isspace":
		return check(every(isSpace))
	case "isdecimal":
		return check(every(unicode.IsDigit))
	case "isdigit":
		if strings.IndexFunc(s, func(r rune) bool { return unicode.Is(unicode.No, r) }) >= 0 {
			return nil, false, fmt.Errorf("isdigit of a number such as ² is not read")
		}
		return check(every(unicode.IsDigit))
	case "isalpha":
		return check(every(unicode.IsLetter))
	case "isalnum":
		return check(every(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }))
	case "isupper":
		return check(func(s string) bool { return isUpper(s) })
	case "islower":
		return check(func(s string) bool { return isLower(s) })
	}
	if slices.Contains(otherStringMethods, name) {
		return nil, false, fmt.Errorf("a string's %s is not read", name)
	}
	return nil, false, nil
}

var otherStringMethods = strings.Fields(`casefold center encode expandtabs format format_map isascii isidentifier isnumeric
	isprintable istitle ljust maketrans rjust swapcase title translate zfill`)

func every(f func(rune) bool) func(string) bool {
	return func(s string) bool {
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !f(r) }) < 0
	}
}

func upper(s string) string { return cases.Upper(language.Und).String(s) }
func lower(s string) string { return cases.Lower(language.Und).String(s) }

func capitalize(s string) string {
	for _, c := range s {
		first := string(c)
		return cases.Title(language.Und, cases.NoLower).String(first) + lower(s)[len(lower(first)):]
	}
	return ""
}

func isUpper(s string) bool { return s == upper(s) && s != lower(s) }
func isLower(s string) bool { return s == lower(s) && s != upper(s) }

func strip(s, name string, chars any) (any, error) {
	in := isSpace
	if chars != nil {
		t, ok := chars.(string)
		if !ok {
			return nil, fmt.Errorf("%s, expected a string", typeName(chars))
		}
		set := map[rune]bool{}
		for _, c := range t {
			set[c] = true
		}
		in = func(r rune) bool { return set[r] }
	}
	if name != "rstrip" {
		s = strings.TrimLeftFunc(s, in)
	}
	if name != "lstrip" {
		s = strings.TrimRightFunc(s, in)
	}
	return s, nil
}

func affix(s, name string, v any) (any, error) {
	has := strings.HasPrefix
	if name == "endswith" {
		has = strings.HasSuffix
	}
	if t, ok := v.(string); ok {
		return has(s, t), nil
	}
	l, ok := v.(*list)
	if !ok || l.kind != tupleList {
		return nil, fmt.Errorf("%s, expected a string or a tuple of them", typeName(v))
	}
	found := false
	for _, x := range l.items {
		t, ok := x.(string)
		if !ok {
			return nil, fmt.Errorf("%s, expected a string", typeName(x))
		}
		found = found || has(s, t)
	}
	return found, nil
}

func partition(s, sep string, last bool) (any, error) {
	i := strings.Index(s, sep)
	if last {
		i = strings.LastIndex(s, sep)
	}
	parts := []any{s, "", ""}
	switch {
	case sep == "":
		return nil, fmt.Errorf("an empty separator")
	case i >= 0:
		parts = []any{s[:i], sep, s[i+len(sep):]}
	case last:
		parts = []any{"", "", s}
	}
	return &list{parts, tupleList}, nil
}

func stringList(parts []string) *list {
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return newList(items)
}

func splitMethod(s, name string) (any, bool, error) {
	return &callable{name, func(r *run, a args) (any, error) {
		v, err := a.bind([]string{"sep", "maxsplit"}, nil, int64(-1))
		if err != nil {
			return nil, err
		}
		limit, ok := toInt(v[1])
		sep, isString := v[0].(string)
		if !ok || !isString && v[0] != nil || isString && sep == "" {
			return nil, fmt.Errorf("expected a separator and how often to split")
		}
		if err := r.charge((len(s) + 1) * itemCost); err != nil {
			return nil, err
		}
		n := len(s)
		if limit >= 0 && limit < int64(n) {
			n = int(limit)
		}
		return stringList(split(s, sep, n, name == "rsplit")), nil
	}}, true, nil
}

// split cuts s at most n times, at sep or, where that is empty, at space.
func split(s, sep string, n int, right bool) []string {
	var parts []string
	if sep != "" {
		if !right {
			return strings.SplitN(s, sep, n+1)
		}
		for ; n > 0 && strings.Contains(s, sep); n-- {
			i := strings.LastIndex(s, sep)
			parts = append(parts, s[i+len(sep):])
			s = s[:i]
		}
		parts = append(parts, s)
		slices.Reverse(parts)
		return parts
	}
	for {
		if right {
			s = strings.TrimRightFunc(s, isSpace)
		} else {
			s = strings.TrimLeftFunc(s, isSpace)
		}
		if s == "" {
			break
		}
		i, j := strings.IndexFunc(s, isSpace), 0
		if right {
			j = strings.LastIndexFunc(s, isSpace)
			i = j
		}
		switch {
		case len(parts) == n || i < 0:
			parts, s = append(parts, s), ""
		case right:
			_, size := utf8.DecodeRuneInString(s[j:])
			parts, s = append(parts, s[j+size:]), s[:j]
		default:
			parts, s = append(parts, s[:i]), s[i:]
		}
	}
	if right {
		slices.Reverse(parts)
	}
	return parts
}

// splitLines is Python's str.splitlines.
func splitLines(s string) []string {
	var lines []string
	start := 0
	for i, c := range s {
		if i < start { // the second half of \r\n
			continue
		}
		size := 0
		switch c {
		case '\r':
			size = 1
			if strings.HasPrefix(s[i+1:], "\n") {
				size = 2
			}
		case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e:
			size = 1
		case 0x85:
			size = 2
		case 0x2028, 0x2029:
			size = 3
		}
		if size > 0 {
			lines = append(lines, s[start:i])
			start = i + size
		}
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

func (r *run) replace(s string, from, to, count any) (any, error) {
	old, fromOK := from.(string)
	new, toOK := to.(string)
	n, ok := toInt(count)
	if !fromOK || !toOK || !ok {
		return nil, fmt.Errorf("expected two strings and a count")
	}
	times := strings.Count(s, old)
	if n >= 0 && n < int64(times) {
		times = int(n)
	}
	if err := r.charge(2*len(s) + len(old) + min(times, r.left+1)*min(len(new), r.left+1)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, new, times), nil
}

// joined is the strings of items with sep between them.
func (r *run) joined(items []any, sep string) (any, error) {
	var b strings.Builder
	for i, x := range items {
		t, err := r.str(x)
		if err == nil {
			err = r.charge(len(t) + len(sep))
		}
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(t)
	}
	return b.String(), nil
}
