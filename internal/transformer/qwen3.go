package transformer

// openQwen3 assembles Qwen3 (arXiv:2505.09388) as transformers 5.23 computes it
// in modeling_qwen3.py: Llama, with an RMSNorm on each head of queries and keys.
func openQwen3(w *weights) *Model {
	c := decoderConfig{
		sizes: sizes{MaxPositionEmbeddings: 32768}, NumKeyValueHeads: 32, HeadDim: 128, HiddenAct: "silu", RMSNormEps: 1e-6,
		headNorms: true,
	}
	w.decode(&c)
	return c.open(w, 10000)
}
