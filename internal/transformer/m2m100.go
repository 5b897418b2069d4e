package transformer

import (
	"fmt"
	"math"
)

// m2m100Config is what changes the numbers of the encoder in the config.json of M2M-100. The
// names are those of transformers 5.23, configuration_m2m_100.py.
type m2m100Config struct {
	DModel                int    `json:"d_model"`
	EncoderLayers         int    `json:"encoder_layers"`
	EncoderAttentionHeads int    `json:"encoder_attention_heads"`
	EncoderFFNDim         int    `json:"encoder_ffn_dim"`
	ActivationFunction    string `json:"activation_function"`
	ScaleEmbedding        bool   `json:"scale_embedding"`
	PadTokenID            int32  `json:"pad_token_id"`
	VocabSize             int    `json:"vocab_size"`
}

// openM2M100 assembles the encoder of M2M-100 (arXiv:2010.11125), NLLB and SONAR as transformers
// 5.23 computes it in modeling_m2m_100.py: norms on what goes into each half of a layer, and
// positions of sines, which count from the padding token's id + 1 on, without an end. The
// decoder is not used.
func openM2M100(w *weights) *Model {
	c := m2m100Config{
		DModel: 1024, EncoderLayers: 12, EncoderAttentionHeads: 16, EncoderFFNDim: 4096,
		ActivationFunction: "relu", ScaleEmbedding: true, PadTokenID: 1, VocabSize: 128112,
	}
	w.decode(&c)
	w.positive(keyValue{"encoder_layers", c.EncoderLayers}, keyValue{"encoder_ffn_dim", c.EncoderFFNDim}, keyValue{"vocab_size", c.VocabSize})
	if c.DModel < 4 || c.DModel%2 != 0 {
		w.refusef("d_model: found %d, expected an even number from 4 on", c.DModel)
	}
	if c.PadTokenID < 0 || int(c.PadTokenID) >= c.VocabSize {
		w.refusef("pad_token_id: found %d, expected 0 to %d, below vocab_size", c.PadTokenID, c.VocabSize-1)
	}
	w.enough("encoder_layers", c.EncoderLayers)
	hidden, first := c.DModel, int(c.PadTokenID)+1
	part := preNorm{
		hidden: hidden, inner: c.EncoderFFNDim, heads: c.EncoderAttentionHeads,
		dim: w.multiple(keyValue{"d_model", c.DModel}, keyValue{"encoder_attention_heads", c.EncoderAttentionHeads}),
		act: w.activation("activation_function", c.ActivationFunction), eps: 1e-5,
		attnNorm: "self_attn_layer_norm", mlpNorm: "final_layer_norm", up: "fc1", down: "fc2",
	}
	encoder := ""
	if w.holdsUnder("encoder.layer_norm.weight") { // beside a decoder
		encoder = "encoder."
	}
	if !w.enter(encoder+"layer_norm.weight", hidden) {
		return nil
	}
	tokens := "shared"
	if encoder == "" || !w.has(w.path+"shared.weight") {
		tokens = encoder + "embed_tokens"
	}
	w.ignore(encoder+"embed_tokens.", encoder+"embed_positions.") // the same as shared; what is computed
	if encoder != "" {
		w.beside().ignore("final_logits_bias")
	}
	m := &Model{
		Hidden: hidden,
		Embeddings: Embeddings{
			Tokens:    w.table(tokens, c.VocabSize, hidden),
			Sinusoids: newSinusoids(hidden, first), FirstPosition: first, Padding: c.PadTokenID,
		},
		Layers:    make([]Layer, c.EncoderLayers),
		FinalNorm: w.norm(encoder+"layer_norm", hidden, part.eps, withBias),
	}
	if c.ScaleEmbedding {
		m.Embeddings.Scale = float32(math.Sqrt(float64(hidden)))
	}
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("%slayers.%d", encoder, i))
		if i == 0 {
			l = l.finer()
		}
		m.Layers[i] = part.layer(l)
	}
	return m
}
