package transformer

import (
	"cmp"
	"fmt"
)

// openJinaV3LoRA assembles jina-embeddings-v3 (arXiv:2409.10173, 4.2) as it is
// published for its own code, jinaai/xlm-roberta-flash-implementation,
// modeling_lora.py: the encoder of openJinaV3, and beside each linear layer and
// each embedding table an adapter for each task of lora_adaptations. A batch
// without a task is computed with the weights alone.
func openJinaV3LoRA(w *weights) *Model {
	c := struct {
		bertConfig
		tasksConfig
		RotaryEmbBase float64 `json:"rotary_emb_base"`
	}{
		bertConfig:    bertConfig{sizes: sizes{MaxPositionEmbeddings: 8194}, HiddenAct: "gelu", LayerNormEps: 1e-5, TypeVocabSize: 1},
		tasksConfig:   tasksConfig{LoraRank: 4, LoraAlpha: 1},
		RotaryEmbBase: 10000,
	}
	w.decode(&c)
	c.checkAny(w)
	w.only("position_embedding_type", cmp.Or(c.PositionEmbeddingType, "rotary"), "rotary")
	if c.FeedForwardType != "" {
		w.refusef("feed_forward_type: found %q, expected none", c.FeedForwardType)
	}
	if theta := c.RotaryEmbBase; !(theta > 1 && theta < 1e30) {
		w.refusef("rotary_emb_base: found %v, expected a number above 1", theta)
	}
	c.checkTasks(w)
	rope, err := new(ropeParameter).rope("rotary_emb_base", c.dim, c.MaxPositionEmbeddings, c.RotaryEmbBase)
	w.refuse(err)
	w.unparametrize()
	if !w.enter("embeddings.word_embeddings"+parametrized+"original", c.VocabSize, c.HiddenSize) {
		return nil
	}
	m := c.jinaV3(w, rope)
	t := c.tasks(w)
	t.tokens("embeddings.word_embeddings", m.Embeddings.Tokens)
	t.types("embeddings.token_type_embeddings", m.Embeddings.Types)
	for i := range m.Layers {
		l, at := &m.Layers[i], fmt.Sprintf("encoder.layers.%d.", i)
		t.branches(l.Attention.QKV, at+"mixer.Wqkv", c.HiddenSize, 3*c.HiddenSize)
		t.branches(l.Attention.Output, at+"mixer.out_proj", c.HiddenSize, c.HiddenSize)
		t.branches(l.MLP.Up, at+"mlp.fc1", c.HiddenSize, c.IntermediateSize)
		t.branches(l.MLP.Down, at+"mlp.fc2", c.IntermediateSize, c.HiddenSize)
	}
	m.Tasks = t.tasks
	return m
}
