package rows

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// A Form is how the columns that are carried through are written.
type Form uint8

const (
	JSON Form = iota
	Parquet
)

// Carry says which columns of the inputs are carried through. The zero Carry is none.
type Carry struct {
	Keep []string // these
	Drop []string // all but these; nil = none
	Form Form

	Fixed bool            // Columns must tell all columns, as all rows have the same
	Types map[string]Type // of the fields of jsonl in Parquet's form; nil = Columns reads all to find them
	Taken []string        // further columns that the results have of their own
}

// A Column is one that is carried through.
type Column struct {
	Name string
	Node parquet.Node // nil in JSON's form
}

// some reports whether there is anything to carry.
func (c *Carry) some() bool { return len(c.Keep) > 0 || c.Drop != nil }

// fields returns the names of the fields of jsonl that are carried through in Parquet's
// form, as far as their types are known: those to keep, or all in the order of their names.
func (c *Carry) fields() []string {
	if c.Form != Parquet || c.Types == nil || c.Drop == nil {
		return c.Keep
	}
	return slices.Sorted(maps.Keys(c.Types))
}

// FieldColumns returns the columns of jsonl in Parquet's form, of the types in c.
func (c *Carry) FieldColumns() (all []Column) {
	for _, name := range c.fields() {
		all = append(all, Column{name, c.Types[name].Node()})
	}
	return all
}

// ChunkColumns are those that rows of chunks have.
var ChunkColumns = []string{"chunk", "start", "end"}

// reserved are the columns that any result has of its own.
var reserved = []string{"index", "id", "embedding", "scale", "tokens", "truncated", "error"}

// choose returns which of the columns of the names are carried through; that of the id
// of that name goes its own way.
func (c *Carry) choose(names []string, id string) ([]int, error) {
	var chosen []int
	if c.Drop != nil {
		for _, name := range c.Drop {
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("no column %q to drop; there is %q", name, names)
			}
		}
		for i, name := range names {
			if name != id && !slices.Contains(c.Drop, name) {
				chosen = append(chosen, i)
			}
		}
	}
	for _, name := range c.Keep {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("no column %q to keep; there is %q", name, names)
		}
		chosen = append(chosen, i)
	}
	for _, i := range chosen {
		if err := c.free(names[i]); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// allFree is free for several names.
func (c *Carry) allFree(names []string) error {
	for _, name := range names {
		if err := c.free(name); err != nil {
			return err
		}
	}
	return nil
}

// free returns an error where a result has a column of that name already.
func (c *Carry) free(name string) error {
	if slices.Contains(reserved, name) || slices.Contains(c.Taken, name) || len(name) > 10 && name[:10] == "embedding_" {
		return fmt.Errorf("column %q: the output has one of that name; it cannot be kept", name)
	}
	return nil
}
