package transformer

import "fmt"

// openQwen2 assembles Qwen2 (arXiv:2407.10671) as transformers 5.23 computes it
// in modeling_qwen2.py: Llama, with a bias on queries, keys and values.
func openQwen2(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 32768, NumKeyValueHeads: 32, QKVBias: withBias}
	if err := c.read(config); err != nil {
		return nil, err
	}
	return c.open(w, 10000)
}

// openQwen2Bidirectional assembles the form of Qwen2 that the code beside
// Alibaba-NLP/gte-Qwen2 and NovaSearch/stella_en_1.5B_v5 computes: its tokens see
// each other.
func openQwen2Bidirectional(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 32768, NumKeyValueHeads: 32, QKVBias: withBias}
	if err := c.read(config); err != nil {
		return nil, err
	}
	if c.IsCausal != nil && *c.IsCausal {
		return nil, fmt.Errorf("is_causal: found true, expected false")
	}
	c.Bidirectional, c.Headless = true, true
	return c.open(w, 10000)
}
