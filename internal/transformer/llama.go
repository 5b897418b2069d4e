package transformer

// openLlama assembles Llama (arXiv:2302.13971) as transformers 5.23 computes it
// in modeling_llama.py, and the form without a causal mask that embedding models
// made of it have.
func openLlama(w *weights) *Model {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6}
	c.MaxPositionEmbeddings = 2048
	w.decode(&c)
	return c.open(w, 10000)
}

// openLlamaBidirectional is openLlama for a model_type that says that tokens see
// each other.
func openLlamaBidirectional(w *weights) *Model {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6}
	c.MaxPositionEmbeddings = 2048
	w.decode(&c)
	c.Bidirectional, c.headless = true, true
	return c.open(w, 10000)
}
