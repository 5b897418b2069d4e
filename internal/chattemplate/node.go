package chattemplate

// An expr is an expression; line says where it stands.
type expr interface{ position() int }

type line int

func (l line) position() int { return int(l) }

type (
	constant struct {
		line
		value any
	}
	variable struct {
		line
		name string
	}
	// sequence is a list, or a tuple.
	sequence struct {
		line
		items []expr
		tuple bool
	}
	mapping struct {
		line
		keys, values []expr
	}
	// attribute is of.name: an attribute, else an item.
	attribute struct {
		line
		of   expr
		name string
	}
	// item is of[key]: an item, else an attribute.
	item struct {
		line
		of, key expr
	}
	slice struct {
		line
		of                expr
		start, stop, step expr // nil: left out
	}
	unary struct {
		line
		op string // not, -, +
		x  expr
	}
	binary struct {
		line
		op   string
		x, y expr
	}
	comparison struct {
		line
		first expr
		ops   []string
		rest  []expr
	}
	conditional struct {
		line
		test, then, otherwise expr // otherwise nil: undefined
	}
	arguments struct {
		positional []expr
		names      []string
		named      []expr
	}
	call struct {
		line
		of expr
		arguments
	}
	filter struct {
		line
		of   expr // nil: the body of a filter or a set block
		name string
		arguments
	}
	test struct {
		line
		of   expr
		name string
		arguments
	}
)

// A stmt is a statement; line says where it stands.
type stmt interface{ position() int }

type (
	output struct {
		line
		literal string // where x is nil
		x       expr
	}
	ifStmt struct {
		line
		tests  []expr
		bodies [][]stmt // one more than tests where there is an else
	}
	forStmt struct {
		line
		targets []string // more than one: each item is taken apart
		over    expr
		cond    expr // may be nil
		body    []stmt
		empty   []stmt
	}
	setStmt struct {
		line
		targets   []string
		attribute string // of the namespace targets[0]
		value     expr   // nil: body, through filters
		filters   []filter
		body      []stmt
	}
	withStmt struct {
		line
		names  []string
		values []expr
		body   []stmt
	}
	filterStmt struct {
		line
		filters []filter
		body    []stmt
	}
	macroStmt struct {
		line
		name     string
		params   []string
		defaults []expr // of the last parameters
		body     []stmt
	}
	// callStmt calls with a macro named caller.
	callStmt struct {
		line
		call   call
		caller macroStmt
	}
	// jump is break or continue.
	jump struct {
		line
		signal signal
	}
)
