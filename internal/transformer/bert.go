package transformer

import (
	"encoding/json"
	"fmt"
)

// bertConfig is what changes the numbers in a BERT config.json. The names are
// those of transformers 5.23, configuration_bert.py.
type bertConfig struct {
	HiddenSize            int             `json:"hidden_size"`
	NumHiddenLayers       int             `json:"num_hidden_layers"`
	NumAttentionHeads     int             `json:"num_attention_heads"`
	IntermediateSize      int             `json:"intermediate_size"`
	HiddenAct             string          `json:"hidden_act"`
	MaxPositionEmbeddings int             `json:"max_position_embeddings"`
	TypeVocabSize         int             `json:"type_vocab_size"`
	VocabSize             int             `json:"vocab_size"`
	LayerNormEps          float64         `json:"layer_norm_eps"`
	PositionEmbeddingType string          `json:"position_embedding_type"`
	FeedForwardType       string          `json:"feed_forward_type"`
	IsDecoder             bool            `json:"is_decoder"`
	AddCrossAttention     bool            `json:"add_cross_attention"`
	EmbeddingSize         int             `json:"embedding_size"`
	PrunedHeads           map[string]any  `json:"pruned_heads"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`
}

func (c *bertConfig) check() error {
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"type_vocab_size", c.TypeVocabSize},
		keyValue{"vocab_size", c.VocabSize}); err != nil {
		return err
	}
	switch {
	case c.HiddenSize%c.NumAttentionHeads != 0:
		return fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads %d", c.HiddenSize, c.NumAttentionHeads)
	case !(float32(c.LayerNormEps) > 0 && c.LayerNormEps < 1):
		return fmt.Errorf("layer_norm_eps: found %v, expected a number between 0 and 1, in float32", c.LayerNormEps)
	case c.PositionEmbeddingType != "absolute":
		return fmt.Errorf("position_embedding_type: found %q, expected \"absolute\"", c.PositionEmbeddingType)
	case c.FeedForwardType != "" && c.FeedForwardType != "original":
		return fmt.Errorf("feed_forward_type: found %q, expected none", c.FeedForwardType)
	case c.IsDecoder:
		return fmt.Errorf("is_decoder: found true, expected an encoder")
	case c.AddCrossAttention:
		return fmt.Errorf("add_cross_attention: found true, expected false")
	case c.EmbeddingSize != 0 && c.EmbeddingSize != c.HiddenSize:
		return fmt.Errorf("embedding_size: found %d, expected hidden_size %d", c.EmbeddingSize, c.HiddenSize)
	case len(c.PrunedHeads) > 0:
		return fmt.Errorf("pruned_heads: found %v, expected none", c.PrunedHeads)
	case c.RopeScaling != nil && string(c.RopeScaling) != "null":
		return fmt.Errorf("rope_scaling: found %s, expected none", c.RopeScaling)
	}
	return nil
}

// openBERT assembles BERT (arXiv:1810.04805) as transformers 5.23 computes it in
// modeling_bert.py: token, type and position embeddings, their norm, then layers
// with the norm on each sum. All token types are 0. The pooler and the heads of
// pre-training are not used.
func openBERT(config []byte, w *weights) (*Model, error) {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2, PositionEmbeddingType: "absolute"}
	if err := Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := w.enough("num_hidden_layers", c.NumHiddenLayers); err != nil {
		return nil, err
	}
	act, err := activation("hidden_act", c.HiddenAct)
	if err != nil {
		return nil, err
	}
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)

	w.ignore("cls.")
	w.enter("embeddings.word_embeddings.weight")
	w.ignore("pooler.", "embeddings.position_ids", "embeddings.token_type_ids")
	e := w.at("embeddings")
	m := &Model{
		Hidden:       hidden,
		Intermediate: c.IntermediateSize,
		MaxPositions: c.MaxPositionEmbeddings,
		Tokens:       e.table("word_embeddings", c.VocabSize, hidden),
		Positions:    e.table("position_embeddings", c.MaxPositionEmbeddings, hidden),
		TokenType:    e.row("token_type_embeddings", c.TypeVocabSize, hidden, 0),
		EmbedNorm:    e.norm("LayerNorm", hidden, eps),
		Layers:       make([]Layer, c.NumHiddenLayers),
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		m.Layers[i] = Layer{
			Attention: Attention{
				QKV:     l.linear(hidden, 3*hidden, "attention.self.query", "attention.self.key", "attention.self.value"),
				Output:  l.linear(hidden, hidden, "attention.output.dense"),
				Heads:   c.NumAttentionHeads,
				HeadDim: hidden / c.NumAttentionHeads,
			},
			AttnSum: l.norm("attention.output.LayerNorm", hidden, eps),
			MLP: MLP{
				Up:   l.linear(hidden, c.IntermediateSize, "intermediate.dense"),
				Down: l.linear(c.IntermediateSize, hidden, "output.dense"),
				Act:  act,
			},
			MLPSum: l.norm("output.LayerNorm", hidden, eps),
		}
	}
	return m, nil
}
