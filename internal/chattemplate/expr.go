package chattemplate

import (
	"fmt"
	"slices"
	"strconv"
)

// The grammar is that of jinja2 3.1's parser.py, function by function.

func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, err := p.or()
	for err == nil && p.isName("if") {
		c := &conditional{line: p.next().at(), then: x}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.isName("else") {
			p.next()
			c.otherwise, err = p.expression()
		}
		x = c
	}
	return x, err
}

func (p *parser) or() (expr, error)  { return p.leftAssociative(p.and, true, "or") }
func (p *parser) and() (expr, error) { return p.leftAssociative(p.not, true, "and") }

func (p *parser) sum() (expr, error)    { return p.leftAssociative(p.concat, false, "+", "-") }
func (p *parser) concat() (expr, error) { return p.leftAssociative(p.product, false, "~") }
func (p *parser) product() (expr, error) {
	return p.leftAssociative(p.power, false, "*", "/", "//", "%")
}
func (p *parser) power() (expr, error) {
	return p.leftAssociative(func() (expr, error) { return p.unary(true) }, false, "**")
}

func (p *parser) leftAssociative(operand func() (expr, error), word bool, ops ...string) (expr, error) {
	x, err := operand()
	for err == nil {
		t := p.peek()
		if word != (t.kind == name) || !word && t.kind != operator || !slices.Contains(ops, t.value) {
			break
		}
		p.next()
		b := &binary{line: t.at(), op: t.value, x: x}
		b.y, err = operand()
		x = b
	}
	return x, err
}

func (p *parser) not() (expr, error) {
	if !p.isName("not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	u := &unary{line: p.next().at(), op: "not"}
	var err error
	u.x, err = p.not()
	return u, err
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &comparison{line: line(first.position()), first: first}
	for {
		op := ""
		switch t := p.peek(); {
		case t.kind == operator && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.value),
			t.kind == name && t.value == "in":
			op = t.value
		case t.kind == name && t.value == "not" && p.tokens[p.pos+1].kind == name && p.tokens[p.pos+1].value == "in":
			p.next()
			op = "not in"
		}
		if op == "" {
			break
		}
		p.next()
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, y)
	}
	if len(c.ops) == 0 {
		return first, nil
	}
	return c, nil
}

func (p *parser) unary(filters bool) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var x expr
	var err error
	if p.isOp("-") || p.isOp("+") {
		u := &unary{line: p.peek().at(), op: p.next().value}
		u.x, err = p.unary(false)
		x = u
	} else {
		x, err = p.primary()
	}
	if err != nil {
		return nil, err
	}
	if x, err = p.postfix(x); err != nil || !filters {
		return x, err
	}
	for {
		switch {
		case p.isOp("|"):
			p.next()
			var f *filter
			if f, err = p.filter(x); err == nil {
				x = f
			}
		case p.isName("is"):
			x, err = p.test(x)
		case p.isOp("("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) primary() (expr, error) {
	t := p.next()
	switch t.kind {
	case name:
		switch t.value {
		case "true", "True":
			return &constant{t.at(), true}, nil
		case "false", "False":
			return &constant{t.at(), false}, nil
		case "none", "None":
			return &constant{t.at(), nil}, nil
		case "varargs", "kwargs":
			if p.macros > 0 {
				return nil, at(t.line, fmt.Errorf("%s of a macro are not read", t.value))
			}
		}
		return &variable{t.at(), t.value}, nil
	case text:
		s := t.value
		for p.peek().kind == text {
			s += p.next().value
		}
		return &constant{t.at(), s}, nil
	case integer:
		if len(t.value) > 1 && t.value[0] == '0' && t.value[1] >= '0' && t.value[1] <= '9' {
			return nil, at(t.line, fmt.Errorf("number %s with a zero before it", t.value))
		}
		n, err := strconv.ParseInt(t.value, 0, 64)
		if err != nil {
			return nil, at(t.line, fmt.Errorf("number %.40s, expected one of 64 bits", t.value))
		}
		return &constant{t.at(), n}, nil
	case float:
		f, err := strconv.ParseFloat(t.value, 64)
		if err != nil {
			return nil, at(t.line, fmt.Errorf("number %.40s is out of range", t.value))
		}
		return &constant{t.at(), f}, nil
	}
	if t.kind == operator {
		switch t.value {
		case "(":
			if p.isOp(")") {
				p.next()
				return &sequence{line: t.at(), tuple: true}, nil
			}
			x, err := p.tuple(p.expression)
			if err != nil {
				return nil, err
			}
			return x, p.expectOp(")")
		case "[":
			items, err := p.items("]")
			return &sequence{line: t.at(), items: items}, err
		case "{":
			return p.mapping(t)
		}
	}
	return nil, at(t.line, fmt.Errorf("unexpected %v, expected an expression", t))
}

// tuple reads one or more operands; more than one, or a comma after it, make
// a tuple.
func (p *parser) tuple(operand func() (expr, error)) (expr, error) {
	x, err := operand()
	if err != nil || !p.isOp(",") {
		return x, err
	}
	s := &sequence{line: line(x.position()), items: []expr{x}, tuple: true}
	for p.isOp(",") {
		p.next()
		if t := p.peek(); t.kind == outputEnd || t.kind == blockEnd || p.isOp(")") {
			break
		}
		if x, err = operand(); err != nil {
			return nil, err
		}
		s.items = append(s.items, x)
	}
	return s, nil
}

// items reads expressions between commas up to the operator end.
func (p *parser) items(end string) ([]expr, error) {
	var items []expr
	for !p.isOp(end) {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp(end) {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	return items, p.expectOp(end)
}

func (p *parser) mapping(t token) (expr, error) {
	m := &mapping{line: t.at()}
	for !p.isOp("}") {
		if len(m.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp("}") {
				break
			}
		}
		k, err := p.expression()
		if err == nil {
			err = p.expectOp(":")
		}
		if err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, k), append(m.values, v)
	}
	return m, p.expectOp("}")
}

func (p *parser) postfix(x expr) (expr, error) {
	var err error
	for err == nil {
		t := p.peek()
		switch {
		case p.isOp("."):
			p.next()
			switch n := p.next(); n.kind {
			case name:
				x = &attribute{t.at(), x, n.value}
			case integer:
				i, failed := strconv.ParseInt(n.value, 10, 64)
				if failed != nil {
					return nil, at(n.line, fmt.Errorf("unexpected %v after a dot", n))
				}
				x = &item{t.at(), x, &constant{n.at(), i}}
			default:
				return nil, at(n.line, fmt.Errorf("unexpected %v after a dot, expected a name", n))
			}
		case p.isOp("["):
			p.next()
			x, err = p.subscript(x, t)
		case p.isOp("("):
			x, err = p.call(x)
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *parser) subscript(of expr, t token) (expr, error) {
	var parts [3]expr
	n := 0
	for !p.isOp("]") {
		if p.isOp(":") {
			p.next()
			if n++; n > 2 {
				return nil, at(t.line, fmt.Errorf("a slice of more than three parts"))
			}
			continue
		}
		if parts[n] != nil {
			return nil, at(t.line, fmt.Errorf("unexpected %v in a subscript", p.peek()))
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		parts[n] = x
	}
	p.next()
	switch {
	case n > 0:
		return &slice{t.at(), of, parts[0], parts[1], parts[2]}, nil
	case parts[0] == nil:
		return nil, at(t.line, fmt.Errorf("a subscript without a key"))
	}
	return &item{t.at(), of, parts[0]}, nil
}

func (p *parser) call(of expr) (expr, error) {
	c := &call{line: p.peek().at(), of: of}
	var err error
	c.arguments, err = p.arguments()
	return c, err
}

func (p *parser) arguments() (arguments, error) {
	var a arguments
	if err := p.expectOp("("); err != nil {
		return a, err
	}
	for first := true; !p.isOp(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return a, err
			}
			if p.isOp(")") {
				break
			}
		}
		t := p.peek()
		if t.kind == name && p.tokens[p.pos+1].kind == operator && p.tokens[p.pos+1].value == "=" {
			p.next()
			p.next()
			if slices.Contains(a.names, t.value) {
				return a, at(t.line, fmt.Errorf("argument %q twice", t.value))
			}
			a.names = append(a.names, t.value)
		} else if len(a.names) > 0 || t.kind == operator && (t.value == "*" || t.value == "**") {
			return a, at(t.line, fmt.Errorf("unexpected %v, expected an argument by name", t))
		}
		x, err := p.expression()
		if err != nil {
			return a, err
		}
		if len(a.names) > 0 {
			a.named = append(a.named, x)
		} else {
			a.positional = append(a.positional, x)
		}
	}
	return a, p.expectOp(")")
}

// dotted reads the name of a filter or a test, which may hold dots.
func (p *parser) dotted() (token, error) {
	t, err := p.expectName()
	for err == nil && p.isOp(".") {
		p.next()
		var n token
		n, err = p.expectName()
		t.value += "." + n.value
	}
	return t, err
}

func (p *parser) filter(of expr) (*filter, error) {
	t, err := p.dotted()
	f := &filter{line: t.at(), of: of, name: t.value}
	if err == nil && p.isOp("(") {
		f.arguments, err = p.arguments()
	}
	return f, err
}

func (p *parser) test(of expr) (expr, error) {
	p.next()
	negated := p.isName("not")
	if negated {
		p.next()
	}
	t, err := p.dotted()
	if err != nil {
		return nil, err
	}
	c := &test{line: t.at(), of: of, name: t.value}
	switch n := p.peek(); {
	case p.isOp("("):
		c.arguments, err = p.arguments()
	case n.kind == name && n.value == "is":
		return nil, at(n.line, fmt.Errorf("one test after another"))
	case n.kind == name && !slices.Contains([]string{"else", "or", "and"}, n.value),
		n.kind == text, n.kind == integer, n.kind == float, p.isOp("["), p.isOp("{"):
		var x expr
		if x, err = p.primary(); err == nil {
			x, err = p.postfix(x)
		}
		c.positional = []expr{x}
	}
	if negated {
		return &unary{t.at(), "not", c}, err
	}
	return c, err
}
