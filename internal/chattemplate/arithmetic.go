package chattemplate

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

var errOverflow = errors.New("an integer of more than 64 bits")

func (r *run) unary(x *unary) (any, error) {
	v, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	if x.op == "not" {
		return !truth(v), nil
	}
	if f, ok := v.(float64); ok {
		if x.op == "-" {
			f = -f
		}
		return f, nil
	}
	n, ok := toInt(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s after %s, expected a number", typeName(v), x.op)
	case x.op == "+":
		return n, nil
	case n == math.MinInt64:
		return nil, errOverflow
	}
	return -n, nil
}

func (r *run) binary(x *binary) (any, error) {
	left, err := r.eval(x.x)
	if err != nil || x.op == "and" && !truth(left) || x.op == "or" && truth(left) {
		return left, err
	}
	right, err := r.eval(x.y)
	if err != nil || x.op == "and" || x.op == "or" {
		return right, err
	}
	if x.op == "~" {
		s, err := r.plain(left)
		if err != nil {
			return nil, err
		}
		t, err := r.plain(right)
		if err != nil {
			return nil, err
		}
		return r.join(s, t)
	}
	v, err := r.arithmetic(x.op, left, right)
	if errors.Is(err, errOperands) {
		err = fmt.Errorf("%s %s %s: %w", typeName(left), x.op, typeName(right), err)
	}
	return v, err
}

var errOperands = errors.New("not defined")

// join is s + t; both are charged before they are copied.
func (r *run) join(s, t string) (any, error) {
	if err := r.charge(len(s) + len(t)); err != nil {
		return nil, err
	}
	return s + t, nil
}

func (r *run) arithmetic(op string, x, y any) (any, error) {
	a, aInt := toInt(x)
	b, bInt := toInt(y)
	if aInt && bInt {
		return integers(op, a, b)
	}
	f, fOK := toFloat(x)
	g, gOK := toFloat(y)
	if fOK && gOK {
		return floats(op, f, g)
	}
	s, sOK := x.(string)
	t, tOK := y.(string)
	l, lOK := x.(*list)
	m, mOK := y.(*list)
	switch {
	case op == "+" && sOK && tOK:
		return r.join(s, t)
	case op == "+" && lOK && mOK && l.kind == m.kind && l.kind <= tupleList:
		if err := r.charge((len(l.items) + len(m.items)) * itemCost); err != nil {
			return nil, err
		}
		return &list{append(l.items[:len(l.items):len(l.items)], m.items...), l.kind}, nil
	case op == "*" && sOK && bInt:
		return r.repeat(s, b)
	case op == "*" && tOK && aInt:
		return r.repeat(t, a)
	case op == "*" && lOK && bInt && l.kind <= tupleList:
		return r.repeatList(l, b)
	}
	return nil, errOperands
}

func (r *run) repeat(s string, n int64) (any, error) {
	if n <= 0 || s == "" {
		return "", nil
	}
	if n > int64(r.left) {
		return nil, r.charge(r.left + 1)
	}
	if err := r.charge(len(s) * int(n)); err != nil {
		return nil, err
	}
	return strings.Repeat(s, int(n)), nil
}

func (r *run) repeatList(l *list, n int64) (any, error) {
	out := &list{kind: l.kind}
	for ; n > 0 && len(l.items) > 0; n-- {
		if err := r.charge(len(l.items) * itemCost); err != nil {
			return nil, err
		}
		out.items = append(out.items, l.items...)
	}
	return out, nil
}

func integers(op string, a, b int64) (any, error) {
	switch op {
	case "+":
		if c := a + b; (c > a) == (b > 0) {
			return c, nil
		}
		return nil, errOverflow
	case "-":
		if c := a - b; (c < a) == (b > 0) {
			return c, nil
		}
		return nil, errOverflow
	case "*":
		return multiply(a, b)
	case "**":
		if b < 0 {
			return floats(op, float64(a), float64(b))
		}
		switch {
		case b == 0, a == 1, a == -1 && b%2 == 0:
			return int64(1), nil
		case a == 0, a == -1:
			return a, nil
		}
		c := a
		for ; b > 1; b-- { // at most 62 times
			v, err := multiply(c, a)
			if err != nil {
				return nil, err
			}
			c = v.(int64)
		}
		return c, nil
	}
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	if b == -1 && op != "/" { // the one quotient that may not fit
		if op == "%" {
			return int64(0), nil
		}
		return multiply(a, b)
	}
	q, m := a/b, a%b
	if m != 0 && (m < 0) != (b < 0) { // Python rounds down
		q, m = q-1, m+b
	}
	switch op {
	case "/":
		return float64(a) / float64(b), nil
	case "//":
		return q, nil
	}
	return m, nil
}

func multiply(a, b int64) (any, error) {
	c := a * b
	if a != 0 && (c/a != b || a == -1 && b == math.MinInt64) {
		return nil, errOverflow
	}
	return c, nil
}

func floats(op string, a, b float64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		c := math.Pow(a, b)
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return nil, fmt.Errorf("%v ** %v is no finite number", a, b)
		}
		return c, nil
	}
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	switch op {
	case "/":
		return a / b, nil
	case "//":
		return math.Floor((a - m) / b), nil
	}
	return m, nil
}
