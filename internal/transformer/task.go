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

// A branch adds scale·(x·down)·up to the outputs of a linear layer.
type branch struct {
	down  *Linear       // inputs×rank
	up    tensor.Matrix // rank×outputs
	scale float32
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
		for k, v := range t.inner.Row(j) {
			s.Axpy(row, t.branch.up.Row(k), v*t.branch.scale)
		}
		s.Activate(t.activation, row, len(row), 1, len(row))
	}
}
