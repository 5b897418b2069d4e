package transformer

import (
	"encoding/json"
	"fmt"
)

// modernbertConfig is what changes the numbers in a ModernBERT config.json. The
// names are those of transformers 5.23, configuration_modernbert.py, and of 4.48.
type modernbertConfig struct {
	sizes
	HiddenActivation     string          `json:"hidden_activation"`
	NormEps              float64         `json:"norm_eps"`
	NormBias             bias            `json:"norm_bias"`
	AttentionBias        bias            `json:"attention_bias"`
	MLPBias              bias            `json:"mlp_bias"`
	LocalAttention       int             `json:"local_attention"`
	GlobalEvery          int             `json:"global_attn_every_n_layers"`
	LayerTypes           []string        `json:"layer_types"`
	GlobalRopeTheta      float64         `json:"global_rope_theta"`
	LocalRopeTheta       float64         `json:"local_rope_theta"`
	RopeParameters       *ropeByLayer    `json:"rope_parameters"`
	RopeScaling          json.RawMessage `json:"rope_scaling"`
	ClassifierPooling    string          `json:"classifier_pooling"`
	ClassifierBias       bias            `json:"classifier_bias"`
	ClassifierActivation string          `json:"classifier_activation"`
	DecoderBias          bias            `json:"decoder_bias"`
}

// openModernBERT assembles ModernBERT (arXiv:2412.13663) as transformers 5.23
// computes it in modeling_modernbert.py: norms on what goes into each half of a
// layer, rotary positions, a gated MLP, and on most layers a window. The head of
// pre-training is maskedHead's.
func openModernBERT(w *weights) *Model {
	c := modernbertConfig{
		sizes: sizes{MaxPositionEmbeddings: 8192}, HiddenActivation: "gelu", NormEps: 1e-5, LocalAttention: 128, GlobalEvery: 3,
		GlobalRopeTheta: 160000, LocalRopeTheta: 10000, ClassifierPooling: "cls", ClassifierActivation: "gelu",
		DecoderBias: withBias,
	}
	w.decode(&c)
	w.sizes(&c.sizes)
	w.positive(keyValue{"global_attn_every_n_layers", c.GlobalEvery})
	w.fromTwo("local_attention", c.LocalAttention)
	w.none("rope_scaling", c.RopeScaling)
	w.enough("num_hidden_layers", c.NumHiddenLayers)
	act, eps := w.activation("hidden_activation", c.HiddenActivation), w.epsilon("norm_eps", c.NormEps)
	dim := w.headDim(&c.sizes)
	ropes, err := c.RopeParameters.ropes(dim, c.MaxPositionEmbeddings, c.GlobalRopeTheta, c.LocalRopeTheta)
	w.refuse(err)
	kinds := w.layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return i%c.GlobalEvery == 0 })
	windows := map[string]int{"sliding_attention": c.LocalAttention / 2}
	if !w.enter("embeddings.tok_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden, inner := c.HiddenSize, c.IntermediateSize
	m := &Model{
		Hidden:       hidden,
		MaxPositions: ropes["full_attention"].limit,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.tok_embeddings", c.VocabSize, hidden),
			Norm:    w.norm("embeddings.norm", hidden, eps, c.NormBias),
			Padding: -1,
		},
		Layers:    make([]Layer, c.NumHiddenLayers),
		FinalNorm: w.norm("final_norm", hidden, eps, c.NormBias),
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("layers.%d", i))
		m.Layers[i] = Layer{
			Attention: Attention{
				QKV:    l.linear(hidden, c.AttentionBias, whole("attn.Wqkv", 3*hidden)),
				Output: l.linear(hidden, c.AttentionBias, whole("attn.Wo", hidden)),
				Heads:  c.NumAttentionHeads, KVHeads: c.NumAttentionHeads, HeadDim: dim,
				RoPE: ropes[kinds[i]], Window: windows[kinds[i]], Scale: scoreScale(dim),
			},
			MLPIn: l.norm("mlp_norm", hidden, eps, c.NormBias),
			MLP: MLP{
				Up:   l.linear(hidden, c.MLPBias, whole("mlp.Wi", 2*inner)),
				Down: l.linear(inner, c.MLPBias, whole("mlp.Wo", hidden)),
				Act:  act, Gated: true,
			},
		}
		if i > 0 {
			m.Layers[i].AttnIn = l.norm("attn_norm", hidden, eps, c.NormBias)
		}
	}
	switch w.head {
	case ClassificationHead:
		m.Head = c.head(w, eps)
	case MaskedHead:
		act := w.activation("classifier_activation", c.ClassifierActivation)
		w.maskedHead(m, masked{
			dense: "head.dense", denseBias: c.ClassifierBias, act: act, norm: "head.norm", normBias: c.NormBias, eps: eps,
			decoder: "decoder", bias: c.DecoderBias,
		})
	}
	return m
}

// head returns the classification head.
func (c *modernbertConfig) head(w *weights, eps float32) *Head {
	act := w.activation("classifier_activation", c.ClassifierActivation)
	h := w.classifier(c.HiddenSize, classifier{dense: "head.dense", bias: c.ClassifierBias, act: act, out: "classifier"})
	h.Norm = w.beside().norm("head.norm", c.HiddenSize, eps, c.NormBias)
	h.Of = w.headInput(c.ClassifierPooling, map[string]HeadInput{"cls": FirstToken, "mean": MeanToken})
	return h
}
