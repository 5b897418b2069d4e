package transformer

import (
	"encoding/json"
	"fmt"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// modernbertConfig is what changes the numbers in a ModernBERT config.json. The
// names are those of transformers 5.23, configuration_modernbert.py, and of 4.48.
type modernbertConfig struct {
	HiddenSize            int             `json:"hidden_size"`
	IntermediateSize      int             `json:"intermediate_size"`
	NumHiddenLayers       int             `json:"num_hidden_layers"`
	NumAttentionHeads     int             `json:"num_attention_heads"`
	HiddenActivation      string          `json:"hidden_activation"`
	MaxPositionEmbeddings int             `json:"max_position_embeddings"`
	VocabSize             int             `json:"vocab_size"`
	NormEps               float64         `json:"norm_eps"`
	NormBias              bias            `json:"norm_bias"`
	AttentionBias         bias            `json:"attention_bias"`
	MLPBias               bias            `json:"mlp_bias"`
	LocalAttention        int             `json:"local_attention"`
	GlobalEvery           int             `json:"global_attn_every_n_layers"`
	LayerTypes            []string        `json:"layer_types"`
	GlobalRopeTheta       float64         `json:"global_rope_theta"`
	LocalRopeTheta        float64         `json:"local_rope_theta"`
	RopeParameters        *ropeByLayer    `json:"rope_parameters"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`
	ClassifierPooling     string          `json:"classifier_pooling"`
	ClassifierBias        bias            `json:"classifier_bias"`
	ClassifierActivation  string          `json:"classifier_activation"`
}

// openModernBERT assembles ModernBERT (arXiv:2412.13663) as transformers 5.23
// computes it in modeling_modernbert.py: norms on what goes into each half of a
// layer, rotary positions, a gated MLP, and on most layers a window. The head of
// pre-training is not used.
func openModernBERT(config []byte, w *weights) (*Model, error) {
	c := modernbertConfig{
		HiddenActivation: "gelu", MaxPositionEmbeddings: 8192, NormEps: 1e-5, LocalAttention: 128, GlobalEvery: 3,
		GlobalRopeTheta: 160000, LocalRopeTheta: 10000, RopeParameters: new(ropeByLayer),
		ClassifierPooling: "cls", ClassifierActivation: "gelu",
	}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := positive(keyValue{"hidden_size", c.HiddenSize}, keyValue{"num_hidden_layers", c.NumHiddenLayers},
		keyValue{"num_attention_heads", c.NumAttentionHeads}, keyValue{"intermediate_size", c.IntermediateSize},
		keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}, keyValue{"vocab_size", c.VocabSize},
		keyValue{"global_attn_every_n_layers", c.GlobalEvery}); err != nil {
		return nil, err
	}
	switch {
	case c.HiddenSize%c.NumAttentionHeads != 0:
		return nil, fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads %d", c.HiddenSize, c.NumAttentionHeads)
	case c.LocalAttention < 2 || c.LocalAttention > 1<<31-1:
		return nil, fmt.Errorf("local_attention: found %d, expected 2 or more in 32 bits", c.LocalAttention)
	case c.RopeScaling != nil && string(c.RopeScaling) != "null":
		return nil, fmt.Errorf("rope_scaling: found %s, expected none", c.RopeScaling)
	case c.RopeParameters == nil:
		c.RopeParameters = new(ropeByLayer)
	}
	if err := epsilon("norm_eps", c.NormEps); err != nil {
		return nil, err
	}
	if err := w.enough("num_hidden_layers", c.NumHiddenLayers); err != nil {
		return nil, err
	}
	act, err := activation("hidden_activation", c.HiddenActivation)
	if err != nil {
		return nil, err
	}
	dim := c.HiddenSize / c.NumAttentionHeads
	ropes, err := c.RopeParameters.ropes(dim, c.MaxPositionEmbeddings, c.GlobalRopeTheta, c.LocalRopeTheta)
	if err != nil {
		return nil, err
	}
	kinds, err := layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return i%c.GlobalEvery == 0 })
	if err != nil {
		return nil, err
	}

	if err := w.enter("embeddings.tok_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	hidden, inner, eps := c.HiddenSize, c.IntermediateSize, float32(c.NormEps)
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
		layer := Layer{
			Attention: Attention{
				QKV:    l.linear(hidden, c.AttentionBias, whole("attn.Wqkv", 3*hidden)),
				Output: l.linear(hidden, c.AttentionBias, whole("attn.Wo", hidden)),
				Heads:  c.NumAttentionHeads, KVHeads: c.NumAttentionHeads, HeadDim: dim,
				RoPE: ropes[kinds[i]], Scale: scoreScale(dim),
			},
			MLPIn: l.norm("mlp_norm", hidden, eps, c.NormBias),
			MLP: MLP{
				Up:   l.linear(hidden, c.MLPBias, whole("mlp.Wi", 2*inner)),
				Down: l.linear(inner, c.MLPBias, whole("mlp.Wo", hidden)),
				Act:  act, Gated: true,
			},
		}
		if i > 0 {
			layer.AttnIn = l.norm("attn_norm", hidden, eps, c.NormBias)
		}
		if kinds[i] == "sliding_attention" {
			layer.Attention.Window = c.LocalAttention / 2
		}
		m.Layers[i] = layer
	}
	m.Head, err = c.head(w)
	return m, err
}

// head returns the classification head.
func (c *modernbertConfig) head(w *weights) (*Head, error) {
	if w.head != ClassificationHead {
		return nil, nil
	}
	of, ok := map[string]HeadInput{"cls": FirstToken, "mean": MeanToken}[c.ClassifierPooling]
	if !ok {
		return nil, fmt.Errorf("classifier_pooling: found %q, expected cls or mean", c.ClassifierPooling)
	}
	act, err := activation("classifier_activation", c.ClassifierActivation)
	if err != nil {
		return nil, err
	}
	h := w.classifier(c.HiddenSize, classifier{dense: "head.dense", bias: c.ClassifierBias, act: act, out: "classifier"})
	h.Of, h.Norm = of, w.beside().norm("head.norm", c.HiddenSize, float32(c.NormEps), c.NormBias)
	return h, nil
}
