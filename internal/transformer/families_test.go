package transformer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// openChanged opens the model of a golden after a change of its files.
func openChanged(t *testing.T, name string, change func(config map[string]any, tensors []tensor.Tensor) []tensor.Tensor) error {
	dir := modelFolder(name)
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(data, &config))
	file, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	defer file.Close()
	var tensors []tensor.Tensor
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		tensors = append(tensors, x)
	}
	tensors = change(config, tensors)
	data, err = json.Marshal(config)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	var b bytes.Buffer
	require.NoError(t, tensor.Write(&b, tensors, nil))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	changed, err := tensor.Open(path)
	require.NoError(t, err)
	defer changed.Close()
	_, err = Open(t.Context(), Config{JSON: data, Weights: changed, Set: kernel.Best()})
	return err
}

// Each change of a folder that works makes an error that says where, what was
// found and what was expected.
func TestBadModels(t *testing.T) {
	type change = func(config map[string]any, tensors []tensor.Tensor) []tensor.Tensor
	// set gives the keys in pairs their values, which are JSON.
	set := func(pairs ...string) change {
		return func(config map[string]any, tensors []tensor.Tensor) []tensor.Tensor {
			for i := 0; i < len(pairs); i += 2 {
				var value any
				require.NoError(t, json.Unmarshal([]byte(pairs[i+1]), &value), pairs[i])
				config[pairs[i]] = value
			}
			return tensors
		}
	}
	// on changes the tensor of that name.
	on := func(name string, change func(x *tensor.Tensor)) change {
		return func(_ map[string]any, tensors []tensor.Tensor) []tensor.Tensor {
			i := slices.IndexFunc(tensors, func(x tensor.Tensor) bool { return x.Name == name })
			require.GreaterOrEqual(t, i, 0, name)
			change(&tensors[i])
			return tensors
		}
	}
	const up = "encoder.layer.1.mlp.up_gated_layer.weight"
	unscaled := `{"type": "linear"}`
	for _, c := range []struct {
		name, model string
		change      change
		want        []string
	}{
		{"renamed tensor", "jinabert-normed-geglu", on(up, func(x *tensor.Tensor) { x.Name += "_" }),
			[]string{"model.safetensors: tensor " + up + ": missing, expected shape [72 20]", "tensor " + up + "_: not used by this model"}},
		{"tensor too many", "jinabert-geglu", func(_ map[string]any, tensors []tensor.Tensor) []tensor.Tensor {
			x := tensors[0]
			x.Name = "encoder.layer.2.mlp.wo.bias"
			return append(tensors, x)
		}, []string{"model.safetensors: tensor encoder.layer.2.mlp.wo.bias: not used by this model"}},
		{"misshaped tensor", "jinabert-geglu", on("encoder.layer.0.mlp.wo.weight", func(x *tensor.Tensor) { x.Shape = []int{36, 20} }),
			[]string{"model.safetensors: tensor encoder.layer.0.mlp.wo.weight: shape [36 20], expected [20 36]"}},
		{"tensor of integers", "jinabert-geglu", on("encoder.layer.0.mlp.wo.weight", func(x *tensor.Tensor) { x.DType = tensor.I32 }),
			[]string{"model.safetensors:", "tensor encoder.layer.0.mlp.wo.weight", "I32"}},
		{"two models in a file", "camembert", func(_ map[string]any, tensors []tensor.Tensor) []tensor.Tensor {
			i := slices.IndexFunc(tensors, func(x tensor.Tensor) bool { return x.Name == "embeddings.word_embeddings.weight" })
			x := tensors[i]
			x.Name = "teacher." + x.Name
			return append(tensors, x)
		}, []string{`model.safetensors: tensor embeddings.word_embeddings.weight: found under ["" "teacher."], expected one`}},

		{"unknown model_type", "camembert", set("model_type", `"bird"`), []string{`config.json: model_type: found "bird", expected one of albert, bert`}},
		{"declined model_type", "camembert", set("model_type", `"siglip"`), []string{`config.json: model_type: found "siglip": the vector of a text is that of the last position`}},
		{"code that says nothing of a mask", "qwen2-kalm", set("is_causal", `null`), []string{"config.json: is_causal: found none or true, expected false"}},
		{"unknown code", "camembert", set("auto_map", `{"AutoModel": "modeling_bird.BirdModel"}`),
			[]string{`config.json: auto_map: AutoModel: found code that is not known, "modeling_bird.BirdModel", for a camembert, expected none`}},
		{"unknown code of a repository", "gte-unpacked", set("auto_map", `{"AutoModel": "someone/else--modeling.OldModel"}`),
			[]string{`"someone/else--modeling.OldModel", for a new, expected none or modeling.NewModel`}},
		{"code that the caller may speak for", "gte-unpacked", set("auto_map", `{"AutoModel": "modeling.OldModel"}`),
			[]string{`for a new, expected none or modeling.NewModel; TrustModelType, --trust-model-type, is your word that it computes what new does without it`}},
		{"quantized weights", "camembert", set("quantization_config", `{"bits": 4}`), []string{`config.json: quantization_config: quant_method: found "", expected one of awq, bitsandbytes, compressed-tensors, fp8, gptq, rhumb`}},
		{"unknown activation", "camembert", set("hidden_act", `"softplus"`), []string{`config.json: hidden_act: found "softplus", expected one of gelu,`}},
		{"other positions", "camembert", set("position_embedding_type", `"relative_key"`), []string{`config.json: position_embedding_type: found "relative_key", expected "absolute"`}},
		{"key in another case", "camembert", set("Hidden_Size", `20`), []string{`config.json: key "Hidden_Size", expected "hidden_size"`}},
		{"key of another type", "camembert", set("hidden_size", `"20"`), []string{"config.json: hidden_size: found string, expected int"}},
		{"key of another type in an embedded struct", "mistral-window", set("rope_theta", `"1e6"`), []string{"config.json: rope_theta: found string, expected float64"}},
		{"more layers than tensors", "camembert", set("num_hidden_layers", `100000`), []string{"config.json: num_hidden_layers: found 100000, and only"}},

		{"windows on some layers", "qwen2-both-sides", set("use_sliding_window", `true`), []string{"config.json: use_sliding_window: found true, expected false"}},
		{"causal mask where none is", "qwen2-both-sides", set("is_causal", `true`), []string{"config.json: is_causal: found true, expected false"}},
		{"unknown layer type", "qwen3-not-causal", set("layer_types", `["full_attention", "linear_attention"]`),
			[]string{`config.json: layer_types: found "linear_attention" at layer 1, expected "full_attention"`}},
		{"unknown layer type of a window", "gemma3-causal", set("layer_types", `["full_attention", "chunked_attention", "full_attention"]`),
			[]string{`config.json: layer_types: found "chunked_attention" at layer 1, expected full_attention or sliding_attention`}},
		{"layer types of other layers", "modernbert-layer-types", set("layer_types", `["full_attention"]`),
			[]string{"config.json: layer_types: found 1, expected one for each of num_hidden_layers 4"}},
		{"window of one token", "mistral-window", set("sliding_window", `1`), []string{"config.json: sliding_window: found 1, expected 2 or more, or null"}},
		{"latents of another width", "nvembed", set("latent_attention_config", `{"hidden_dim": 24, "latent_dim": 20}`), []string{"config.json: text_config: latent_dim: found 20, expected hidden_size 24"}},
		{"latents beside another model", "nvembed", set("text_config", `{"model_type": "llama"}`), []string{`config.json: text_config: model_type: found "llama", expected "bidir_mistral"`}},
		{"other heads of latents", "nvembed", set("latent_attention_config", `{"hidden_dim": 24, "latent_dim": 24, "num_latents_value": 37, "num_cross_heads": 3, "cross_dim_head": 20}`),
			[]string{"tensor latent_attention_model.cross_attend_blocks.0.fn.to_kv.weight: shape [80 24], expected [120 24]"}},
		{"no causal mask, by what depends on the kernel", "gemma", set("use_bidirectional_attention", `true`), []string{"config.json: use_bidirectional_attention: found true, expected false"}},
		{"no causal mask, by the other word", "gemma", set("is_causal", `false`), []string{"config.json: is_causal: found false, expected true"}},
		{"two words about the mask", "gemma3-causal", set("is_causal", `false`), []string{"config.json: is_causal: found false beside use_bidirectional_attention false, expected its opposite"}},
		{"scores under a cap", "gemma3-causal", set("attn_logit_softcapping", `50.0`), []string{"config.json: attn_logit_softcapping: found 50, expected null"}},

		{"unknown rope_scaling", "llama-yarn", set("rope_scaling", `{"rope_type": "su", "factor": 2}`),
			[]string{`config.json: rope_scaling: rope_type: found "su", expected one of default, dynamic, linear, llama3, ntk, yarn`}},
		{"rope_scaling by lists of factors", "llama-yarn", set("rope_scaling", `{"rope_type": "longrope", "factor": 2, "long_factor": [1], "short_factor": [1]}`),
			[]string{`config.json: rope_scaling: rope_type: found "longrope"`}},
		{"ntk with another form", "gte-ntk", set("rope_scaling", `{"type": "ntk", "factor": 2.0, "mixed_b": 0.6}`),
			[]string{"config.json: rope_scaling: mixed_b: found, expected none with ntk"}},
		{"rope_scaling without a factor", "llama-yarn", set("rope_scaling", unscaled), []string{"config.json: rope_scaling: factor: missing, expected 1 or more"}},
		{"rope_scaling that shrinks", "llama-yarn", set("rope_scaling", `{"type": "linear", "factor": 0.5}`), []string{"config.json: rope_scaling: factor: found 0.5, expected 1 or more"}},
		{"rope_scaling of another type", "llama-yarn", set("rope_scaling", `"linear"`), []string{"config.json: rope_scaling: found string, expected object"}},
		{"rope_scaling by a number beyond float32", "llama-yarn", set("rope_scaling", `{"type": "yarn", "factor": 4.0, "attention_factor": 1e308}`), []string{"config.json: rope_scaling: found parameters that scale by +Inf, expected a positive number"}},
		{"rope_scaling by no number", "llama-yarn", set("rope_scaling", `{"type": "yarn", "factor": 4.0, "beta_fast": -1.0}`), []string{"config.json: rope_scaling: found parameters that turn by NaN a position"}},
		{"rope_scaling beside rope_parameters", "llama-yarn", set("rope_parameters", unscaled), []string{"config.json: rope_scaling: found beside rope_parameters"}},
		{"rope_scaling of BERT", "camembert", set("rope_scaling", unscaled), []string{"config.json: rope_scaling: found", "expected none"}},
		{"rope_scaling of the experts' kind", "nomic-moe", set("rotary_scaling_factor", `2`), []string{"config.json: rotary_scaling_factor: found 2, expected null"}},
		{"part of the head", "llama-yarn", set("partial_rotary_factor", `0.5`), []string{"config.json: partial_rotary_factor: found 0.5, expected 1"}},
		{"frequencies of Llama 3 upside down", "llama-llama3", set("rope_scaling", `{"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}`),
			[]string{"config.json: rope_scaling: low_freq_factor, high_freq_factor: found 4 and 1"}},

		{"JinaBERT with a table of positions", "jinabert-geglu", set("position_embedding_type", `"absolute"`), []string{`config.json: position_embedding_type: found "absolute", expected "alibi"`}},
		{"JinaBERT with an unknown gate", "jinabert-geglu", set("feed_forward_type", `"swiglu"`), []string{`config.json: feed_forward_type: found "swiglu", expected geglu, original or reglu`}},
		{"BERT with ALiBi", "jinabert-original", set("auto_map", `{}`), []string{`config.json: position_embedding_type: found "alibi", expected "absolute"`}},
		{"experts with gates", "nomic-moe", set("activation_function", `"swiglu"`), []string{`config.json: activation_function: found "swiglu", expected one without a gate`}},
		{"experts with normed weights", "nomic-moe", set("moe_normalize_expert_weights", `true`), []string{"config.json: moe_normalize_expert_weights"}},
		{"more choices than experts", "nomic-moe", set("moe_top_k", `6`), []string{"config.json: moe_every_n_layers, moe_top_k: found 2 and 6"}},
		{"interleaved positions", "nomic-swiglu", set("rotary_emb_interleaved", `true`), []string{"config.json: rotary_emb_interleaved: found true, expected false"}},
		{"scaled scores", "gte-unpacked", set("logn_attention_scale", `true`), []string{"config.json: logn_attention_scale: found true, expected false"}},
		{"norm of another kind", "gte-unpacked", set("layer_norm_type", `"rms_norm"`), []string{`config.json: layer_norm_type: found "rms_norm", expected "layer_norm"`}},
		{"buckets of MPNet that the reference does not look at", "mpnet-long", set("relative_attention_num_buckets", `64`), []string{"config.json: relative_attention_num_buckets: found 64, expected 32"}},
		{"too many buckets of T5", "t5-relu", set("relative_attention_max_distance", `8`), []string{"config.json: relative_attention_max_distance: found 8, expected a number above 8"}},
		{"unknown gate of T5", "t5-relu", set("feed_forward_proj", `"gated-softplus"`), []string{`config.json: feed_forward_proj: found "softplus", expected one of gelu,`}},
		{"unknown term of attention", "deberta-v3", set("pos_att_type", `["c2p", "p2p"]`), []string{`config.json: pos_att_type: found "p2p", expected c2p or p2c`}},
		{"terms of attention of another type", "deberta-v3", set("pos_att_type", `3`), []string{"config.json: pos_att_type: found 3, expected a list or a string of c2p and p2c"}},
		{"unknown norm of positions", "deberta-v3", set("norm_rel_ebd", `"rms_norm"`), []string{`config.json: norm_rel_ebd: found "rms_norm", expected layer_norm or none`}},
		{"one bucket of positions", "deberta-v3", set("position_buckets", `1`), []string{"config.json: position_buckets: found 1, expected a 32-bit number from 2 on, or none"}},
		{"buckets that reach no farther", "deberta-v3", set("max_relative_positions", `5`), []string{"config.json: max_relative_positions: found 5, expected a 32-bit number above 5"}},
		{"positions of another number", "deberta-c2p", set("max_relative_positions", `7`),
			[]string{"tensor encoder.rel_embeddings.weight: shape [12 20], expected [14 20]"}},
		{"keys of their own", "deberta-v3", set("share_att_key", `false`), []string{"encoder.layer.0.attention.self.pos_key_proj.weight: missing, expected shape [20 20]"}},
		{"heads of another width", "deberta-conv", set("attention_head_size", `8`), []string{"config.json: attention_head_size: found 8, expected hidden_size/num_attention_heads 10"}},
		{"convolution without a middle", "deberta-conv", set("conv_kernel_size", `4`), []string{"config.json: conv_kernel_size: found 4, expected an odd number"}},
		{"convolution of another size", "deberta-conv", set("conv_kernel_size", `5`), []string{"tensor encoder.conv.conv.weight: shape [20 20 3], expected [20 20 5]"}},
		{"convolution that is not in the config", "deberta-conv", set("conv_kernel_size", `0`), []string{"tensor encoder.conv.conv.weight: not used by this model"}},
		{"unequal groups of a convolution", "deberta-conv-groups", set("conv_groups", `3`), []string{"config.json: conv_groups: found 3, expected a divisor of hidden_size 20"}},
		{"unknown activation of a convolution", "deberta-conv", set("conv_act", `"softplus"`), []string{`config.json: conv_act: found "softplus", expected one of gelu,`}},
		{"more groups than layers", "albert-groups", set("num_hidden_groups", `5`), []string{"config.json: num_hidden_groups: found 5, expected at most num_hidden_layers 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := openChanged(t, c.model, c.change)
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// ALBERT's layers share their tensors: there may be more than those, but not any number.
func TestSharedLayers(t *testing.T) {
	layers := func(n int) error {
		return openChanged(t, "albert", func(config map[string]any, tensors []tensor.Tensor) []tensor.Tensor {
			config["num_hidden_layers"] = n
			return tensors
		})
	}
	require.NoError(t, layers(100))
	require.ErrorContains(t, layers(2000), "config.json: num_hidden_layers: found 2000, expected at most 1024")
}

// Every family that families names has a golden or a variant.
func TestEveryFamilyHasAGolden(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range append(folders(t), "jina-v3-lora", "jina-v5-nano") {
		data, err := os.ReadFile(filepath.Join(modelFolder(name), "config.json"))
		require.NoError(t, err)
		var head struct {
			ModelType string            `json:"model_type"`
			AutoMap   map[string]string `json:"auto_map"`
		}
		require.NoError(t, json.Unmarshal(data, &head))
		parts := strings.Split(head.AutoMap["AutoModel"], "--")
		seen[head.ModelType], seen[head.ModelType+" "+parts[len(parts)-1]] = true, true
	}
	for key := range families {
		assert.True(t, seen[key], key)
	}
}

// Whatever value a key of config.json has, and where it is missing, there is an error or a model that runs.
func TestOddValues(t *testing.T) {
	t.Parallel()
	longOnly(t)
	values := []string{``, `null`, `-4`, `0`, `1`, `3`, `1e10`, `1099511627776`, `0.5`, `-1e300`, `true`, `""`, `"x"`, `[]`, `{}`, `[null]`, `{"x": 1}`}
	for _, name := range append(folders(t), "jina-v3-lora") {
		dir := modelFolder(name)
		if !exists(filepath.Join(dir, "model.safetensors")) {
			continue // shards
		}
		data, err := os.ReadFile(filepath.Join(dir, "config.json"))
		require.NoError(t, err)
		file, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
		require.NoError(t, err)
		var config map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &config))
		for key, was := range config {
			for _, value := range values {
				if config[key] = json.RawMessage(value); value == "" {
					delete(config, key)
				}
				changed, err := json.Marshal(config)
				require.NoError(t, err)
				require.NotPanics(t, func() {
					m, err := Open(t.Context(), Config{JSON: changed, Weights: file, Set: kernel.Best()})
					if err == nil {
						forward(t, m, nil, Batch{IDs: []int32{0}, Starts: []int{0, 1}, Task: len(m.Tasks)})
					}
				}, "%s: %s: %s", name, key, value)
			}
			config[key] = was
		}
		require.NoError(t, file.Close())
	}
}
