package transformer

// openMistral assembles Mistral 7B (arXiv:2310.06825) as transformers 5.23
// computes it in modeling_mistral.py: Llama, with a window on what tokens see.
func openMistral(w *weights) *Model {
	c := struct {
		decoderConfig
		SlidingWindow *int `json:"sliding_window"`
	}{decoderConfig: decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6}}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads = 4096*32, 8
	w.decode(&c)
	c.slide(w, c.SlidingWindow)
	return c.open(w, 10000)
}

// slide sets the window to what sliding_window says, which may be nil.
func (c *decoderConfig) slide(w *weights, n *int) {
	if n == nil {
		return
	}
	if *n < 2 || *n > 1<<31-1 {
		w.refusef("sliding_window: found %d, expected 2 or more, or null", *n)
	}
	c.window = *n
	if c.causal() {
		c.window-- // the token itself counts
	}
}
