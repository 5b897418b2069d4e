package transformer

// openQwen3 assembles Qwen3 (arXiv:2505.09388) as transformers 5.23 computes it
// in modeling_qwen3.py: Llama, with an RMSNorm on each head of queries and keys.
func openQwen3(w *weights) *Model {
	c := decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, headNorms: true}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads, c.HeadDim = 32768, 32, 128
	w.decode(&c)
	return c.open(w, 10000)
}
