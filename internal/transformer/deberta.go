package transformer

import "fmt"

// debertaConfig is bertConfig with what DeBERTa-v2 adds.
type debertaConfig struct {
	bertConfig
	disentangledConfig
	convolutionConfig
	AttentionHeadSize   int    `json:"attention_head_size"` // 0 = hidden_size, by the heads
	PositionBiasedInput bool   `json:"position_biased_input"`
	PoolerHiddenSize    *int   `json:"pooler_hidden_size"` // nil = hidden_size
	PoolerHiddenAct     string `json:"pooler_hidden_act"`
	Legacy              bool   `json:"legacy"` // of the masked-language-model head
}

// openDeBERTa assembles DeBERTa-v2 and v3 (arXiv:2006.03654, arXiv:2111.09543) as
// transformers 5.23 computes it in modeling_deberta_v2.py: BERT with disentangled
// attention, whose embeddings may be narrower than its layers and have no
// positions, and where the config says so a convolution beside the first layer.
// The heads of pre-training are not used.
func openDeBERTa(w *weights) *Model {
	c := debertaConfig{
		bertConfig:          bertConfig{sizes: sizes{MaxPositionEmbeddings: 512}, HiddenAct: "gelu", LayerNormEps: 1e-7},
		disentangledConfig:  disentangledConfig{NormRelEbd: "none"},
		convolutionConfig:   convolutionConfig{ConvGroups: 1, ConvAct: "tanh"},
		PositionBiasedInput: true, PoolerHiddenAct: "gelu", Legacy: true,
	}
	w.decode(&c)
	c.check(w)
	if c.AttentionHeadSize != 0 {
		w.same("attention_head_size", c.AttentionHeadSize, keyValue{"hidden_size/num_attention_heads", c.dim})
	}
	c.checkTerms(w, c.MaxPositionEmbeddings)
	c.checkConvolution(w, c.HiddenSize)
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.EmbeddingSize) {
		return nil
	}
	hidden := c.HiddenSize
	m := &Model{Hidden: hidden, Embeddings: c.embeddings(w.at("embeddings")), Layers: make([]Layer, c.NumHiddenLayers)}
	if c.PositionBiasedInput {
		m.MaxPositions = c.MaxPositionEmbeddings
	}
	table := c.positions(w.at("encoder"), hidden, c.eps)
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		self := l.at("attention.self")
		attention := c.attention(
			self.linear(hidden, withBias, whole("query_proj", hidden), whole("key_proj", hidden), whole("value_proj", hidden)),
			l.linear(hidden, withBias, whole("attention.output.dense", hidden)))
		attention.Disentangled = c.disentangled(self, hidden, table, attention.QKV)
		attention.Scale = scoreScale(c.dim * c.terms())
		m.Layers[i] = Layer{
			Attention: attention,
			AttnSum:   l.norm("attention.output.LayerNorm", hidden, c.eps, withBias),
			MLP:       c.mlp(l, "intermediate.dense", "output.dense"),
			MLPSum:    l.norm("output.LayerNorm", hidden, c.eps, withBias),
		}
	}
	if c.ConvKernelSize > 0 {
		m.Layers[0].Beside = c.convolution(w.at("encoder.conv"), hidden, c.eps)
	}
	switch w.head {
	case ClassificationHead:
		m.Head = c.head(w)
	case MaskedHead:
		w.maskedHead(m, c.masked())
	}
	return m
}

// embeddings returns those of tokens, types and positions, each where there are
// any, and the norm behind them.
func (c *debertaConfig) embeddings(w *weights) Embeddings {
	width, hidden := c.EmbeddingSize, c.HiddenSize
	w.ignore("position_ids")
	e := Embeddings{Tokens: w.table("word_embeddings", c.VocabSize, width), Padding: -1}
	if c.PositionBiasedInput {
		e.Positions = w.table("position_embeddings", c.MaxPositionEmbeddings, width)
	} else {
		w.ignore("position_embeddings.")
	}
	if c.TypeVocabSize > 0 {
		e.Types = w.rows("token_type_embeddings", c.TypeVocabSize, width)
	}
	norm := w.norm("LayerNorm", hidden, c.eps, withBias)
	if width == hidden {
		e.Norm = norm
	} else {
		e.Projection, e.ProjectionNorm = w.linear(width, withoutBias, whole("embed_proj", hidden)), norm
	}
	return e
}

// head returns the classification head, with a pooler of its own.
func (c *debertaConfig) head(w *weights) *Head {
	if n := c.PoolerHiddenSize; n != nil {
		w.same("pooler_hidden_size", *n, keyValue{"hidden_size", c.HiddenSize})
	}
	act := w.activation("pooler_hidden_act", c.PoolerHiddenAct)
	return w.classifier(c.HiddenSize, classifier{dense: "pooler.dense", bias: withBias, act: act, out: "classifier"})
}

// masked returns the masked-language-model head: BERT's, or that of the published code,
// whose decoder is the token table whatever the config says.
func (c *debertaConfig) masked() masked {
	if c.Legacy {
		return bertMasked(c.act, c.eps)
	}
	const head = "lm_predictions.lm_head"
	return masked{
		dense: head + ".dense", denseBias: withBias, act: c.act, norm: head + ".LayerNorm", normBias: withBias, eps: c.eps,
		decoder: head + ".decoder", bias: withBias, tiedBias: head + ".bias", tying: tiedAlways,
	}
}
