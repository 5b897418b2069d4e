package transformer

// openQwen2 assembles Qwen2 (arXiv:2407.10671) as transformers 5.23 computes it
// in modeling_qwen2.py: Llama, with a bias on queries, keys and values.
func openQwen2(w *weights) *Model {
	c := qwen2Config()
	w.decode(&c)
	return c.open(w, 10000)
}

// openQwen2Bidirectional assembles the form of Qwen2 that the code beside
// Alibaba-NLP/gte-Qwen2 and NovaSearch/stella_en_1.5B_v5 computes: its tokens see
// each other.
func openQwen2Bidirectional(w *weights) *Model {
	c := qwen2Config()
	w.decode(&c)
	if c.IsCausal != nil {
		w.only("is_causal", *c.IsCausal, false)
	}
	c.Bidirectional, c.headless = true, true
	return c.open(w, 10000)
}

// openKaLM assembles KaLM-Embedding-V2 (arXiv:2506.20923, 3.1), whose code is a Qwen2Model
// without the causal mask where is_causal is false, as its config.json says.
func openKaLM(w *weights) *Model {
	c := qwen2Config()
	w.decode(&c)
	if c.causal() {
		w.refusef("is_causal: found none or true, expected false")
	}
	c.headless = true
	return c.open(w, 10000)
}

// qwen2Config returns the defaults.
func qwen2Config() decoderConfig {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, qkvBias: withBias}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads = 32768, 32
	return c
}
