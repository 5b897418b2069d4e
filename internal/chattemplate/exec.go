package chattemplate

import (
	"fmt"
	"strings"
)

// A run is one rendering.
type run struct {
	out   strings.Builder
	scope *scope
	left  int // of the budget
	depth int
}

type scope struct {
	names  map[string]any
	parent *scope
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (r *run) set(name string, v any) error {
	if r.scope.names == nil {
		r.scope.names = map[string]any{}
	}
	r.scope.names[name] = v
	return r.charge(entryCost)
}

// charge takes n from the budget.
func (r *run) charge(n int) error {
	if n > r.left {
		r.left = 0
		return fmt.Errorf("rendering takes more time or memory than a chat template may")
	}
	r.left -= n
	return nil
}

func (r *run) enter() error {
	if r.depth++; r.depth > maxDepth {
		r.depth--
		return fmt.Errorf("more than %d levels of depth while rendering", maxDepth)
	}
	if err := r.charge(stepCost); err != nil {
		r.depth--
		return err
	}
	return nil
}

func (r *run) leave() { r.depth-- }

// within runs f in a scope of its own below parent.
func (r *run) within(parent *scope, f func() error) error {
	old := r.scope
	r.scope = &scope{parent: parent}
	defer func() { r.scope = old }()
	return f()
}

// capture returns what f prints.
func (r *run) capture(f func() error) (string, error) {
	old := r.out
	r.out = strings.Builder{}
	err := f()
	s := r.out.String()
	r.out = old
	return s, err
}

type signal int

const (
	goOn signal = iota
	breakLoop
	continueLoop
)

func (r *run) block(body []stmt) (signal, error) {
	if err := r.enter(); err != nil {
		return goOn, err
	}
	defer r.leave()
	for _, s := range body {
		sig, err := r.exec(s)
		if err != nil || sig != goOn {
			return sig, at(s.position(), err)
		}
	}
	return goOn, nil
}

func (r *run) exec(s stmt) (signal, error) {
	if err := r.charge(stepCost); err != nil {
		return goOn, err
	}
	switch s := s.(type) {
	case *output:
		return goOn, r.output(s)
	case *ifStmt:
		for i, x := range s.tests {
			v, err := r.eval(x)
			if err != nil {
				return goOn, err
			}
			if truth(v) {
				return r.block(s.bodies[i])
			}
		}
		if len(s.bodies) > len(s.tests) {
			return r.block(s.bodies[len(s.tests)])
		}
		return goOn, nil
	case *forStmt:
		return goOn, r.loop(s)
	case *setStmt:
		return goOn, r.assign(s)
	case *withStmt:
		values := make([]any, len(s.values))
		for i, x := range s.values {
			var err error
			if values[i], err = r.eval(x); err != nil {
				return goOn, err
			}
		}
		var sig signal
		err := r.within(r.scope, func() error {
			for i, n := range s.names {
				if err := r.set(n, values[i]); err != nil {
					return err
				}
			}
			var err error
			sig, err = r.block(s.body)
			return err
		})
		return sig, err
	case *filterStmt:
		v, err := r.filtered(s.body, s.filters)
		if err == nil {
			err = r.print(v)
		}
		return goOn, err
	case *macroStmt:
		return goOn, r.set(s.name, r.macro(s))
	case *callStmt:
		v, err := r.call(&s.call, r.macro(&s.caller))
		if err == nil {
			err = r.print(v)
		}
		return goOn, err
	case *jump:
		return s.signal, nil
	}
	panic(fmt.Sprintf("statement %T", s))
}

func (r *run) output(s *output) error {
	if s.x == nil {
		r.out.WriteString(s.literal)
		return r.charge(len(s.literal))
	}
	v, err := r.eval(s.x)
	if err != nil {
		return err
	}
	return r.print(v)
}

// plain is str for what is printed or joined by ~.
func (r *run) plain(v any) (string, error) {
	if s, ok := v.(safe); ok {
		return string(s), nil
	}
	return r.str(v)
}

func (r *run) print(v any) error {
	t, err := r.plain(v)
	if err != nil {
		return err
	}
	if err := r.charge(len(t)); err != nil {
		return err
	}
	r.out.WriteString(t)
	return nil
}

// filtered runs body in a scope of its own, takes what it prints and applies
// filters to that.
func (r *run) filtered(body []stmt, filters []filter) (any, error) {
	t, err := r.capture(func() error {
		return r.within(r.scope, func() error {
			_, err := r.block(body)
			return err
		})
	})
	var v any = t
	for i := range filters {
		if err != nil {
			return nil, err
		}
		v, err = r.filter(&filters[i], v)
	}
	return v, err
}

// unpack sets names to v, or to its items where there are several names.
func (r *run) unpack(names []string, v any) error {
	if len(names) == 1 {
		return r.set(names[0], v)
	}
	items, err := r.items(v)
	if err != nil {
		return err
	}
	if len(items) != len(names) {
		return fmt.Errorf("%d values, expected %d", len(items), len(names))
	}
	for i, n := range names {
		if err := r.set(n, items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) assign(s *setStmt) error {
	var v any
	var err error
	if s.value != nil {
		v, err = r.eval(s.value)
	} else {
		v, err = r.filtered(s.body, s.filters)
	}
	if err != nil {
		return err
	}
	if s.attribute == "" {
		return r.unpack(s.targets, v)
	}
	of, _ := r.scope.get(s.targets[0])
	ns, ok := of.(*namespace)
	if !ok {
		return fmt.Errorf("%s.%s is set, but %s is no namespace", s.targets[0], s.attribute, s.targets[0])
	}
	return ns.set(r, s.attribute, v)
}

func (ns *namespace) set(r *run, name string, v any) error {
	if strings.HasPrefix(name, "_") {
		return fmt.Errorf("namespace: %q begins with an underscore", name)
	}
	ns.attributes[name] = v
	return r.charge(entryCost)
}

func (r *run) loop(s *forStmt) error {
	over, err := r.eval(s.over)
	if err != nil {
		return err
	}
	items, err := r.items(over)
	if err != nil {
		return err
	}
	if s.cond != nil {
		if items, err = r.chosen(s, items); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		return r.within(r.scope, func() error {
			_, err := r.block(s.empty)
			return err
		})
	}
	state := &loop{items: items}
	for i := range items {
		sig := goOn
		err := r.within(r.scope, func() error {
			state.index = i
			if err := r.set("loop", state); err != nil {
				return err
			}
			if err := r.unpack(s.targets, items[i]); err != nil {
				return err
			}
			var err error
			sig, err = r.block(s.body)
			return err
		})
		if err != nil || sig == breakLoop {
			return err
		}
	}
	return nil
}

func (r *run) chosen(s *forStmt, items []any) ([]any, error) {
	var kept []any
	for _, v := range items {
		err := r.within(r.scope, func() error {
			if err := r.unpack(s.targets, v); err != nil {
				return err
			}
			x, err := r.eval(s.cond)
			if truth(x) {
				kept = append(kept, v)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// A loop is the variable of that name.
type loop struct {
	items []any
	index int
	seen  *list // the arguments of the last call of changed
}

func (l *loop) attribute(name string) (any, bool) {
	i, n := int64(l.index), int64(len(l.items))
	neighbor := func(i int) any {
		if i < 0 || i >= len(l.items) {
			return undefined{"loop." + name}
		}
		return l.items[i]
	}
	switch name {
	case "index":
		return i + 1, true
	case "index0":
		return i, true
	case "revindex":
		return n - i, true
	case "revindex0":
		return n - i - 1, true
	case "length":
		return n, true
	case "first":
		return i == 0, true
	case "last":
		return i == n-1, true
	case "depth":
		return int64(1), true
	case "depth0":
		return int64(0), true
	case "previtem":
		return neighbor(l.index - 1), true
	case "nextitem":
		return neighbor(l.index + 1), true
	case "changed":
		return &callable{name, func(r *run, a args) (any, error) {
			now := &list{a.positional, tupleList}
			if l.seen != nil {
				if same, err := r.equal(l.seen, now); same || err != nil {
					return false, err
				}
			}
			l.seen = now
			return true, nil
		}}, true
	case "cycle":
		return &callable{"cycle", func(_ *run, a args) (any, error) {
			if len(a.positional) == 0 || len(a.names) > 0 {
				return nil, fmt.Errorf("expected values")
			}
			return a.positional[l.index%len(a.positional)], nil
		}}, true
	}
	return nil, false
}

func (r *run) macro(m *macroStmt) *callable {
	defined := r.scope
	return &callable{m.name, func(r *run, a args) (any, error) {
		if len(a.positional) > len(m.params) {
			return nil, fmt.Errorf("%d arguments, expected at most %d", len(a.positional), len(m.params))
		}
		return r.capture(func() error {
			return r.within(defined, func() error {
				if err := r.bind(m, a); err != nil {
					return err
				}
				_, err := r.block(m.body)
				return err
			})
		})
	}}
}

// bind sets the parameters of m, those without a value to undefined.
func (r *run) bind(m *macroStmt, a args) error {
	given := map[string]any{}
	for i, v := range a.positional {
		given[m.params[i]] = v
	}
	params := m.params
	for i, n := range a.names {
		if _, twice := given[n]; twice {
			return fmt.Errorf("argument %q twice", n)
		}
		given[n] = a.named[i]
		if n == "caller" {
			params = append(params[:len(params):len(params)], n)
		}
	}
	for i, n := range params {
		v, ok := given[n]
		delete(given, n)
		if !ok {
			v = undefined{n}
			if d := i - (len(m.params) - len(m.defaults)); d >= 0 && i < len(m.params) {
				var err error
				if v, err = r.eval(m.defaults[d]); err != nil {
					return err
				}
			}
		}
		if err := r.set(n, v); err != nil {
			return err
		}
	}
	for n := range given {
		return fmt.Errorf("unknown argument %q", n)
	}
	return nil
}
