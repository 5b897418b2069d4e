package transformer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// A TaskAdapter is an adapter that is added beside the weights where a batch asks for it.
type TaskAdapter struct {
	Name    string
	Adapter *Adapter
}

// A made is a linear layer, and what it was made of.
type made struct {
	linear *Linear
	inputs int
	parts  []part   // of its outputs
	names  []string // of each part's weight, in the model
}

// adapterTasks returns the tasks of Config.Tasks, beside the linear layers that were made.
func (w *weights) adapterTasks() (tasks []Task) {
	for _, a := range w.tasks {
		t := Task{Name: a.Name, branches: map[*Linear]*branch{}}
		for _, m := range w.made {
			if b := w.adapterBranch(a.Adapter, m); b != nil {
				t.branches[m.linear] = b
			}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// adapterBranch returns what a has for a linear layer, nil where that is nothing.
func (w *weights) adapterBranch(a *Adapter, m made) *branch {
	var ups []up
	var downs [][]float32
	from := 0
	for i, p := range m.parts {
		if u := a.linear(m.names[i], p.rows, m.inputs); u != nil {
			ups = append(ups, up{from, u.b.Slice(p.from, p.to).Transposed(), u.scale})
			for k := range u.a.Rows {
				downs = append(downs, u.a.Row(k))
			}
		}
		from += p.to - p.from
	}
	if len(ups) == 0 {
		return nil
	}
	down := tensor.NewMatrix(len(downs), m.inputs)
	for k, row := range downs {
		copy(down.Row(k), row)
	}
	return w.newBranch(down, ups)
}

// finishTasks returns what is wrong with the adapters of tasks. They hold no whole tensors,
// which would be in place of those that all tasks share.
func (w *weights) finishTasks() error {
	var errs []error
	for _, a := range w.tasks {
		if err := a.Adapter.finish(nil); err != nil {
			errs = append(errs, fmt.Errorf("adapter of %q: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

// taskNamesConfig is what a config.json of jina-embeddings-v5 says of its tasks, under the
// names of the code published with it.
type taskNamesConfig struct {
	TaskNames []string `json:"task_names"`
}

// retrieval is the task of jina-embeddings-v5 whose prompts are "query" and "document".
const retrieval = "retrieval"

// openJinaV5 assembles jina-embeddings-v5-text as the code published with it computes it,
// JinaEmbeddingsV5Model: EuroBERT (nano) or Qwen3 (small), which the norms of queries tell
// apart, and an adapter for each task, which PEFT adds. A batch without a task is one of
// retrieval, as in vLLM: the published code asks for a task.
func openJinaV5(w *weights) *Model {
	var c taskNamesConfig
	w.decode(&c)
	var found []string
	for _, t := range w.tasks {
		found = append(found, t.Name)
	}
	if !slices.Equal(found, c.TaskNames) || !slices.Contains(found, retrieval) {
		w.refusef("task_names: found %q, expected an adapter for each and %q among them", c.TaskNames, retrieval)
	}
	var m *Model
	if w.holdsUnder("layers.0.self_attn.q_norm.weight") {
		m = decodeQwen3(w).headlessly().open(w, 10000)
	} else {
		m = openPublishedEuroBERT(w)
	}
	if m == nil {
		return nil
	}
	m.Head = nil
	m.Tasks = w.adapterTasks()
	at := slices.Index(found, retrieval)
	m.Task = at + 1
	for _, prompt := range []string{"query", "document"} {
		if !slices.Contains(found, prompt) {
			m.Tasks = append(m.Tasks, Task{Name: prompt, branches: m.Tasks[at].branches})
		}
	}
	return m
}
