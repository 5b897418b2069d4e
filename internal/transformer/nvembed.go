package transformer

// nvEmbedConfig is what changes the numbers in the latent_attention_config of NV-Embed. The
// names and defaults are those of the code published with it, configuration_nvembed.py.
type nvEmbedConfig struct {
	Latents   int `json:"num_latents_value"`
	Heads     int `json:"num_cross_heads"`
	HiddenDim int `json:"hidden_dim"`
	LatentDim int `json:"latent_dim"`
	HeadDim   int `json:"cross_dim_head"`
}

// openNVEmbed assembles NV-Embed (arXiv:2405.17428) as the code published with it computes
// it, NVEmbedModel in modeling_nvembed.py: Mistral, in which tokens see each other however far
// apart, and attention to latents on its hidden states. What it does to the texts is
// the caller's, as in sentence-transformers.
func openNVEmbed(w *weights) *Model {
	outer := struct {
		Latents nvEmbedConfig `json:"latent_attention_config"`
	}{nvEmbedConfig{Latents: 512, Heads: 8, HiddenDim: 4096, LatentDim: 4096, HeadDim: 4096}}
	w.decode(&outer)
	o := outer.Latents
	w.positive(keyValue{"num_latents_value", o.Latents}, keyValue{"num_cross_heads", o.Heads}, keyValue{"cross_dim_head", o.HeadDim})
	w.under("text_config")
	c := struct {
		decoderConfig
		ModelType string `json:"model_type"`
	}{decoderConfig: decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6}}
	c.MaxPositionEmbeddings, c.NumKeyValueHeads = 4096*32, 8
	w.decode(&c)
	w.only("model_type", c.ModelType, "bidir_mistral")
	c.Bidirectional, c.headless = true, true
	m := c.open(w, 10000)
	if m == nil {
		return nil
	}
	hidden := c.HiddenSize
	w.same("hidden_dim", o.HiddenDim, keyValue{"hidden_size", hidden})
	w.same("latent_dim", o.LatentDim, keyValue{"hidden_size", hidden})
	if w.refused != nil {
		return nil
	}
	const eps, attention, mlp = 1e-5, "cross_attend_blocks.0.", "cross_attend_blocks.1."
	l := w.beside().at("latent_attention_model").exact()
	m.Latents = &Latents{
		In:      l.norm(attention+"norm", hidden, eps, withBias),
		Queries: l.linear(hidden, withoutBias, whole(attention+"fn.to_q", o.Heads*o.HeadDim)),
		Output:  l.linear(o.Heads*o.HeadDim, withoutBias, whole(attention+"fn.to_out", hidden)),
		Scale:   scoreScale(o.HeadDim),
		MLPIn:   l.norm(mlp+"norm", hidden, eps, withBias),
		MLP: MLP{
			Up:   l.linear(hidden, withBias, swapped(mlp+"fn.net.0", 4*hidden)...),
			Down: l.linear(4*hidden, withBias, whole(mlp+"fn.net.2", hidden)),
			Act:  activations["gelu"], Gated: true,
		},
	}
	context := l.norm(attention+"norm_context", hidden, eps, withBias)
	l.packLatents(m.Latents, "latents", o.Latents, context, attention+"fn.to_kv.weight", o.Heads, o.HeadDim)
	return m
}
