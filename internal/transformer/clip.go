package transformer

import "fmt"

// clipConfig is what changes the numbers in the text_config of CLIP. The names are those of
// transformers 5.23, configuration_clip.py.
type clipConfig struct {
	sizes
	HiddenAct    string  `json:"hidden_act"`
	LayerNormEps float64 `json:"layer_norm_eps"`
	EOSTokenID   int32   `json:"eos_token_id"`
}

// openCLIP assembles the text model in CLIP (arXiv:2103.00020) as transformers 5.23 computes
// it in modeling_clip.py, get_text_features: norms on what goes into each half of a layer,
// tokens that see none behind them, and a linear layer at the end. The text's vector is that
// of its end token. The vision model beside it is not read.
func openCLIP(w *weights) *Model {
	outer := struct {
		ProjectionDim  int            `json:"projection_dim"`
		TextConfigDict map[string]any `json:"text_config_dict"`
	}{ProjectionDim: 512}
	w.decode(&outer)
	w.positive(keyValue{"projection_dim", outer.ProjectionDim})
	if outer.TextConfigDict != nil { // of older files: it and the defaults win over text_config
		w.under("text_config_dict")
	} else {
		w.under("text_config")
	}
	c := clipConfig{HiddenAct: "quick_gelu", LayerNormEps: 1e-5, EOSTokenID: 49407}
	c.sizes = sizes{VocabSize: 49408, HiddenSize: 512, IntermediateSize: 2048, NumHiddenLayers: 12, NumAttentionHeads: 8, MaxPositionEmbeddings: 77}
	w.decode(&c)
	w.sizes(&c.sizes)
	dim := w.headDim(&c.sizes)
	w.enough("num_hidden_layers", c.NumHiddenLayers)
	part := preNorm{
		hidden: c.HiddenSize, inner: c.IntermediateSize, heads: c.NumAttentionHeads, dim: dim,
		act: w.activation("hidden_act", c.HiddenAct), eps: w.epsilon("layer_norm_eps", c.LayerNormEps), causal: true,
		attnNorm: "layer_norm1", mlpNorm: "layer_norm2", up: "mlp.fc1", down: "mlp.fc2",
	}
	if !w.enter("embeddings.token_embedding.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	w.ignore("embeddings.position_ids")
	w.beside().passOver("vision_model.", "visual_projection.", "logit_scale")
	hidden := c.HiddenSize
	m := &Model{
		Hidden:       outer.ProjectionDim,
		MaxPositions: c.MaxPositionEmbeddings,
		Embeddings: Embeddings{
			Tokens:    w.table("embeddings.token_embedding", c.VocabSize, hidden),
			Positions: w.table("embeddings.position_embedding", c.MaxPositionEmbeddings, hidden),
			Padding:   -1,
		},
		Layers:     make([]Layer, c.NumHiddenLayers),
		FinalNorm:  w.norm("final_layer_norm", hidden, part.eps, withBias),
		Projection: w.beside().exact().linear(hidden, withoutBias, whole("text_projection", outer.ProjectionDim)),
		End:        &c.EOSTokenID,
	}
	if c.EOSTokenID == 2 { // as older files have it, which the reference takes for the highest id
		c.EOSTokenID = int32(c.VocabSize) - 1
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layers.%d", i))
		if i == 0 {
			l = l.finer()
		}
		m.Layers[i] = part.layer(l)
	}
	return m
}
