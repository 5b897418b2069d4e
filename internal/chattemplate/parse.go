package chattemplate

import (
	"errors"
	"fmt"
	"slices"
)

// maxNesting bounds how deep tags and expressions stand in one another.
const maxNesting = 200

type parser struct {
	tokens []token // the last is eof
	pos    int
	depth  int
	loops  int // for statements around, within one macro
	macros int // around
}

func (t token) at() line { return line(t.line) }

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != eof {
		p.pos++
	}
	return t
}

func (p *parser) isOp(op string) bool {
	return p.peek().kind == operator && p.peek().value == op
}

func (p *parser) isName(n string) bool {
	return p.peek().kind == name && p.peek().value == n
}

func (p *parser) expectOp(op string) error {
	if t := p.next(); t.kind != operator || t.value != op {
		return at(t.line, fmt.Errorf("unexpected %v, expected %q", t, op))
	}
	return nil
}

func (p *parser) expectName() (token, error) {
	t := p.next()
	if t.kind != name {
		return t, at(t.line, fmt.Errorf("unexpected %v, expected a name", t))
	}
	return t, nil
}

func (p *parser) expect(k kind) error {
	if t := p.next(); t.kind != k {
		return at(t.line, fmt.Errorf("unexpected %v, expected %s", t, kindNames[k]))
	}
	return nil
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return at(p.peek().line, fmt.Errorf("more than %d levels of nesting", maxNesting))
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// body reads statements up to a tag that begins with one of the words in
// ends and returns that word, the tag's begin and the word passed; without
// ends, up to the end of the template.
func (p *parser) body(ends ...string) ([]stmt, string, error) {
	if err := p.enter(); err != nil {
		return nil, "", err
	}
	defer p.leave()
	var body []stmt
	for {
		t := p.next()
		switch t.kind {
		case eof:
			if len(ends) > 0 {
				return nil, "", at(t.line, fmt.Errorf("unexpected end of the template, expected %q", ends[len(ends)-1]))
			}
			return body, "", nil
		case data:
			body = append(body, &output{line: t.at(), literal: t.value})
		case outputBegin:
			x, err := p.tuple(p.expression)
			if err == nil {
				err = p.expect(outputEnd)
			}
			if err != nil {
				return nil, "", err
			}
			body = append(body, &output{line: t.at(), x: x})
		default:
			n, err := p.expectName()
			if err != nil {
				return nil, "", err
			}
			if slices.Contains(ends, n.value) {
				return body, n.value, nil
			}
			s, err := p.statement(n)
			if err != nil {
				return nil, "", err
			}
			body = append(body, s...)
		}
	}
}

// block reads the rest of a tag, the statements after it and the whole tag
// that ends them.
func (p *parser) block(end string) ([]stmt, error) {
	if err := p.expect(blockEnd); err != nil {
		return nil, err
	}
	body, _, err := p.body(end)
	if err != nil {
		return nil, err
	}
	return body, p.expect(blockEnd)
}

func (p *parser) statement(t token) ([]stmt, error) {
	var s stmt
	var err error
	switch t.value {
	case "if":
		s, err = p.ifStmt(t)
	case "for":
		s, err = p.forStmt(t)
	case "set":
		s, err = p.setStmt(t)
	case "with":
		s, err = p.withStmt(t)
	case "filter":
		f := &filterStmt{line: t.at()}
		if f.filters, err = p.filters(); err == nil {
			f.body, err = p.routine("endfilter")
		}
		s = f
	case "macro":
		s, err = p.macro(t)
	case "call":
		s, err = p.callStmt(t)
	case "generation": // transformers' tag: marks what the assistant wrote
		f := &filterStmt{line: t.at()}
		f.body, err = p.routine("endgeneration")
		s = f
	case "break", "continue":
		if p.loops == 0 {
			return nil, at(t.line, fmt.Errorf("%s outside a loop", t.value))
		}
		s, err = &jump{t.at(), map[string]signal{"break": breakLoop, "continue": continueLoop}[t.value]}, p.expect(blockEnd)
	default:
		return nil, at(t.line, fmt.Errorf("unknown tag %q", t.value))
	}
	return []stmt{s}, err
}

func (p *parser) ifStmt(t token) (stmt, error) {
	s := &ifStmt{line: t.at()}
	for word := "if"; word != "endif"; {
		if word != "else" {
			x, err := p.tuple(p.or)
			if err != nil {
				return nil, err
			}
			s.tests = append(s.tests, x)
		}
		if err := p.expect(blockEnd); err != nil {
			return nil, err
		}
		ends := []string{"elif", "else", "endif"}
		if word == "else" {
			ends = ends[2:]
		}
		body, end, err := p.body(ends...)
		if err != nil {
			return nil, err
		}
		s.bodies = append(s.bodies, body)
		word = end
	}
	return s, p.expect(blockEnd)
}

func (p *parser) targets() ([]string, error) {
	var names []string
	paren := p.isOp("(")
	if paren {
		p.next()
	}
	for {
		n, err := p.expectName()
		if err != nil {
			return nil, err
		}
		if slices.Contains([]string{"true", "True", "false", "False", "none", "None"}, n.value) {
			return nil, at(n.line, fmt.Errorf("%s cannot be set", n.value))
		}
		if names = append(names, n.value); !p.isOp(",") {
			break
		}
		p.next()
	}
	if paren {
		return names, p.expectOp(")")
	}
	return names, nil
}

func (p *parser) forStmt(t token) (stmt, error) {
	s := &forStmt{line: t.at()}
	var err error
	if s.targets, err = p.targets(); err != nil {
		return nil, err
	}
	if n, err := p.expectName(); err != nil || n.value != "in" {
		return nil, at(t.line, errors.Join(err, fmt.Errorf("for without in")))
	}
	if s.over, err = p.tuple(p.or); err != nil {
		return nil, err
	}
	if p.isName("if") {
		p.next()
		if s.cond, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.isName("recursive") {
		return nil, at(t.line, fmt.Errorf("recursive loops are not read"))
	}
	if err := p.expect(blockEnd); err != nil {
		return nil, err
	}
	p.loops++
	body, end, err := p.body("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	s.body = body
	if end == "else" {
		s.empty, err = p.block("endfor")
		return s, err
	}
	return s, p.expect(blockEnd)
}

func (p *parser) filters() ([]filter, error) {
	var fs []filter
	for {
		f, err := p.filter(nil)
		if err != nil {
			return nil, err
		}
		if fs = append(fs, *f); !p.isOp("|") {
			return fs, nil
		}
		p.next()
	}
}

func (p *parser) setStmt(t token) (stmt, error) {
	s := &setStmt{line: t.at()}
	var err error
	if s.targets, err = p.targets(); err != nil {
		return nil, err
	}
	if p.isOp(".") && len(s.targets) == 1 {
		p.next()
		n, err := p.expectName()
		if err != nil {
			return nil, err
		}
		s.attribute = n.value
	}
	if p.isOp("=") {
		p.next()
		if s.value, err = p.tuple(p.expression); err != nil {
			return nil, err
		}
		return s, p.expect(blockEnd)
	}
	if len(s.targets) > 1 {
		return nil, at(t.line, fmt.Errorf("set of several names without a value"))
	}
	if p.isOp("|") {
		p.next()
		if s.filters, err = p.filters(); err != nil {
			return nil, err
		}
	}
	s.body, err = p.routine("endset")
	return s, err
}

func (p *parser) withStmt(t token) (stmt, error) {
	s := &withStmt{line: t.at()}
	for p.peek().kind == name {
		n := p.next()
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.names, s.values = append(s.names, n.value), append(s.values, x)
		if p.isOp(",") {
			p.next()
		}
	}
	var err error
	s.body, err = p.block("endwith")
	return s, err
}

func (p *parser) params(m *macroStmt) error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for !p.isOp(")") {
		if len(m.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return err
			}
		}
		n, err := p.expectName()
		if err != nil {
			return err
		}
		m.params = append(m.params, n.value)
		if p.isOp("=") {
			p.next()
			x, err := p.expression()
			if err != nil {
				return err
			}
			m.defaults = append(m.defaults, x)
		} else if len(m.defaults) > 0 {
			return at(n.line, fmt.Errorf("parameter %q without a default after one with", n.value))
		}
	}
	return p.expectOp(")")
}

// routine is block for a body that break and continue do not leave.
func (p *parser) routine(end string) ([]stmt, error) {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return p.block(end)
}

func (p *parser) macro(t token) (stmt, error) {
	n, err := p.expectName()
	if err != nil {
		return nil, err
	}
	m := &macroStmt{line: t.at(), name: n.value}
	if err := p.params(m); err != nil {
		return nil, err
	}
	p.macros++
	m.body, err = p.routine("endmacro")
	p.macros--
	return m, err
}

func (p *parser) callStmt(t token) (stmt, error) {
	s := &callStmt{line: t.at(), caller: macroStmt{line: t.at(), name: "caller"}}
	if p.isOp("(") {
		if err := p.params(&s.caller); err != nil {
			return nil, err
		}
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	c, ok := x.(*call)
	if !ok {
		return nil, at(t.line, fmt.Errorf("the call tag without a call"))
	}
	s.call = *c
	s.caller.body, err = p.routine("endcall")
	return s, err
}
