package transformer

import (
	"errors"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/tensor"
)

// tasksConfig is what a config.json says of the adapters of tasks, under the names of
// the code that is published as jinaai/xlm-roberta-flash-implementation.
type tasksConfig struct {
	LoraAdaptations     []string `json:"lora_adaptations"`
	LoraRank            int      `json:"lora_rank"`
	LoraAlpha           float64  `json:"lora_alpha"`
	LoadTrainedAdapters bool     `json:"load_trained_adapters"`
}

// checkTasks checks c, which must have tasks.
func (c *tasksConfig) checkTasks(w *weights) {
	if len(c.LoraAdaptations) == 0 {
		w.refusef("lora_adaptations: found none, expected the names of tasks")
	}
	w.only("load_trained_adapters", c.LoadTrainedAdapters, true)
	if !(c.LoraAlpha > 0 && c.LoraAlpha < 1<<31) {
		w.refusef("lora_alpha: found %v, expected a number above 0", c.LoraAlpha)
	}
	for i, name := range c.LoraAdaptations {
		if name == "" || slices.Contains(c.LoraAdaptations[:i], name) {
			w.refusef("lora_adaptations: found %q, expected names that differ", c.LoraAdaptations)
		}
	}
	w.positive(keyValue{"lora_rank", c.LoraRank})
}

// tasks returns what reads the adapters of c's tasks under w's path.
func (c *tasksConfig) tasks(w *weights) *taskWeights {
	t := &taskWeights{w, c.LoraRank, float32(c.LoraAlpha / float64(c.LoraRank)), nil}
	for _, name := range c.LoraAdaptations {
		t.tasks = append(t.tasks, Task{Name: name, branches: map[*Linear]*branch{}})
	}
	return t
}

// parametrized is what torch.nn.utils.parametrize puts between a module's name
// and those of the tensors that make up its weight.
const parametrized = ".parametrizations.weight."

// unparametrize lets w find a weight under the name that parametrize gave it.
func (w *weights) unparametrize() {
	w.stored = func(name string) string {
		if module, ok := strings.CutSuffix(name, ".weight"); ok {
			if original := module + parametrized + "original"; w.has(original) {
				return original
			}
		}
		return name
	}
}

// taskWeights read the adapters of all tasks, which lie one after the other in
// tensors of three dimensions.
type taskWeights struct {
	*weights
	rank  int
	scale float32
	tasks []Task
}

// pair returns A and B of the module under name, whose shapes for one task are
// given. They are nil if one of them is not there.
func (t *taskWeights) pair(name string, a, b [2]int) (as, bs []tensor.Matrix) {
	ta, ok := t.tensor(name+parametrized+"0.lora_A", len(t.tasks), a[0], a[1])
	tb, found := t.tensor(name+parametrized+"0.lora_B", len(t.tasks), b[0], b[1])
	if !ok || !found {
		return nil, nil
	}
	for i := range t.tasks {
		am, errA := matrix(ta, i*a[0]*a[1], a[0], a[1])
		bm, errB := matrix(tb, i*b[0]*b[1], b[0], b[1])
		if err := errors.Join(errA, errB); err != nil {
			t.errorf("%w", err)
			return nil, nil
		}
		as, bs = append(as, am), append(bs, bm)
	}
	t.file.Release(ta)
	t.file.Release(tb)
	return as, bs
}

// branches reads those beside w (outputs×inputs), the linear layer under name.
func (t *taskWeights) branches(w *Linear, name string, inputs, outputs int) {
	as, bs := t.pair(name, [2]int{t.rank, inputs}, [2]int{outputs, t.rank})
	for i := range as {
		t.tasks[i].branches[w] = t.newBranch(as[i], []up{{0, bs[i].Transposed(), t.scale}})
	}
}

// table returns the updates of the table under name, one for each task.
func (t *taskWeights) table(name string, rows, cols int) (updates []*lowRank) {
	as, bs := t.pair(name, [2]int{rows, t.rank}, [2]int{t.rank, cols})
	for i := range as {
		updates = append(updates, &lowRank{a: bs[i], b: as[i], scale: t.scale})
	}
	return updates
}

// tokens reads the updates of the token table under name.
func (t *taskWeights) tokens(name string, table *Table) {
	for i, u := range t.table(name, table.Rows, table.Cols) {
		t.bytes += u.bytes()
		t.tasks[i].tokens = u
	}
}

// types reads those of the token types under name, one table for each task.
func (t *taskWeights) types(name string, table tensor.Matrix) {
	for i, u := range t.table(name, table.Rows, table.Cols) {
		types := table
		types.Data = t.floats(len(types.Data))
		copy(types.Data, table.Data)
		for j := range types.Rows {
			u.addRow(types.Row(j), j)
		}
		t.tasks[i].types = types
	}
}
