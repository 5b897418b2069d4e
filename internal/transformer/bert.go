package transformer

import (
	"encoding/json"
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// bertConfig is what changes the numbers in the config.json of BERT and of the
// families that descend from it. The names are those of transformers 5.23,
// configuration_bert.py.
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
	PadTokenID            *int32          `json:"pad_token_id"`
	PositionEmbeddingType string          `json:"position_embedding_type"`
	FeedForwardType       string          `json:"feed_forward_type"`
	IsDecoder             bool            `json:"is_decoder"`
	AddCrossAttention     bool            `json:"add_cross_attention"`
	EmbeddingSize         int             `json:"embedding_size"` // width of the embeddings; 0 = hidden_size
	PrunedHeads           map[string]any  `json:"pruned_heads"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`

	SharedLayers bool `json:"-"` // layers have tensors in common
}

// read reads config into c, which holds the family's defaults, for a family
// whose positions are a table and whose MLP has no gate.
func (c *bertConfig) read(config []byte, w *weights) (act kernel.Activation, err error) {
	act, err = c.readAny(config, w)
	switch {
	case err != nil:
	case c.PositionEmbeddingType != "" && c.PositionEmbeddingType != "absolute":
		err = fmt.Errorf("position_embedding_type: found %q, expected \"absolute\"", c.PositionEmbeddingType)
	case c.FeedForwardType != "" && c.FeedForwardType != "original":
		err = fmt.Errorf("feed_forward_type: found %q, expected none", c.FeedForwardType)
	}
	return act, err
}

// readAny is read for a family that looks at position_embedding_type and
// feed_forward_type itself.
func (c *bertConfig) readAny(config []byte, w *weights) (act kernel.Activation, err error) {
	if err := strictjson.Unmarshal(config, c); err != nil {
		return 0, err
	}
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"vocab_size", c.VocabSize}); err != nil {
		return 0, err
	}
	switch {
	case c.HiddenSize%c.NumAttentionHeads != 0:
		err = fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads %d", c.HiddenSize, c.NumAttentionHeads)
	case c.TypeVocabSize < 0 || c.TypeVocabSize > 1<<31-1:
		err = fmt.Errorf("type_vocab_size: found %d, expected a 32-bit number from 0 on", c.TypeVocabSize)
	case c.EmbeddingSize < 0 || c.EmbeddingSize > 1<<31-1:
		err = fmt.Errorf("embedding_size: found %d, expected a 32-bit number from 1 on", c.EmbeddingSize)
	case c.IsDecoder:
		err = fmt.Errorf("is_decoder: found true, expected an encoder")
	case c.AddCrossAttention:
		err = fmt.Errorf("add_cross_attention: found true, expected false")
	case len(c.PrunedHeads) > 0:
		err = fmt.Errorf("pruned_heads: found %v, expected none", c.PrunedHeads)
	case c.RopeScaling != nil && string(c.RopeScaling) != "null":
		err = fmt.Errorf("rope_scaling: found %s, expected none", c.RopeScaling)
	default:
		err = epsilon("layer_norm_eps", c.LayerNormEps)
	}
	if err != nil {
		return 0, err
	}
	if c.EmbeddingSize == 0 {
		c.EmbeddingSize = c.HiddenSize
	}
	if !c.SharedLayers {
		if err := w.enough("num_hidden_layers", c.NumHiddenLayers); err != nil {
			return 0, err
		}
	}
	return activation("hidden_act", c.HiddenAct)
}

// embeddings returns those of BERT under w's path: of tokens, types and, but for
// ALiBi, positions, and the norm of their sum.
func (c *bertConfig) embeddings(w *weights) Embeddings {
	w.ignore("position_ids", "token_type_ids")
	e := Embeddings{
		Tokens:  w.table("word_embeddings", c.VocabSize, c.EmbeddingSize),
		Norm:    w.norm("LayerNorm", c.EmbeddingSize, float32(c.LayerNormEps), withBias),
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

// layers returns the layers of BERT under w's path.
func (c *bertConfig) layers(w *weights, act kernel.Activation) []Layer {
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)
	layers := make([]Layer, c.NumHiddenLayers)
	for i := range layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		layers[i] = Layer{
			Attention: c.selfAttention(l),
			AttnSum:   l.norm("attention.output.LayerNorm", hidden, eps, withBias),
			MLP:       c.mlp(l, act),
			MLPSum:    l.norm("output.LayerNorm", hidden, eps, withBias),
		}
	}
	return layers
}

// mlp returns that of the layer of BERT under w's path.
func (c *bertConfig) mlp(w *weights, act kernel.Activation) MLP {
	return MLP{
		Up:   w.linear(c.HiddenSize, withBias, whole("intermediate.dense", c.IntermediateSize)),
		Down: w.linear(c.IntermediateSize, withBias, whole("output.dense", c.HiddenSize)),
		Act:  act,
	}
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
	dim := c.HiddenSize / c.NumAttentionHeads
	return Attention{
		QKV: qkv, Output: output,
		Heads: c.NumAttentionHeads, KVHeads: c.NumAttentionHeads, HeadDim: dim,
		Scale: scoreScale(dim),
	}
}

// openBERT assembles BERT (arXiv:1810.04805) as transformers 5.23 computes it in
// modeling_bert.py: token, type and position embeddings, their norm, then layers
// with the norm on each sum. The heads of pre-training are not used.
func openBERT(config []byte, w *weights) (*Model, error) {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	if c.EmbeddingSize != c.HiddenSize {
		return nil, fmt.Errorf("embedding_size: found %d, expected hidden_size %d", c.EmbeddingSize, c.HiddenSize)
	}
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	return &Model{
		Hidden:       c.HiddenSize,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       c.layers(w, act),
		Head:         w.classifier(c.HiddenSize, bertClassifier),
	}, nil
}
