package transformer

// openMinistral3 assembles Ministral 3 as transformers 5.23 computes it in
// modeling_ministral3.py: Mistral, with queries that grow with their positions.
// Nemotron-3-Embed is the form in which tokens see each other, is_causal false.
func openMinistral3(w *weights) *Model {
	c := struct {
		decoderConfig
		SlidingWindow *int `json:"sliding_window"`
	}{decoderConfig: decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-5}}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads, c.HeadDim = 262144, 8, 128
	w.decode(&c)
	w.only("attention_bias", bool(c.AttentionBias), false)
	w.only("mlp_bias", bool(c.MLPBias), false)
	c.slide(w, c.SlidingWindow)
	c.grow(w)
	c.headless = true
	return c.open(w, 1e6)
}

// grow takes the growth of queries out of rope_parameters.
func (c *decoderConfig) grow(w *weights) {
	p := c.RopeParameters
	switch {
	case p == nil || p.err != nil: // or rope says what is wrong
		if p == nil {
			w.refusef("rope_parameters: missing, expected those of Ministral 3")
		}
	case p.Llama4Beta == nil || !(*p.Llama4Beta >= 0 && *p.Llama4Beta <= 1e6):
		w.refusef("rope_parameters: llama_4_scaling_beta: expected a number from 0 on")
	case p.OriginalMax == nil || *p.OriginalMax < 1 || *p.OriginalMax > 1<<31-1:
		w.refusef("rope_parameters: original_max_position_embeddings: expected a positive 32-bit number")
	default:
		c.growth = &QueryGrowth{Beta: *p.Llama4Beta, Every: *p.OriginalMax}
		p.Llama4Beta = nil
	}
}
