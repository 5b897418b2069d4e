package transformer

import (
	"cmp"
	"encoding/json"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// bertConfig is what changes the numbers in the config.json of BERT and of the
// families that descend from it. The names are those of transformers 5.23,
// configuration_bert.py.
type bertConfig struct {
	sizes
	HiddenAct             string          `json:"hidden_act"`
	TypeVocabSize         int             `json:"type_vocab_size"`
	LayerNormEps          float64         `json:"layer_norm_eps"`
	PadTokenID            *int32          `json:"pad_token_id"`
	PositionEmbeddingType string          `json:"position_embedding_type"`
	FeedForwardType       string          `json:"feed_forward_type"`
	IsDecoder             bool            `json:"is_decoder"`
	AddCrossAttention     bool            `json:"add_cross_attention"`
	EmbeddingSize         int             `json:"embedding_size"` // width of the embeddings; 0 = hidden_size
	PrunedHeads           map[string]any  `json:"pruned_heads"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`

	sharedLayers bool // layers have tensors in common

	act kernel.Activation // the last three are check's
	eps float32
	dim int // of a head
}

// check checks c for a family whose positions are a table and whose MLP has no gate.
func (c *bertConfig) check(w *weights) {
	c.checkAny(w)
	w.only("position_embedding_type", cmp.Or(c.PositionEmbeddingType, "absolute"), "absolute")
	if c.FeedForwardType != "" && c.FeedForwardType != "original" {
		w.refusef("feed_forward_type: found %q, expected none", c.FeedForwardType)
	}
}

// checkAny is check for a family that looks at position_embedding_type and
// feed_forward_type itself.
func (c *bertConfig) checkAny(w *weights) {
	w.sizes(&c.sizes)
	c.dim = w.headDim(&c.sizes)
	w.fromZero("type_vocab_size", c.TypeVocabSize)
	w.fromZero("embedding_size", c.EmbeddingSize)
	w.only("is_decoder", c.IsDecoder, false)
	w.only("add_cross_attention", c.AddCrossAttention, false)
	if len(c.PrunedHeads) > 0 {
		w.refusef("pruned_heads: found %v, expected none", c.PrunedHeads)
	}
	w.none("rope_scaling", c.RopeScaling)
	c.eps = w.epsilon("layer_norm_eps", c.LayerNormEps)
	c.EmbeddingSize = cmp.Or(c.EmbeddingSize, c.HiddenSize)
	if !c.sharedLayers {
		w.enough("num_hidden_layers", c.NumHiddenLayers)
	}
	c.act = w.activation("hidden_act", c.HiddenAct)
}

// unprojected expects embeddings as wide as hidden states.
func (c *bertConfig) unprojected(w *weights) {
	w.same("embedding_size", c.EmbeddingSize, keyValue{"hidden_size", c.HiddenSize})
}

// embeddings returns those of BERT under w's path: of tokens, types and, but for
// ALiBi, positions, and the norm of their sum.
func (c *bertConfig) embeddings(w *weights) Embeddings {
	w.ignore("position_ids", "token_type_ids")
	e := Embeddings{
		Tokens:  w.table("word_embeddings", c.VocabSize, c.EmbeddingSize),
		Norm:    w.norm("LayerNorm", c.EmbeddingSize, c.eps, withBias),
		Padding: -1,
	}
	if c.PositionEmbeddingType != "alibi" {
		e.Positions = w.table("position_embeddings", c.MaxPositionEmbeddings, c.EmbeddingSize)
	}
	if c.TypeVocabSize > 0 {
		e.Types = w.rows("token_type_embeddings", c.TypeVocabSize, c.EmbeddingSize)
	}
	return e
}

// selfAttention returns that of the layer of BERT under w's path.
func (c *bertConfig) selfAttention(w *weights) Attention {
	hidden := c.HiddenSize
	return c.attention(
		w.linear(hidden, withBias, whole("attention.self.query", hidden), whole("attention.self.key", hidden), whole("attention.self.value", hidden)),
		w.linear(hidden, withBias, whole("attention.output.dense", hidden)))
}

// attention returns one over all tokens, with heads that make up hidden_size.
func (c *bertConfig) attention(qkv, output *Linear) Attention {
	return Attention{
		QKV: qkv, Output: output,
		Heads: c.NumAttentionHeads, KVHeads: c.NumAttentionHeads, HeadDim: c.dim,
		Scale: scoreScale(c.dim),
	}
}

// mlp returns one without a gate, whose layers are under these names.
func (c *bertConfig) mlp(w *weights, up, down string) MLP {
	return MLP{
		Up:   w.linear(c.HiddenSize, withBias, whole(up, c.IntermediateSize)),
		Down: w.linear(c.IntermediateSize, withBias, whole(down, c.HiddenSize)),
		Act:  c.act,
	}
}
