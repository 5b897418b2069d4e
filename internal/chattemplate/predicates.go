package chattemplate

import "fmt"

// test applies one of the tests of jinja2 3.1's tests.py.
func (r *run) test(name string, v any, a args) (bool, error) {
	if err := r.charge(stepCost); err != nil {
		return false, err
	}
	if op, ok := comparisons[name]; ok {
		values, err := a.bind([]string{"other"})
		if err != nil {
			return false, fmt.Errorf("test %s: %w", name, err)
		}
		return r.compare(op, v, values[0])
	}
	switch name {
	case "divisibleby", "sameas":
		values, err := a.bind([]string{"other"})
		if err != nil {
			return false, fmt.Errorf("test %s: %w", name, err)
		}
		if name == "divisibleby" {
			m, err := r.arithmetic("%", v, values[0])
			return !truth(m), err
		}
		return r.sameAs(v, values[0])
	}
	if _, err := a.bind(nil); err != nil {
		return false, fmt.Errorf("test %s: %w", name, err)
	}
	l, isList := v.(*list)
	switch name {
	case "defined", "undefined":
		_, missing := v.(undefined)
		return missing == (name == "undefined"), nil
	case "none":
		return v == nil, nil
	case "true":
		return v == true, nil
	case "false":
		return v == false, nil
	case "boolean":
		_, ok := v.(bool)
		return ok, nil
	case "integer":
		_, ok := v.(int64)
		return ok, nil
	case "float":
		_, ok := v.(float64)
		return ok, nil
	case "number":
		_, ok := toFloat(v)
		return ok, nil
	case "string":
		_, marked := v.(safe)
		_, ok := v.(string)
		return ok || marked, nil
	case "mapping":
		_, ok := v.(*dict)
		return ok, nil
	case "callable":
		_, ok := v.(*callable)
		return ok, nil
	case "iterable", "sequence":
		switch v.(type) {
		case string, *dict:
			return true, nil
		case undefined:
			return name == "iterable", nil
		}
		return isList && (name == "iterable" || l.kind < viewList), nil
	case "odd", "even":
		m, err := r.arithmetic("%", v, int64(2))
		if err != nil {
			return false, fmt.Errorf("test %s: %s, expected a number", name, typeName(v))
		}
		f, _ := toFloat(m)
		return f == float64(b2i(name == "odd")), nil
	case "upper", "lower":
		s, err := r.str(v)
		if err == nil {
			err = r.charge(8 * len(s))
		}
		return name == "upper" && isUpper(s) || name == "lower" && isLower(s), err
	}
	return false, fmt.Errorf("unknown test %q", name)
}

var comparisons = map[string]string{
	"eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=",
	"gt": ">", "greaterthan": ">", ">": ">", "ge": ">=", ">=": ">=",
	"lt": "<", "lessthan": "<", "<": "<", "le": "<=", "<=": "<=",
	"in": "in",
}

// sameAs is Python's is, for the values that are one object each.
func (r *run) sameAs(x, y any) (bool, error) {
	switch y.(type) {
	case nil, bool, *list, *dict, *namespace, *callable:
		return x == y, nil
	}
	return false, fmt.Errorf("test sameas: %s, expected none, a bool or a list", typeName(y))
}
