package transformer

// openQwen3 assembles Qwen3 (arXiv:2505.09388) as transformers 5.23 computes it
// in modeling_qwen3.py: Llama, with an RMSNorm on each head of queries and keys.
func openQwen3(w *weights) *Model {
	c := decodeQwen3(w)
	return c.open(w, 10000)
}

// decodeQwen3 reads config.json over the defaults of Qwen3.
func decodeQwen3(w *weights) *decoderConfig {
	c := &decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, headNorms: true}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads, c.HeadDim = 32768, 32, 128
	w.decode(c)
	return c
}

// openPPLX assembles pplx-embed as the code published with it computes it, PPLXQwen3Model in
// modeling.py: Qwen3, in which tokens see each other whatever the config says.
func openPPLX(w *weights) *Model {
	c := decodeQwen3(w)
	c.Bidirectional, c.headless = true, true
	return c.open(w, 10000)
}

// openVoyage assembles voyage-4-nano as the code published with it computes it,
// Qwen3BidirectionalModel: Qwen3, in which tokens see each other, and a linear layer on its
// hidden states, with as many outputs as config.json has labels.
func openVoyage(w *weights) *Model {
	c := decodeQwen3(w)
	c.headless = true
	w.only("use_bidirectional_attention", c.Bidirectional, true)
	outputs, _, err := labels(w.config)
	w.refuse(err)
	w.positive(keyValue{"num_labels", outputs})
	m := c.open(w, 10000)
	if m != nil {
		m.Hidden, m.Projection = outputs, w.beside().exact().linear(c.HiddenSize, withoutBias, whole("linear", outputs))
	}
	return m
}
