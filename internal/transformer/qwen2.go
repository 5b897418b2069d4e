package transformer

// openQwen2 assembles Qwen2 (arXiv:2407.10671) as transformers 5.23 computes it
// in modeling_qwen2.py: Llama, with a bias on queries, keys and values.
func openQwen2(config []byte, w *weights) (*Model, error) {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 32768, NumKeyValueHeads: 32, QKVBias: withBias}
	if err := c.read(config); err != nil {
		return nil, err
	}
	return c.open(w, 10000)
}
