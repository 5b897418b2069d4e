package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Task is an adapter that a batch may ask for: low-rank updates (arXiv:
// 2106.09685) that the forward pass adds beside the weights, so that one copy of
// those serves all tasks.
type Task struct {
	Name     string
	branches map[*Linear]*branch
	tokens   *lowRank      // of the token table
	types    tensor.Matrix // in place of Embeddings.Types
}

// A branch adds up·(down·x) to the outputs of a linear layer.
type branch struct {
	down *Linear // inputs→ranks of all parts
	ups  []up
}

// An up is what a branch adds to the outputs from one on: scale times the products of its
// ranks with their rows.
type up struct {
	from  int
	rows  tensor.Matrix // rank×outputs
	scale float32
}

// newBranch returns the branch of a linear layer, whose ups have the ranks that are the rows of
// down, in their order.
func (w *weights) newBranch(down tensor.Matrix, ups []up) *branch {
	b := &branch{down: new(Linear), ups: ups}
	format := w.format
	if format == kernel.Int8 || format == kernel.Int4 {
		format = kernel.Float32 // what few columns add costs little
	}
	w.bytes += kernel.PanelsBytes(format, down.Cols, down.Rows)
	for _, u := range ups {
		w.bytes += 4 * int64(len(u.rows.Data))
	}
	if w.set != nil {
		b.down.Resize(format, down.Cols, down.Rows)
		for p := range b.down.Count() {
			w.set.PackTransposed(b.down, p, down.Slice(p*kernel.Panel, min((p+1)*kernel.Panel, down.Rows)))
		}
	}
	return b
}

// branch returns the one beside w, nil where there is none.
func (t *Task) branch(w *Linear) *branch {
	if t == nil {
		return nil
	}
	return t.branches[w]
}

// A branchTask adds a branch to normRows rows of dst, and applies the activation.
type branchTask struct {
	p          *pass
	dst, inner tensor.Matrix // inner is x·down
	branch     *branch
	activation kernel.Activation
}

// Run does rows i·normRows on. The products are added in the order of the rank.
func (t *branchTask) Run(_, i int) {
	s := t.p.model.set
	for j := i * normRows; j < min((i+1)*normRows, t.dst.Rows); j++ {
		row := t.dst.Row(j)
		inner := t.inner.Row(j)
		for _, u := range t.branch.ups {
			for k := range u.rows.Rows {
				s.Axpy(row[u.from:u.from+u.rows.Cols], u.rows.Row(k), inner[k]*u.scale)
			}
			inner = inner[u.rows.Rows:]
		}
		s.Activate(t.activation, row, len(row), 1, len(row))
	}
}
