package chattemplate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

func absolute(_ *run, v any, _ []any) (any, error) {
	if f, ok := v.(float64); ok {
		return math.Abs(f), nil
	}
	n, ok := toInt(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s, expected a number", typeName(v))
	case n == math.MinInt64:
		return nil, errOverflow
	}
	return max(n, -n), nil
}

func asInt(r *run, v any, a []any) (any, error) {
	switch v := v.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined", v.what)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return a[0], nil
		}
		if math.Abs(v) >= 1<<63 {
			return nil, errOverflow
		}
		return int64(v), nil
	case string:
		base, ok := toInt(a[1])
		if !ok || base != 10 {
			return nil, fmt.Errorf("a base other than 10 is not read")
		}
		s := strings.TrimFunc(v, isSpace)
		if err := oddDigits(s); err != nil {
			return nil, err
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		if f, ok := parseFloat(s); ok {
			return asInt(r, f, a)
		}
		return a[0], nil
	}
	if n, ok := toInt(v); ok {
		return n, nil
	}
	return a[0], nil
}

func asFloat(_ *run, v any, a []any) (any, error) {
	if u, ok := v.(undefined); ok {
		return nil, fmt.Errorf("%s is undefined", u.what)
	}
	if f, ok := toFloat(v); ok {
		return f, nil
	}
	if s, ok := v.(string); ok {
		s = strings.TrimFunc(s, isSpace)
		if err := oddDigits(s); err != nil {
			return nil, err
		}
		if f, ok := parseFloat(s); ok {
			return f, nil
		}
	}
	return a[0], nil
}

// oddDigits refuses what Python may read as a number and Go does not:
// underscores between digits and digits beyond ASCII.
func oddDigits(s string) error {
	odd := strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsDigit(r) })
	if odd || strings.Contains(s, "_") && strings.ContainsAny(s, "0123456789") {
		return fmt.Errorf("the number %.40q is not read", s)
	}
	return nil
}

// parseFloat reads a decimal number as Python's float does; Go's hexadecimal
// ones are none.
func parseFloat(s string) (float64, bool) {
	if strings.ContainsAny(s, "xX") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func round(_ *run, v any, a []any) (any, error) {
	precision, ok := toInt(a[0])
	if !ok || precision < 0 || precision > 20 {
		return nil, fmt.Errorf("precision is not an integer from 0 to 20")
	}
	f, ok := toFloat(v)
	if !ok {
		return nil, fmt.Errorf("%s, expected a number", typeName(v))
	}
	if a[1] == "common" {
		if n, ok := toInt(v); ok {
			return n, nil
		}
		return strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
	}
	scale := math.Pow(10, float64(precision))
	switch a[1] {
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	}
	return nil, fmt.Errorf("method is none of common, ceil, floor")
}

func sum(r *run, v any, a []any) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	total := a[1]
	for _, x := range items {
		if x, err = r.path(x, a[0]); err != nil {
			return nil, err
		}
		if total, err = r.arithmetic("+", total, x); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// keys returns what items are sorted by.
func (r *run) keys(items []any, attribute, caseSensitive any) ([]any, error) {
	keys := make([]any, len(items))
	for i, x := range items {
		k, err := r.path(x, attribute)
		if err != nil {
			return nil, err
		}
		if s, ok := k.(string); ok && !truth(caseSensitive) {
			k = lower(s)
			if err := r.charge(4 * len(s)); err != nil {
				return nil, err
			}
		}
		keys[i] = k
	}
	return keys, nil
}

// sorted returns items in the order of keys; equal ones keep theirs.
func (r *run) sorted(items, keys []any, reverse bool) ([]any, error) {
	index := make([]int, len(items))
	for i := range index {
		index[i] = i
	}
	var failed error
	slices.SortStableFunc(index, func(i, j int) int {
		if failed != nil {
			return 0
		}
		c, err := r.order(keys[i], keys[j])
		failed = err
		if reverse {
			c = -c
		}
		return c
	})
	out := make([]any, len(items))
	for i, j := range index {
		out[i] = items[j]
	}
	return out, failed
}

func sortFilter(r *run, v any, a []any) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	keys, err := r.keys(items, a[2], a[1])
	if err != nil {
		return nil, err
	}
	items, err = r.sorted(items, keys, truth(a[0]))
	return newList(items), err
}

func dictSort(r *run, v any, a []any) (any, error) {
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s, expected a dict", typeName(v))
	}
	if err := r.charge(len(d.keys) * entryCost); err != nil {
		return nil, err
	}
	by, ok := map[any]any{"key": int64(0), "value": int64(1)}[a[1]]
	if !ok {
		return nil, fmt.Errorf("by is none of key, value")
	}
	items := d.pairs()
	keys, err := r.keys(items, by, a[0])
	if err != nil {
		return nil, err
	}
	items, err = r.sorted(items, keys, truth(a[2]))
	return newList(items), err
}

// extreme returns min (sign -1) or max (1).
func extreme(sign int) func(r *run, v any, a []any) (any, error) {
	return func(r *run, v any, a []any) (any, error) {
		items, err := r.items(v)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return undefined{"an item of an empty sequence"}, nil
		}
		keys, err := r.keys(items, a[1], a[0])
		if err != nil {
			return nil, err
		}
		best := 0
		for i := range keys {
			c, err := r.order(keys[i], keys[best])
			if err != nil {
				return nil, err
			}
			if c*sign > 0 {
				best = i
			}
		}
		return items[best], nil
	}
}

func unique(r *run, v any, a []any) (any, error) {
	items, err := r.items(v)
	if err != nil {
		return nil, err
	}
	keys, err := r.keys(items, a[1], a[0])
	if err != nil {
		return nil, err
	}
	seen := map[any]bool{}
	var out []any
	for i, k := range keys {
		h, err := hashKey(k)
		if err != nil {
			return nil, err
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, items[i])
		}
	}
	return &list{out, iteratorList}, r.charge(len(out) * entryCost)
}
