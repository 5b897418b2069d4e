package transformer

import (
	"fmt"
	"math"
	"strconv"
)

// embeddingGemma2Config is what changes the numbers in the text_config of EmbeddingGemma 2.
// The names are those of transformers 5.23, configuration_embedding_gemma2.py; the last three
// are what it reads where a config has not what they stand for.
type embeddingGemma2Config struct {
	decoderSizes
	HiddenActivation        string                    `json:"hidden_activation"`
	RMSNormEps              float64                   `json:"rms_norm_eps"`
	AttentionBias           bias                      `json:"attention_bias"`
	SlidingWindow           int                       `json:"sliding_window"`
	LayerTypes              []string                  `json:"layer_types"`
	HiddenSizePerLayerInput int                       `json:"hidden_size_per_layer_input"`
	EmbeddingDim            int                       `json:"embedding_dim"`
	RopeParameters          *ropeByLayer              `json:"rope_parameters"`
	PerLayer                map[string]map[string]int `json:"per_layer_config"`
	SlidingWindowPattern    int                       `json:"sliding_window_pattern"`
	GlobalHeadDim           int                       `json:"global_head_dim"`
	GlobalKeyValueHeads     int                       `json:"num_global_key_value_heads"`
}

// check checks c, and returns the kind of each layer and its sizes, nil where something is
// refused.
func (c *embeddingGemma2Config) check(w *weights) (kinds []string, sizes []decoderSizes) {
	w.positive(keyValue{"num_key_value_heads", c.NumKeyValueHeads}, keyValue{"head_dim", c.HeadDim},
		keyValue{"global_head_dim", c.GlobalHeadDim}, keyValue{"num_global_key_value_heads", c.GlobalKeyValueHeads},
		keyValue{"sliding_window_pattern", c.SlidingWindowPattern}, keyValue{"sliding_window", c.SlidingWindow},
		keyValue{"hidden_size_per_layer_input", c.HiddenSizePerLayerInput}, keyValue{"embedding_dim", c.EmbeddingDim})
	c.decoderSizes.check(w)
	kinds = w.layerTypes(c.LayerTypes, c.NumHiddenLayers, func(i int) bool { return (i+1)%c.SlidingWindowPattern == 0 })
	if len(kinds) != c.NumHiddenLayers || w.refused != nil {
		return nil, nil
	}
	kinds[len(kinds)-1] = "full_attention" // as the reference has it, whatever layer_types says
	for _, kind := range kinds {
		s := c.decoderSizes
		if kind == "full_attention" && c.PerLayer == nil {
			s.HeadDim, s.NumKeyValueHeads = c.GlobalHeadDim, c.GlobalKeyValueHeads
		}
		sizes = append(sizes, s)
	}
	for layer, values := range c.PerLayer {
		i, err := strconv.Atoi(layer)
		if err != nil || i < 0 || i >= len(sizes) {
			w.refusef("per_layer_config: found %.50q, expected the number of a layer", layer)
			return nil, nil
		}
		for key, value := range values {
			switch key {
			case "head_dim":
				sizes[i].HeadDim = value
			case "num_key_value_heads":
				sizes[i].NumKeyValueHeads = value
			default:
				w.refusef("per_layer_config: %s: found %.50q, expected head_dim or num_key_value_heads", layer, key)
			}
		}
	}
	for i := range sizes {
		s := &sizes[i]
		w.positive(keyValue{"head_dim", s.HeadDim})
		w.multiple(keyValue{"num_attention_heads", s.NumAttentionHeads}, keyValue{"num_key_value_heads", s.NumKeyValueHeads})
	}
	return kinds, sizes
}

// openEmbeddingGemma2 assembles the text model in EmbeddingGemma 2, beside which are towers
// for images and audio that are not read. Their places in a text are no tokens of it.
func openEmbeddingGemma2(w *weights) *Model {
	c := struct {
		Image int32 `json:"image_token_id"`
		Video int32 `json:"video_token_id"`
		Audio int32 `json:"audio_token_id"`
	}{258880, 258884, 258881}
	w.decode(&c)
	w.under("text_config")
	m := openEmbeddingGemma2Text(w)
	if m == nil {
		return nil
	}
	m.Placeholders = []int32{c.Image, c.Video, c.Audio}
	w.beside().passOver("vision_tower.", "embed_vision.", "audio_tower.", "embed_audio.")
	return m
}

// openEmbeddingGemma2Text assembles the text model of EmbeddingGemma 2 as transformers 5.23
// computes it in modeling_embedding_gemma2.py: Gemma's layers, whose full attention has wider
// heads, with a norm without a weight on values and scores that are not scaled; each layer is
// reminded of the token's embedding; and a linear layer at the end.
func openEmbeddingGemma2Text(w *weights) *Model {
	c := embeddingGemma2Config{
		HiddenActivation: "gelu_pytorch_tanh", RMSNormEps: 1e-6, SlidingWindow: 512, HiddenSizePerLayerInput: 512, EmbeddingDim: 768,
		SlidingWindowPattern: 6, GlobalHeadDim: 512, GlobalKeyValueHeads: 1,
	}
	c.sizes = sizes{VocabSize: 262144, HiddenSize: 512, IntermediateSize: 2048, NumHiddenLayers: 24, NumAttentionHeads: 4, MaxPositionEmbeddings: 262144}
	c.NumKeyValueHeads, c.HeadDim = 2, 256
	w.decode(&c)
	kinds, sizes := c.check(w)
	act, eps := w.activation("hidden_activation", c.HiddenActivation), w.epsilon("rms_norm_eps", c.RMSNormEps)
	ropes := make([]*RoPE, len(kinds))
	for i, kind := range kinds {
		all, err := c.RopeParameters.ropes(sizes[i].HeadDim, c.MaxPositionEmbeddings, 1e6, 10000)
		w.refuse(err)
		if ropes[i] = all[kind]; i > 0 && kinds[i-1] == kind && sizes[i-1].HeadDim == sizes[i].HeadDim {
			ropes[i] = ropes[i-1] // one table for both
		}
	}
	if !w.enter("embed_tokens.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	hidden, width := c.HiddenSize, c.HiddenSizePerLayerInput
	m := &Model{
		Hidden:     c.EmbeddingDim,
		Embeddings: Embeddings{Tokens: w.table("embed_tokens", c.VocabSize, hidden), Scale: float32(math.Sqrt(float64(hidden))), Padding: -1},
		Layers:     make([]Layer, c.NumHiddenLayers),
		FinalNorm:  w.rmsNorm("norm", hidden, eps),
		Projection: w.exact().linear(hidden, withoutBias, whole("embedding_projection", c.EmbeddingDim)),
	}
	w.ignore("rotary_emb.", "embed_tokens.embed_scale")
	// The signal is scaled by hidden^-½ before its norm: its ε is that much larger instead.
	signalNorm := w.rmsNorm("ple.per_layer_projection_norm", width, eps*float32(hidden))
	const projection = "ple.per_layer_model_projection.weight"
	for i := range m.Layers {
		l, s := w.at(fmt.Sprintf("layers.%d", i)), sizes[i]
		m.Layers[i] = s.sandwiched(l, c.AttentionBias, act, eps, l.rmsNorm)
		a := &m.Layers[i].Attention
		a.QueryNorm, a.KeyNorm = l.rmsNorm("self_attn.q_norm", s.HeadDim, eps), l.rmsNorm("self_attn.k_norm", s.HeadDim, eps)
		a.ValueNorm = w.plainRMSNorm(s.HeadDim, eps)
		a.RoPE, a.Scale = ropes[i], 1
		if kinds[i] == "sliding_attention" {
			a.Window = c.SlidingWindow
		}
		m.MaxPositions = max(m.MaxPositions, ropes[i].limit)
		scale := l.vector(1, "layer_scalar")
		if len(scale) == 0 {
			continue // the error is known
		}
		m.Layers[i].PerLayer = &PerLayer{
			Signal:     w.linear(hidden, withoutBias, part{projection, len(m.Layers) * width, i * width, (i + 1) * width}),
			SignalNorm: signalNorm,
			Gate:       l.linear(hidden, withoutBias, whole("ple_block.per_layer_input_gate", width)),
			Act:        act,
			Out:        l.linear(width, withoutBias, whole("ple_block.per_layer_projection", hidden)),
			Norm:       l.rmsNorm("ple_block.post_per_layer_input_norm", hidden, eps),
			Scale:      scale[0],
		}
	}
	return m
}
