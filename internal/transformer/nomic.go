package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// nomicActivations are those with a gate, whose function is that of the gate.
var nomicActivations = map[string]string{"swiglu": "silu", "geglu": "gelu"}

// openNomicBERT assembles Nomic BERT (arXiv:2402.01613) as transformers 5.23
// computes it in modeling_nomic_bert.py: BERT with rotary positions and a gated
// MLP; and with the experts of the form that came later (arXiv:2502.07972), as
// the code published beside its weights computes them.
func openNomicBERT(w *weights) *Model {
	c := readNomic(w)
	name, gated := nomicActivations[c.ActivationFunction]
	if !gated {
		name = c.ActivationFunction
	}
	act, eps := w.activation("activation_function", name), w.epsilon("layer_norm_epsilon", c.LayerNormEpsilon)
	if gated && c.NumExperts > 0 {
		w.refusef("activation_function: found %q, expected one without a gate, as experts have none", c.ActivationFunction)
	}
	if !w.enter("embeddings.word_embeddings.weight", c.vocabulary(), c.NEmbd) {
		return nil
	}
	w.trainedAs(nomicNames)
	hidden := c.NEmbd
	m := &Model{
		Hidden:       hidden,
		MaxPositions: c.NPositions,
		Embeddings: Embeddings{
			Tokens:  w.table("embeddings.word_embeddings", c.vocabulary(), hidden),
			Norm:    w.norm("emb_ln", hidden, eps, withBias),
			Padding: -1,
		},
		Layers: make([]Layer, c.NLayer),
		Head:   w.classifier(hidden, bertClassifier),
	}
	head := bertMasked(act, eps)
	if act != kernel.SiLU && act != kernel.GELUTanh {
		head.act = kernel.GELU
	}
	head.norm, head.denseBias, head.bias = "cls.predictions.transform.layer_norm", c.headBias, c.headBias
	w.maskedHead(m, head)
	if c.TypeVocabSize > 0 {
		m.Embeddings.Types = w.rows("embeddings.token_type_embeddings", c.TypeVocabSize, hidden)
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layers.%d", i))
		l.ignore("attn.rotary_emb.")
		m.Layers[i] = Layer{
			Attention: Attention{
				QKV:    l.linear(hidden, c.QKVProjBias, whole("attn.Wqkv", 3*hidden)),
				Output: l.linear(hidden, c.QKVProjBias, whole("attn.out_proj", hidden)),
				Heads:  c.NHead, KVHeads: c.NHead, HeadDim: c.dim,
				RoPE: c.rope, Scale: scoreScale(c.dim),
			},
			AttnSum: l.norm("norm1", hidden, eps, withBias),
			MLP:     c.mlp(l.at("mlp"), MLP{Act: act, Gated: gated}, i),
			MLPSum:  l.norm("norm2", hidden, eps, withBias),
		}
	}
	return m
}

// mlp returns the MLP of layer i, of m's kind.
func (c *nomicConfig) mlp(w *weights, m MLP, i int) MLP {
	hidden, inner := c.NEmbd, c.NInner
	if c.hasExperts(i) {
		m.Experts = c.experts(w, m, hidden, inner)
		return m
	}
	up := []part{whole("fc1", inner)}
	if m.Gated {
		up = []part{whole("fc12", inner), whole("fc11", inner)}
	}
	m.Up = w.linear(hidden, c.MLPFC1Bias, up...)
	m.Down = w.linear(inner, c.MLPFC2Bias, whole("fc2", hidden))
	return m
}
