package chattemplate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// args are the values of the arguments of a call, by position and by name.
type args struct {
	positional []any
	names      []string
	named      []any
}

// bind returns the arguments for params in order, the rest from defaults,
// which stand for the last of params.
func (a args) bind(params []string, defaults ...any) ([]any, error) {
	if len(a.positional) > len(params) {
		return nil, fmt.Errorf("%d arguments, expected at most %d", len(a.positional), len(params))
	}
	values := slices.Clone(a.positional)
	for i := len(values); i < len(params); i++ {
		d := i - (len(params) - len(defaults))
		switch n := slices.Index(a.names, params[i]); {
		case n >= 0:
			values = append(values, a.named[n])
		case d >= 0:
			values = append(values, defaults[d])
		default:
			return nil, fmt.Errorf("%d arguments, expected %d or more", len(a.positional), len(params)-len(defaults))
		}
	}
	for _, n := range a.names {
		if i := slices.Index(params, n); i < len(a.positional) {
			return nil, fmt.Errorf("unexpected argument %q", n)
		}
	}
	return values, nil
}

func (r *run) args(a *arguments) (args, error) {
	positional, err := r.evalAll(a.positional)
	if err != nil {
		return args{}, err
	}
	named, err := r.evalAll(a.named)
	return args{positional, a.names, named}, err
}

func (r *run) evalAll(xs []expr) ([]any, error) {
	if len(xs) == 0 {
		return nil, nil
	}
	if err := r.charge(len(xs) * itemCost); err != nil {
		return nil, err
	}
	values := make([]any, len(xs))
	for i, x := range xs {
		var err error
		if values[i], err = r.eval(x); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (r *run) eval(x expr) (any, error) {
	if err := r.enter(); err != nil {
		return nil, at(x.position(), err)
	}
	v, err := r.evaluate(x)
	r.leave()
	return v, at(x.position(), err)
}

func (r *run) evaluate(x expr) (any, error) {
	switch x := x.(type) {
	case *constant:
		return x.value, nil
	case *variable:
		if v, ok := r.scope.get(x.name); ok {
			return v, nil
		}
		if g, ok := globals[x.name]; ok {
			return g, nil
		}
		switch x.name {
		case "cycler", "joiner", "lipsum", "self":
			return nil, fmt.Errorf("%s is not read", x.name)
		}
		return undefined{x.name}, nil
	case *sequence:
		items, err := r.evalAll(x.items)
		l := newList(items)
		if x.tuple {
			l.kind = tupleList
		}
		return l, err
	case *mapping:
		d := &dict{}
		for i := range x.keys {
			k, err := r.eval(x.keys[i])
			if err != nil {
				return nil, err
			}
			v, err := r.eval(x.values[i])
			if err != nil {
				return nil, err
			}
			if err := d.set(k, v); err != nil {
				return nil, err
			}
		}
		return d, r.charge(len(d.keys) * entryCost)
	case *attribute:
		of, err := r.eval(x.of)
		if err != nil {
			return nil, err
		}
		return r.attribute(of, x.name)
	case *item:
		of, err := r.eval(x.of)
		if err != nil {
			return nil, err
		}
		key, err := r.eval(x.key)
		if err != nil {
			return nil, err
		}
		return r.item(of, key)
	case *slice:
		return r.slice(x)
	case *unary:
		return r.unary(x)
	case *binary:
		return r.binary(x)
	case *comparison:
		return r.comparison(x)
	case *conditional:
		v, err := r.eval(x.test)
		switch {
		case err != nil:
			return nil, err
		case truth(v):
			return r.eval(x.then)
		case x.otherwise == nil:
			return undefined{"the else of an inline if"}, nil
		}
		return r.eval(x.otherwise)
	case *call:
		return r.call(x, nil)
	case *filter:
		v, err := r.eval(x.of)
		if err != nil {
			return nil, err
		}
		return r.filter(x, v)
	case *test:
		v, err := r.eval(x.of)
		if err != nil {
			return nil, err
		}
		a, err := r.args(&x.arguments)
		if err != nil {
			return nil, err
		}
		return r.test(x.name, v, a)
	}
	panic(fmt.Sprintf("expression %T", x))
}

// call calls, with a macro as the argument caller where that is not nil.
func (r *run) call(x *call, caller *callable) (any, error) {
	of, err := r.eval(x.of)
	if err != nil {
		return nil, err
	}
	f, ok := of.(*callable)
	if !ok {
		return nil, fmt.Errorf("%s is called, which is no function", typeName(of))
	}
	a, err := r.args(&x.arguments)
	if err != nil {
		return nil, err
	}
	if caller != nil {
		a.names, a.named = append(slices.Clone(a.names), "caller"), append(a.named, caller)
	}
	v, err := f.call(r, a)
	if err != nil && !errors.As(err, new(*lineError)) {
		err = fmt.Errorf("%s: %w", f.name, err)
	}
	return v, err
}

// attribute is of.name.
func (r *run) attribute(of any, name string) (any, error) {
	if u, ok := of.(undefined); ok {
		return nil, fmt.Errorf("%s is undefined, so it has no %q", u.what, name)
	}
	if v, ok, err := own(of, name); ok || err != nil {
		return v, err
	}
	if d, ok := of.(*dict); ok {
		if v, ok := d.get(name); ok {
			return v, nil
		}
	}
	return undefined{fmt.Sprintf("%q of %s", name, typeName(of))}, nil
}

// own returns the attribute that Python's type of the value has.
func own(of any, name string) (v any, ok bool, err error) {
	if strings.HasPrefix(name, "__") {
		return nil, false, fmt.Errorf("attribute %q is not for templates", name)
	}
	switch of := of.(type) {
	case string:
		v, ok, err = stringMethod(of, name)
	case *dict:
		v, ok, err = dictMethod(of, name)
	case *list:
		v, ok, err = listMethod(of, name)
	case *namespace:
		v, ok = of.attributes[name]
	case *loop:
		v, ok = of.attribute(name)
	}
	return v, ok, err
}

// item is of[key].
func (r *run) item(of, key any) (any, error) {
	var items []any
	switch of := of.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined, so it has no items", of.what)
	case *dict:
		if v, ok := of.get(key); ok {
			return v, nil
		}
	case *list:
		if of.kind < viewList {
			items = of.items
		}
	case string:
		if i, ok := toInt(key); ok {
			rs := []rune(of)
			if i < 0 {
				i += int64(len(rs))
			}
			if i >= 0 && i < int64(len(rs)) {
				return string(rs[i]), r.charge(4 * len(of))
			}
			return undefined{fmt.Sprintf("character %v of a string", key)}, r.charge(4 * len(of))
		}
	}
	if i, ok := toInt(key); ok {
		if i < 0 {
			i += int64(len(items))
		}
		if i >= 0 && i < int64(len(items)) {
			return items[i], nil
		}
	}
	if name, ok := key.(string); ok {
		if v, ok, err := own(of, name); ok || err != nil {
			return v, err
		}
	}
	if s, ok := key.(string); ok {
		key = fmt.Sprintf("%.40q", s)
	} else if _, scalar := toFloat(key); !scalar {
		key = typeName(key)
	}
	return undefined{fmt.Sprintf("item %v of %s", key, typeName(of))}, nil
}

func (r *run) slice(x *slice) (any, error) {
	parts := [4]any{}
	for i, p := range []expr{x.of, x.start, x.stop, x.step} {
		if p == nil {
			continue
		}
		var err error
		if parts[i], err = r.eval(p); err != nil {
			return nil, err
		}
	}
	var n int
	var runes []rune
	of, isList := parts[0].(*list)
	s, isString := parts[0].(string)
	switch {
	case isList && of.kind < viewList:
		n = len(of.items)
	case isString:
		if err := r.charge(8 * len(s)); err != nil {
			return nil, err
		}
		runes = []rune(s)
		n = len(runes)
	default:
		if u, ok := parts[0].(undefined); ok {
			return nil, fmt.Errorf("%s is undefined, so it has no items", u.what)
		}
		return undefined{"a slice of " + typeName(parts[0])}, nil
	}
	indices, err := sliceIndices(n, parts[1], parts[2], parts[3])
	if err != nil {
		return nil, err
	}
	if isString {
		out := make([]rune, len(indices))
		for i, j := range indices {
			out[i] = runes[j]
		}
		return string(out), nil
	}
	items := make([]any, len(indices))
	for i, j := range indices {
		items[i] = of.items[j]
	}
	return &list{items, of.kind}, r.charge(len(items) * itemCost)
}

// sliceIndices returns the indices that Python's slice takes of n items.
func sliceIndices(n int, start, stop, step any) ([]int, error) {
	by := int64(1)
	if step != nil {
		s, ok := toInt(step)
		if !ok || s == 0 {
			return nil, fmt.Errorf("a slice's step is %s, expected an integer other than zero", typeName(step))
		}
		by = max(min(s, math.MaxInt32), -math.MaxInt32)
	}
	low, high := int64(0), int64(n)
	if by < 0 {
		low, high = -1, int64(n)-1
	}
	bound := func(v any, missing int64) (int64, error) {
		if v == nil {
			return missing, nil
		}
		i, ok := toInt(v)
		if !ok {
			return 0, fmt.Errorf("a slice's bound is %s, expected an integer", typeName(v))
		}
		if i < 0 {
			i += int64(n)
		}
		return max(min(i, high), low), nil
	}
	first, last := low, high
	if by < 0 {
		first, last = high, low
	}
	from, err := bound(start, first)
	if err != nil {
		return nil, err
	}
	to, err := bound(stop, last)
	if err != nil {
		return nil, err
	}
	var indices []int
	for i := from; by > 0 && i < to || by < 0 && i > to; i += by {
		indices = append(indices, int(i))
	}
	return indices, nil
}

func (r *run) comparison(x *comparison) (any, error) {
	left, err := r.eval(x.first)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		right, err := r.eval(x.rest[i])
		if err != nil {
			return nil, err
		}
		ok, err := r.compare(op, left, right)
		if err != nil || !ok {
			return false, err
		}
		left = right
	}
	return true, nil
}

func (r *run) compare(op string, x, y any) (bool, error) {
	switch op {
	case "==":
		return r.equal(x, y)
	case "!=":
		same, err := r.equal(x, y)
		return !same, err
	case "in":
		return r.contains(y, x)
	case "not in":
		has, err := r.contains(y, x)
		return !has, err
	}
	c, err := r.order(x, y)
	switch op {
	case "<":
		return c < 0, err
	case "<=":
		return c <= 0, err
	case ">":
		return c > 0, err
	}
	return c >= 0, err
}

func (r *run) contains(in, v any) (bool, error) {
	switch in := in.(type) {
	case string:
		s, ok := v.(string)
		if !ok {
			return false, fmt.Errorf("%s in a string, expected a string", typeName(v))
		}
		return strings.Contains(in, s), r.charge(len(in) + len(s))
	case *dict:
		if _, err := hashKey(v); err != nil {
			return false, err
		}
		_, ok := in.get(v)
		return ok, nil
	}
	items, err := r.items(in)
	if err != nil {
		return false, err
	}
	for _, x := range items {
		if same, err := r.equal(x, v); err != nil || same {
			return same, err
		}
	}
	return false, nil
}
