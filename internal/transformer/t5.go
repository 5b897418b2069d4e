package transformer

import (
	"fmt"
	"strings"
)

// t5Config is what changes the numbers in a T5 config.json. The names are those
// of transformers 5.23, configuration_t5.py.
type t5Config struct {
	DModel                       int     `json:"d_model"`
	DKV                          int     `json:"d_kv"`
	DFF                          int     `json:"d_ff"`
	NumLayers                    int     `json:"num_layers"`
	NumHeads                     int     `json:"num_heads"`
	VocabSize                    int     `json:"vocab_size"`
	FeedForwardProj              string  `json:"feed_forward_proj"`
	LayerNormEpsilon             float64 `json:"layer_norm_epsilon"`
	RelativeAttentionNumBuckets  int     `json:"relative_attention_num_buckets"`
	RelativeAttentionMaxDistance int     `json:"relative_attention_max_distance"`
}

// openT5 assembles the encoder of T5 and mT5 (arXiv:1910.10683, arXiv:2010.11934)
// as transformers 5.23 computes it in modeling_t5.py: RMSNorms on what goes into
// each half of a layer, scores that are not scaled and have a bias by distance
// that all layers share, no other positions. The decoder is not used.
func openT5(w *weights) *Model {
	c := t5Config{
		DKV: 64, FeedForwardProj: "relu", LayerNormEpsilon: 1e-6,
		RelativeAttentionNumBuckets: 32, RelativeAttentionMaxDistance: 128,
	}
	w.decode(&c)
	w.positive(keyValue{"d_model", c.DModel}, keyValue{"d_kv", c.DKV}, keyValue{"d_ff", c.DFF},
		keyValue{"num_layers", c.NumLayers}, keyValue{"num_heads", c.NumHeads}, keyValue{"vocab_size", c.VocabSize})
	const most = 1 << 16
	w.buckets(c.RelativeAttentionNumBuckets, most)
	w.farthest(c.RelativeAttentionMaxDistance, c.RelativeAttentionNumBuckets, most)
	w.enough("num_layers", c.NumLayers)
	name, gated := strings.CutPrefix(c.FeedForwardProj, "gated-")
	if gated && name == "gelu" {
		name = "gelu_new"
	}
	act, eps := w.activation("feed_forward_proj", name), w.epsilon("layer_norm_epsilon", c.LayerNormEpsilon)
	if !w.enter("encoder.final_layer_norm.weight", c.DModel) {
		return nil
	}
	tokens := "shared"
	if !w.has(w.path + "shared.weight") {
		tokens = "encoder.embed_tokens"
	}
	w.ignore("encoder.embed_tokens.") // the same as shared
	hidden, queries := c.DModel, c.NumHeads*c.DKV
	m := &Model{
		Hidden:     hidden,
		Embeddings: Embeddings{Tokens: w.table(tokens, c.VocabSize, hidden), Padding: -1},
		Layers:     make([]Layer, c.NumLayers),
		FinalNorm:  w.rmsNorm("encoder.final_layer_norm", hidden, eps),
	}
	bias := w.relativeBias("encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
		c.RelativeAttentionNumBuckets, c.NumHeads, c.RelativeAttentionMaxDistance)
	up := []part{whole("layer.1.DenseReluDense.wi", c.DFF)}
	if gated {
		up = []part{whole("layer.1.DenseReluDense.wi_0", c.DFF), whole("layer.1.DenseReluDense.wi_1", c.DFF)}
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.block.%d", i))
		m.Layers[i] = Layer{
			AttnIn: l.rmsNorm("layer.0.layer_norm", hidden, eps),
			Attention: Attention{
				QKV: l.linear(hidden, withoutBias,
					whole("layer.0.SelfAttention.q", queries), whole("layer.0.SelfAttention.k", queries), whole("layer.0.SelfAttention.v", queries)),
				Output: l.linear(queries, withoutBias, whole("layer.0.SelfAttention.o", hidden)),
				Heads:  c.NumHeads, KVHeads: c.NumHeads, HeadDim: c.DKV,
				Bias: bias, Scale: 1,
			},
			MLPIn: l.rmsNorm("layer.1.layer_norm", hidden, eps),
			MLP: MLP{
				Up:   l.linear(hidden, withoutBias, up...),
				Down: l.linear(c.DFF, withoutBias, whole("layer.1.DenseReluDense.wo", hidden)),
				Act:  act, Gated: gated,
			},
		}
	}
	return m
}
