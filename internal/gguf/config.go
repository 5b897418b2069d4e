package gguf

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// An architecture is one of general.architecture.
type architecture struct {
	config func(m *model) map[string]any // what config.json says
	names  func(m *model) names          // of tensors
}

// architectures are those that are read.
var architectures = map[string]architecture{
	"bert":            {bertConfig, bertNames},
	"nomic-bert":      {nomicConfig, nomicNames},
	"nomic-bert-moe":  {nomicConfig, nomicNames},
	"jina-bert-v2":    {jinaConfig, jinaNames},
	"modern-bert":     {modernConfig, modernNames},
	"t5encoder":       {t5Config, t5Names},
	"llama":           {llamaConfig, llamaNames},
	"qwen2":           {qwen2Config, decoderNames},
	"qwen3":           {qwen3Config, decoderNames},
	"eurobert":        {euroConfig, decoderNames},
	"gemma3":          {gemmaConfig, gemmaNames},
	"gemma-embedding": {gemmaConfig, gemmaNames},
}

// passedKeys are those of an architecture that repeat what tensors say, or have to do with
// what is not computed here.
var passedKeys = []string{
	"vocab_size", "decoder_start_token_id", "decoder_block_count", "final_logit_softcapping", "tensor_data_layout",
	"classifier.output_labels", "classifier.pooling_type", "rope.scaling.finetuned", "dense_2_feat_in", "dense_2_feat_out", "dense_3_feat_in", "dense_3_feat_out",
}

// base returns what all architectures say, under the names of most config.json files. The
// last of the keys is what tells an encoder: its tokens see each other.
func (m *model) base(modelType, class string) map[string]any {
	for _, key := range passedKeys {
		m.get(m.own(key))
	}
	m.hidden = m.number(m.own("embedding_length"))
	if shape := m.shape("token_embd.weight"); len(shape) != 2 || shape[1] != m.hidden {
		m.fail(fmt.Errorf("tensor token_embd.weight: shape %v, expected rows of %s %d", shape, m.own("embedding_length"), m.hidden))
	}
	if n := m.numberOr(m.own("embedding_length_out"), m.hidden); n != m.hidden {
		m.refuse(m.own("embedding_length_out"), "%d, expected %d as embedding_length", n, m.hidden)
	}
	m.heads = m.number(m.own("attention.head_count"))
	m.keys = m.numberOr(m.own("attention.head_count_kv"), m.heads)
	return map[string]any{
		"model_type": modelType, "architectures": []string{class}, "hidden_size": m.hidden,
		"num_hidden_layers": m.number(m.own("block_count")), "num_attention_heads": m.heads,
		"intermediate_size": m.number(m.own("feed_forward_length")), "max_position_embeddings": m.number(m.own("context_length")),
		"vocab_size": m.rows("token_embd.weight"),
	}
}

// bothSides expects tokens to see each other.
func (m *model) bothSides() {
	if key := m.own("attention.causal"); m.flag(key, false) {
		m.refuse(key, "true, expected false of an encoder")
	}
	if m.keys != m.heads {
		m.refuse(m.own("attention.head_count_kv"), "%d, expected %d, as many as heads", m.keys, m.heads)
	}
}

// headDim returns the width of a head, which the keys of two lengths and of rotated
// dimensions have to say, or be silent.
func (m *model) headDim() int {
	dim := 0
	if m.heads > 0 {
		dim = m.hidden / m.heads
	}
	dim = m.numberOr(m.own("attention.key_length"), dim)
	for _, key := range []string{"attention.value_length", "rope.dimension_count", "rope.dimension_count_swa", "attention.key_length_swa", "attention.value_length_swa"} {
		if n := m.numberOr(m.own(key), dim); n != dim {
			m.refuse(m.own(key), "%d, expected %d, the width of a head", n, dim)
		}
	}
	return dim
}

// bertConfig is BERT, and RoBERTa and XLM-RoBERTa, of which positions before the first were
// cut off. Those have one type of tokens and another tokenizer.
func bertConfig(m *model) map[string]any {
	c := m.base("bert", "BertModel")
	m.bothSides()
	m.headDim()
	types, kind := m.rows("token_types.weight"), m.textOr("tokenizer.ggml.model", "")
	m.get("tokenizer.ggml.token_type_count")
	if kind != "bert" && types == 1 {
		c["model_type"], c["architectures"] = "xlm-roberta", []string{"XLMRobertaModel"}
		if kind == "gpt2" {
			c["model_type"], c["architectures"] = "roberta", []string{"RobertaModel"}
		}
		pad := m.numberOr("tokenizer.ggml.padding_token_id", 1)
		if most := 16; pad > most {
			m.refuse("tokenizer.ggml.padding_token_id", "%d, expected at most %d", pad, most)
			pad = 0
		}
		m.padding, c["pad_token_id"] = pad+1, pad
	}
	c["max_position_embeddings"] = m.rows("position_embd.weight") + m.padding
	c["hidden_act"], c["type_vocab_size"] = "gelu", types
	c["layer_norm_eps"] = m.needFloat(m.own("attention.layer_norm_epsilon"))
	return c
}

// nomicConfig is Nomic BERT, under the names of the code published with it.
func nomicConfig(m *model) map[string]any {
	b := m.base("nomic_bert", "NomicBertModel")
	m.bothSides()
	m.headDim()
	m.get("tokenizer.ggml.token_type_count")
	c := map[string]any{
		"model_type": "nomic_bert", "architectures": b["architectures"], "n_embd": b["hidden_size"], "n_layer": b["num_hidden_layers"],
		"n_head": b["num_attention_heads"], "n_inner": b["intermediate_size"], "n_positions": b["max_position_embeddings"],
		"vocab_size": b["vocab_size"], "type_vocab_size": m.rows("token_types.weight"), "activation_function": "gelu",
		"layer_norm_epsilon": m.needFloat(m.own("attention.layer_norm_epsilon")), "rotary_emb_base": m.needFloat(m.own("rope.freq_base")),
		"rotary_emb_fraction": 1, "qkv_proj_bias": m.has("blk.0.attn_qkv.bias"), "mlp_fc1_bias": m.has("blk.0.ffn_up.bias"), "mlp_fc2_bias": m.has("blk.0.ffn_down.bias"),
	}
	if m.has("blk.0.ffn_gate.weight") {
		c["activation_function"] = "swiglu"
	}
	if every := m.numberOr(m.own("moe_every_n_layers"), 0); every > 0 {
		c["moe_every_n_layers"], c["num_experts"], c["moe_top_k"] = every, m.number(m.own("expert_count")), m.number(m.own("expert_used_count"))
	}
	m.unscaled()
	return c
}

// jinaConfig is JinaBERT, both of its codes.
func jinaConfig(m *model) map[string]any {
	c := m.base("bert", "JinaBertModel")
	m.bothSides()
	m.headDim()
	m.get("tokenizer.ggml.token_type_count")
	c["auto_map"] = map[string]any{"AutoModel": "modeling_bert.JinaBertModel"}
	c["position_embedding_type"], c["feed_forward_type"] = "alibi", "original"
	if m.has("blk.0.ffn_gate.weight") || m.rows("blk.0.ffn_up.weight") == 2*c["intermediate_size"].(int) {
		c["feed_forward_type"] = "geglu"
	}
	c["hidden_act"], c["type_vocab_size"] = "gelu", m.rows("token_types.weight")
	c["layer_norm_eps"] = m.needFloat(m.own("attention.layer_norm_epsilon"))
	return c
}

// modernConfig is ModernBERT.
func modernConfig(m *model) map[string]any {
	c := m.base("modernbert", "ModernBertModel")
	m.bothSides()
	m.headDim()
	c["norm_eps"] = m.float(m.own("attention.layer_norm_rms_epsilon")) // where config.json has but that
	if v := m.float(m.own("attention.layer_norm_epsilon")); v != nil || c["norm_eps"] == nil {
		c["norm_eps"] = m.needFloat(m.own("attention.layer_norm_epsilon"))
	}
	c["hidden_activation"] = m.textOr(m.own("hidden_activation"), "gelu")
	c["global_rope_theta"] = m.needFloat(m.own("rope.freq_base"))
	if theta := m.float(m.own("rope.freq_base_swa")); theta != nil {
		c["local_rope_theta"] = theta
	}
	if n := m.numberOr(m.own("attention.sliding_window"), 0); n > 0 {
		c["local_attention"] = n
		m.layerTypes(c, 3, true)
	} else {
		c["layer_types"] = slices.Repeat([]string{full}, m.layers())
	}
	m.unscaled()
	return c
}

// t5Config is the encoder of T5.
func t5Config(m *model) map[string]any {
	b := m.base("t5", "T5EncoderModel")
	m.bothSides()
	m.get(m.own("attention.layer_norm_epsilon")) // says the same
	c := map[string]any{
		"model_type": "t5", "architectures": b["architectures"], "d_model": m.hidden, "d_kv": m.headDim(), "d_ff": b["intermediate_size"],
		"num_layers": b["num_hidden_layers"], "num_heads": m.heads, "vocab_size": b["vocab_size"],
		"layer_norm_epsilon":             m.needFloat(m.own("attention.layer_norm_rms_epsilon")),
		"relative_attention_num_buckets": m.number(m.own("attention.relative_buckets_count")), "relative_attention_max_distance": 128,
		"feed_forward_proj": "relu",
	}
	if m.has("enc.blk.0.ffn_gate.weight") {
		c["feed_forward_proj"] = "gated-gelu"
	}
	return c
}

// The kinds of layers in layer_types.
const (
	full    = "full_attention"
	sliding = "sliding_attention"
)

// layers returns how many there are.
func (m *model) layers() int {
	if n := m.numberOr(m.own("block_count"), 0); n <= len(m.file.Names()) {
		return n
	}
	return 0 // the family says that tensors are missing
}

// layerTypes sets layer_types: as the key says, by one boolean for each layer, true of those with
// a window, or by every how many layers one sees all, the first of them or the last; otherwise
// where it is silent.
func (m *model) layerTypes(c map[string]any, otherwise int, first bool) {
	key := m.own("attention.sliding_window_pattern")
	types := slices.Repeat([]string{sliding}, m.layers())
	c["layer_types"] = types
	if list, ok := m.get(key).([]any); ok {
		for i := range types {
			if i >= len(list) {
				m.wrong(key, "a boolean for each layer")
				return
			}
			windowed, ok := list[i].(bool)
			if !ok {
				m.wrong(key, "a boolean for each layer")
				return
			}
			if !windowed {
				types[i] = full
			}
		}
		return
	}
	every := m.numberOr(key, otherwise)
	for i := range types {
		if every > 0 && (first && i%every == 0 || !first && (i+1)%every == 0) {
			types[i] = full
		}
	}
}

// decoder returns what Llama and its like say.
func (m *model) decoder(modelType, class string) map[string]any {
	c := m.base(modelType, class)
	c["num_key_value_heads"], c["head_dim"] = m.keys, m.headDim()
	c["rms_norm_eps"] = m.needFloat(m.own("attention.layer_norm_rms_epsilon"))
	if !m.flag(m.own("attention.causal"), true) {
		c["is_causal"] = false
	}
	return c
}

// rotated adds the positions of a decoder whose layers are all alike.
func (m *model) rotated(c map[string]any) map[string]any {
	c["rope_theta"] = json10000
	if theta := m.float(m.own("rope.freq_base")); theta != nil {
		c["rope_theta"] = theta
	}
	key := m.own("rope.scaling.type")
	switch kind := m.textOr(key, "none"); kind {
	case "none":
		if factor := m.float(m.own("rope.scaling.factor")); factor != nil && factor != json1 {
			m.refuse(m.own("rope.scaling.factor"), "%v beside no rope.scaling.type", factor)
		}
		if m.has(ropeFreqs) {
			c["rope_scaling"] = m.llama3()
		}
	case "linear":
		c["rope_scaling"] = map[string]any{"rope_type": "linear", "factor": m.needFloat(m.own("rope.scaling.factor"))}
	case "yarn":
		scaling := map[string]any{
			"rope_type": "yarn", "factor": m.needFloat(m.own("rope.scaling.factor")),
			"original_max_position_embeddings": m.number(m.own("rope.scaling.original_context_length")),
		}
		for theirs, ours := range map[string]string{"yarn_attn_factor": "attention_factor", "yarn_beta_fast": "beta_fast", "yarn_beta_slow": "beta_slow"} {
			if v := m.float(m.own("rope.scaling." + theirs)); v != nil {
				scaling[ours] = v
			}
		}
		if v := m.float(m.own("rope.scaling.yarn_ext_factor")); v != nil && v != json1 {
			m.refuse(m.own("rope.scaling.yarn_ext_factor"), "%v, expected 1", v)
		}
		c["rope_scaling"] = scaling
	default:
		m.refuse(key, "%.100q, expected none, linear or yarn", kind)
	}
	return c
}

// unscaled expects positions that are not scaled.
func (m *model) unscaled() {
	key := m.own("rope.scaling.type")
	if kind := m.textOr(key, "none"); kind != "none" {
		m.refuse(key, "%.100q, expected none", kind)
	}
	key = m.own("rope.scaling.factor")
	if factor := m.float(key); factor != nil && factor != json1 {
		m.refuse(key, "%v, expected 1", factor)
	}
}

// ropeFreqs is the tensor with what each frequency of Llama 3 is divided by.
const ropeFreqs = "rope_freqs.weight"

// llama3 returns the rope_scaling of Llama 3.1 to 3.3, whose numbers were made into factors
// of each frequency: it is told by the largest, and has to give the others too.
func (m *model) llama3() map[string]any {
	t, _ := m.file.Tensor(ropeFreqs)
	factors := make([]float32, t.Len())
	if err := t.Float32s(factors); err != nil {
		m.fail(err)
		return nil
	}
	const low, high, original = 1, 4, 8192
	theta, ok := m.get(m.own("rope.freq_base")).(float32)
	factor := slices.Max(append(factors, 1))
	dim := m.headDim()
	fits := ok && len(factors) == dim/2
	for i := 0; fits && i < len(factors); i++ {
		wavelength := 2 * math.Pi * math.Pow(float64(theta), float64(2*i)/float64(dim))
		want := 1.0
		if wavelength > original/low {
			want = float64(factor)
		} else if wavelength >= original/high {
			smooth := (original/wavelength - low) / (high - low)
			want = 1 / ((1-smooth)/float64(factor) + smooth)
		}
		fits = math.Abs(float64(factors[i])-want) <= 1e-5*want
	}
	if !fits {
		m.refuse(ropeFreqs, "factors that are not those of Llama 3.1")
	}
	return map[string]any{
		"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high, "original_max_position_embeddings": original,
	}
}

func llamaConfig(m *model) map[string]any {
	c := m.rotated(m.decoder("llama", "LlamaForCausalLM"))
	c["attention_bias"] = m.has("blk.0.attn_q.bias")
	if m.has("blk.0.ffn_gate_inp.weight") || m.numberOr(m.own("expert_count"), 0) > 0 {
		m.refuse(m.own("expert_count"), "a mixture of experts, expected none")
	}
	return c
}

func qwen2Config(m *model) map[string]any { return m.rotated(m.decoder("qwen2", "Qwen2ForCausalLM")) }

func qwen3Config(m *model) map[string]any { return m.rotated(m.decoder("qwen3", "Qwen3ForCausalLM")) }

func euroConfig(m *model) map[string]any { return m.rotated(m.decoder("eurobert", "EuroBertModel")) }

// gemmaConfig is Gemma 3, and EmbeddingGemma, whose tokens see each other.
func gemmaConfig(m *model) map[string]any {
	c := m.decoder("gemma3_text", "Gemma3ForCausalLM")
	delete(c, "is_causal")
	c["query_pre_attn_scalar"] = c["head_dim"]
	if m.name == "gemma3" && m.layers() == 62 { // the one of 27 billion, which llama.cpp knows by that
		c["query_pre_attn_scalar"] = m.hidden / max(m.heads, 1)
	}
	if m.name == "gemma-embedding" {
		c["architectures"], c["use_bidirectional_attention"] = []string{"Gemma3TextModel"}, true
	} else if !m.flag(m.own("attention.causal"), true) {
		m.refuse(m.own("attention.causal"), "false, expected true of gemma3")
	}
	for key, own := range map[string]string{"rope_theta": "rope.freq_base", "rope_local_base_freq": "rope.freq_base_swa"} {
		if theta := m.float(m.own(own)); theta != nil {
			c[key] = theta
		}
	}
	if n := m.numberOr(m.own("attention.sliding_window"), 0); n > 0 {
		c["sliding_window"] = n
		m.layerTypes(c, 6, false)
	} else {
		c["layer_types"] = slices.Repeat([]string{full}, m.layers())
	}
	key := m.own("rope.scaling.type")
	switch kind := m.textOr(key, "none"); kind {
	case "none":
	case "linear":
		c["rope_scaling"] = map[string]any{"rope_type": "linear", "factor": m.needFloat(m.own("rope.scaling.factor"))}
	default:
		m.refuse(key, "%.100q, expected none or linear", kind)
	}
	return c
}

// stored returns the tensors of the file.
func (m *model) stored() map[string]tensor.Tensor {
	all := map[string]tensor.Tensor{}
	for _, t := range m.file.Stored() {
		all[t.Name] = t
	}
	return all
}
