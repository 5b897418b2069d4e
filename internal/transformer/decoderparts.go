package transformer

import "github.com/rhumb-go/rhumb/internal/kernel"

// decoderSizes are the sizes of Llama and its like, and the parts that they share.
type decoderSizes struct {
	sizes
	NumKeyValueHeads int `json:"num_key_value_heads"` // 0 = num_attention_heads
	HeadDim          int `json:"head_dim"`            // 0 = hidden_size / num_attention_heads
}

// check checks s, and fills in the sizes that others say.
func (s *decoderSizes) check(w *weights) {
	w.sizes(&s.sizes)
	if s.NumKeyValueHeads == 0 {
		s.NumKeyValueHeads = s.NumAttentionHeads
	}
	if s.HeadDim == 0 {
		s.HeadDim = w.headDim(&s.sizes)
	}
	w.positive(keyValue{"head_dim", s.HeadDim})
	w.multiple(keyValue{"num_attention_heads", s.NumAttentionHeads}, keyValue{"num_key_value_heads", s.NumKeyValueHeads})
	w.enough("num_hidden_layers", s.NumHiddenLayers)
}

// attention returns that of the layer under w's path, with these biases.
func (s *decoderSizes) attention(w *weights, qkv, output bias) Attention {
	queries, keys := s.NumAttentionHeads*s.HeadDim, s.NumKeyValueHeads*s.HeadDim
	return Attention{
		QKV: w.linear(s.HiddenSize, qkv,
			whole("self_attn.q_proj", queries), whole("self_attn.k_proj", keys), whole("self_attn.v_proj", keys)),
		Output: w.linear(queries, output, whole("self_attn.o_proj", s.HiddenSize)),
		Heads:  s.NumAttentionHeads, KVHeads: s.NumKeyValueHeads, HeadDim: s.HeadDim,
		Scale: scoreScale(s.HeadDim),
	}
}

// mlp returns that of the layer under w's path, one with a gate.
func (s *decoderSizes) mlp(w *weights, b bias, act kernel.Activation) MLP {
	hidden, inner := s.HiddenSize, s.IntermediateSize
	return MLP{
		Up:   w.linear(hidden, b, whole("mlp.gate_proj", inner), whole("mlp.up_proj", inner)),
		Down: w.linear(inner, b, whole("mlp.down_proj", hidden)),
		Act:  act, Gated: true,
	}
}

// sandwiched returns the layer under w's path as Gemma has it, with norms on what goes
// into each half and on what comes out.
func (s *decoderSizes) sandwiched(w *weights, attention bias, act kernel.Activation, eps float32, norm func(name string, n int, eps float32) *Norm) Layer {
	return Layer{
		AttnIn:    norm("input_layernorm", s.HiddenSize, eps),
		Attention: s.attention(w, attention, attention),
		AttnOut:   norm("post_attention_layernorm", s.HiddenSize, eps),
		MLPIn:     norm("pre_feedforward_layernorm", s.HiddenSize, eps),
		MLP:       s.mlp(w, withoutBias, act),
		MLPOut:    norm("post_feedforward_layernorm", s.HiddenSize, eps),
	}
}
