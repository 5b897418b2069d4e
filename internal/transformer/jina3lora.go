package transformer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/tensor"
)

// openJinaV3LoRA assembles jina-embeddings-v3 (arXiv:2409.10173, 4.2) as it is
// published for its own code, jinaai/xlm-roberta-flash-implementation,
// modeling_lora.py: the encoder of openJinaV3, and beside each linear layer and
// each embedding table an adapter for each task of lora_adaptations. A batch
// without a task is computed with the weights alone.
func openJinaV3LoRA(config []byte, w *weights) (*Model, error) {
	c := struct {
		bertConfig
		RotaryEmbBase       float64  `json:"rotary_emb_base"`
		LoraAdaptations     []string `json:"lora_adaptations"`
		LoraRank            int      `json:"lora_rank"`
		LoraAlpha           float64  `json:"lora_alpha"`
		LoadTrainedAdapters bool     `json:"load_trained_adapters"`
	}{
		bertConfig:    bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-5, TypeVocabSize: 1, MaxPositionEmbeddings: 8194},
		RotaryEmbBase: 10000, LoraRank: 4, LoraAlpha: 1,
	}
	act, err := c.readAny(config, w)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	switch theta := c.RotaryEmbBase; {
	case c.PositionEmbeddingType != "" && c.PositionEmbeddingType != "rotary":
		return nil, fmt.Errorf("position_embedding_type: found %q, expected \"rotary\"", c.PositionEmbeddingType)
	case c.FeedForwardType != "":
		return nil, fmt.Errorf("feed_forward_type: found %q, expected none", c.FeedForwardType)
	case !(theta > 1 && theta < 1e30):
		return nil, fmt.Errorf("rotary_emb_base: found %v, expected a number above 1", theta)
	case len(c.LoraAdaptations) == 0:
		return nil, errors.New("lora_adaptations: found none, expected the names of tasks")
	case !c.LoadTrainedAdapters:
		return nil, errors.New("load_trained_adapters: found false, expected true")
	case !(c.LoraAlpha > 0 && c.LoraAlpha < 1<<31):
		return nil, fmt.Errorf("lora_alpha: found %v, expected a number above 0", c.LoraAlpha)
	}
	for i, name := range c.LoraAdaptations {
		if name == "" || slices.Contains(c.LoraAdaptations[:i], name) {
			return nil, fmt.Errorf("lora_adaptations: found %q, expected names that differ", c.LoraAdaptations)
		}
	}
	if err := positive(keyValue{"lora_rank", c.LoraRank}); err != nil {
		return nil, err
	}
	dim := c.HiddenSize / c.NumAttentionHeads
	rope, err := (&ropeParameter{RopeTheta: &c.RotaryEmbBase}).rope("rotary_emb_base", dim, c.MaxPositionEmbeddings, 0)
	if err != nil {
		return nil, err
	}

	w.stored = func(name string) string { // as torch.nn.utils.parametrize does
		if module, ok := strings.CutSuffix(name, ".weight"); ok {
			if original := module + parametrized + "original"; w.has(original) {
				return original
			}
		}
		return name
	}
	if err := w.enter("embeddings.word_embeddings"+parametrized+"original", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	m := c.jinaV3(w, act, rope)
	t := taskWeights{w, c.LoraRank, float32(c.LoraAlpha / float64(c.LoraRank)), make([]Task, len(c.LoraAdaptations))}
	for i, name := range c.LoraAdaptations {
		t.tasks[i] = Task{Name: name, branches: map[*Linear]*branch{}}
	}
	t.tables(m, &c.bertConfig)
	hidden := c.HiddenSize
	for i := range m.Layers {
		l, at := &m.Layers[i], fmt.Sprintf("encoder.layers.%d.", i)
		t.branches(l.Attention.QKV, at+"mixer.Wqkv", hidden, 3*hidden)
		t.branches(l.Attention.Output, at+"mixer.out_proj", hidden, hidden)
		t.branches(l.MLP.Up, at+"mlp.fc1", hidden, c.IntermediateSize)
		t.branches(l.MLP.Down, at+"mlp.fc2", c.IntermediateSize, hidden)
	}
	m.Tasks = t.tasks
	return m, nil
}

// parametrized is what torch.nn.utils.parametrize puts between a module's name
// and those of the tensors that make up its weight.
const parametrized = ".parametrizations.weight."

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
		b := &branch{down: new(Linear), up: bs[i].Transposed(), scale: t.scale}
		format := t.format
		if format == kernel.Int8 {
			format = kernel.Float32 // what few columns add costs little
		}
		t.bytes += kernel.PanelsBytes(format, inputs, t.rank) + 4*int64(len(b.up.Data))
		if t.set != nil {
			b.down.Resize(format, inputs, t.rank)
			for p := range b.down.Count() {
				t.set.PackTransposed(b.down, p, as[i].Slice(p*kernel.Panel, min((p+1)*kernel.Panel, t.rank)))
			}
		}
		t.tasks[i].branches[w] = b
	}
}

// tables reads the updates of the tables of m.
func (t *taskWeights) tables(m *Model, c *bertConfig) {
	hidden := c.HiddenSize
	as, bs := t.pair("embeddings.word_embeddings", [2]int{c.VocabSize, t.rank}, [2]int{t.rank, hidden})
	for i := range as {
		u := &lowRank{a: bs[i], b: as[i], scale: t.scale}
		t.bytes += u.bytes()
		t.tasks[i].tokens = u
	}
	as, bs = t.pair("embeddings.token_type_embeddings", [2]int{c.TypeVocabSize, t.rank}, [2]int{t.rank, hidden})
	for i := range as {
		types := m.Embeddings.Types
		types.Data = t.floats(len(types.Data))
		copy(types.Data, m.Embeddings.Types.Data)
		for j := range types.Rows {
			(&lowRank{a: bs[i], b: as[i], scale: t.scale}).addRow(types.Row(j), j)
		}
		t.tasks[i].types = types
	}
}
