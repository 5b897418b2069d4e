package gguf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/tensor"
)

// Numbers as float returns them.
const (
	json1     = json.Number("1")
	json10000 = json.Number("10000")
)

// names are those that tensors have in transformers, by those in the file without .weight or
// .bias at the end; in blocks, of layers, without the prefix, and with %d for the number.
type names struct {
	prefix string // of a layer's in the file, before its number
	layer  string // and there, with %d for it
	blocks map[string]string
	others map[string]string

	lessOne     bool // norms have 1 added to their weights
	interleaved bool // rows of queries and keys are in the order of rotated pairs
	fused       []string
}

var bertBlocks = map[string]string{
	"attn_q": "attention.self.query", "attn_k": "attention.self.key", "attn_v": "attention.self.value",
	"attn_output": "attention.output.dense", "attn_output_norm": "attention.output.LayerNorm",
	"ffn_up": "intermediate.dense", "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
}

var bertOthers = map[string]string{
	"token_embd": "embeddings.word_embeddings", "token_types": "embeddings.token_type_embeddings",
	"position_embd": "embeddings.position_embeddings", "token_embd_norm": "embeddings.LayerNorm",
	"cls": "classifier.dense", "cls.output": "classifier.out_proj",
}

// with returns a copy of names with others in their place.
func with(all map[string]string, changes ...string) map[string]string {
	made := make(map[string]string, len(all))
	for k, v := range all {
		made[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		made[changes[i]] = changes[i+1]
	}
	return made
}

func bertNames(*model) names {
	return names{prefix: "blk.", layer: "encoder.layer.%d.", blocks: bertBlocks, others: bertOthers, fused: []string{"attn_q", "attn_k", "attn_v"}}
}

// jinaNames are those of the code of JinaBERT that the tensors fit.
func jinaNames(m *model) names {
	n := bertNames(m)
	n.blocks = with(bertBlocks, "attn_q_norm", "attention.self.layer_norm_q", "attn_k_norm", "attention.self.layer_norm_k")
	gated := m.has("blk.0.ffn_gate.weight") || m.rows("blk.0.ffn_up.weight") > m.numberOr(m.own("feed_forward_length"), 0)
	switch {
	case m.has("blk.0.attn_q_norm.weight") && gated:
		n.blocks = with(n.blocks, "attn_norm_2", "layer_norm_1", "ffn_up", "mlp.up_gated_layer", "ffn_down", "mlp.down_layer", "layer_output_norm", "layer_norm_2")
	case m.has("blk.0.attn_q_norm.weight"):
		n.blocks = with(n.blocks, "attn_norm_2", "layer_norm_1", "ffn_up", "mlp.up_layer", "ffn_down", "mlp.down_layer", "layer_output_norm", "layer_norm_2")
	case gated:
		n.blocks = with(n.blocks, "ffn_up", "mlp.gated_layers", "ffn_down", "mlp.wo", "layer_output_norm", "mlp.layernorm")
	}
	return n
}

func nomicNames(m *model) names {
	up := "mlp.fc1"
	if m.has("blk.0.ffn_gate.weight") {
		up = "mlp.fc11"
	}
	return names{prefix: "blk.", layer: "encoder.layers.%d.", blocks: map[string]string{
		"attn_qkv": "attn.Wqkv", "attn_output": "attn.out_proj", "attn_output_norm": "norm1", "ffn_up": up, "ffn_gate": "mlp.fc12",
		"ffn_down": "mlp.fc2", "layer_output_norm": "norm2", "ffn_gate_inp": "mlp.router.layer",
	}, others: with(bertOthers, "token_embd_norm", "emb_ln")}
}

func modernNames(*model) names {
	return names{prefix: "blk.", layer: "layers.%d.", blocks: map[string]string{
		"attn_norm": "attn_norm", "attn_qkv": "attn.Wqkv", "attn_output": "attn.Wo", "ffn_norm": "mlp_norm", "ffn_up": "mlp.Wi", "ffn_down": "mlp.Wo",
	}, others: map[string]string{
		"token_embd": "embeddings.tok_embeddings", "token_embd_norm": "embeddings.norm", "output_norm": "final_norm",
		"cls": "head.dense", "cls.norm": "head.norm", "cls.output": "classifier",
	}}
}

func t5Names(*model) names {
	const attention, mlp = "layer.0.SelfAttention.", "layer.1.DenseReluDense."
	up := mlp + "wi"
	return names{prefix: "enc.blk.", layer: "encoder.block.%d.", blocks: map[string]string{
		"attn_norm": "layer.0.layer_norm", "attn_q": attention + "q", "attn_k": attention + "k", "attn_v": attention + "v", "attn_o": attention + "o",
		"attn_rel_b": attention + "relative_attention_bias", "ffn_norm": "layer.1.layer_norm", "ffn_gate": mlp + "wi_0", "ffn_up": up, "ffn_down": mlp + "wo",
	}, others: map[string]string{"token_embd": "shared", "enc.output_norm": "encoder.final_layer_norm", "output": "lm_head"}}
}

var decoderBlocks = map[string]string{
	"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
	"attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
	"ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}

func decoderNames(*model) names {
	return names{prefix: "blk.", layer: "layers.%d.", blocks: decoderBlocks, others: map[string]string{
		"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head",
	}, fused: []string{"attn_q", "attn_k", "attn_v"}}
}

func llamaNames(m *model) names {
	n := decoderNames(m)
	n.interleaved = true
	return n
}

func gemmaNames(m *model) names {
	n := decoderNames(m)
	n.lessOne = true
	n.blocks = with(decoderBlocks, "ffn_norm", "pre_feedforward_layernorm", "post_attention_norm", "post_attention_layernorm", "post_ffw_norm", "post_feedforward_layernorm")
	return n
}

// A place is where a tensor of the file belongs.
type place struct {
	layer int    // -1 for none
	base  string // the name in between
	end   string // ".weight" or ".bias"; "" for neither
}

// place takes the name of a tensor apart.
func (n *names) place(name string) place {
	p := place{layer: -1, base: name}
	for _, end := range []string{".weight", ".bias"} {
		if base, ok := strings.CutSuffix(name, end); ok {
			p.base, p.end = base, end
		}
	}
	if own, ok := strings.CutPrefix(p.base, n.prefix); ok {
		number, base, _ := strings.Cut(own, ".")
		if _, err := fmt.Sscanf(number, "%d", &p.layer); err == nil && fmt.Sprint(p.layer) == number {
			p.base = base
		} else {
			p.layer = -1
		}
	}
	return p
}

// full returns the name in transformers of what is called base there, in a layer or not.
func (n *names) full(p place, base string) string {
	if p.layer >= 0 {
		base = fmt.Sprintf(n.layer, p.layer) + base
	}
	return base + p.end
}

// tensors returns the tensors of the transformer as transformers names and arranges them.
// One that is not known keeps its name, which the family says.
func (m *model) tensors() ([]tensor.Tensor, error) {
	n := m.architecture.names(m)
	stored := m.stored()
	var list []tensor.Tensor
	for _, t := range m.file.Stored() {
		if t.Name == ropeFreqs && m.name == "llama" || slices.Contains(denseNames, strings.TrimSuffix(t.Name, ".weight")) {
			continue
		}
		p := n.place(t.Name)
		all := n.others
		if p.layer >= 0 {
			all = n.blocks
		}
		if p.base == "attn_qkv" && n.fused != nil {
			parts, err := m.split(t, &n, p)
			if err != nil {
				return nil, err
			}
			list = append(list, parts...)
			continue
		}
		base, ok := all[p.base]
		if !ok {
			list = append(list, m.arranged(t, &n, p)...)
			continue
		}
		if p.base == "ffn_up" && m.name == "t5encoder" && m.has(fmt.Sprintf("enc.blk.%d.ffn_gate.weight", p.layer)) {
			base += "_1"
		}
		made, err := m.changed(t, &n, p, n.full(p, base), stored)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}

// changed returns t under the name, as transformers arranges it.
func (m *model) changed(t tensor.Tensor, n *names, p place, name string, stored map[string]tensor.Tensor) (tensor.Tensor, error) {
	switch {
	case n.lessOne && strings.HasSuffix(p.base, "norm"):
		return lessOne(t, name)
	case n.interleaved && p.base == "attn_q":
		return halves(t, name, m.heads)
	case n.interleaved && p.base == "attn_k":
		return halves(t, name, m.keys)
	case p.base == "position_embd" && m.padding > 0:
		return below(t, name, m.padding)
	case p.base == "ffn_up" && m.name == "jina-bert-v2":
		if gate, ok := stored[fmt.Sprintf("blk.%d.ffn_gate.weight", p.layer)]; ok && p.end == ".weight" {
			return joined(name, gate, t)
		}
	}
	t.Name = name
	return t, nil
}

// arranged returns what is made of t, which has no name of its own in transformers.
func (m *model) arranged(t tensor.Tensor, n *names, p place) []tensor.Tensor {
	if p.layer >= 0 && m.name == "jina-bert-v2" && p.base == "ffn_gate" {
		return nil // in what ffn_up is joined with
	}
	if p.layer >= 0 && m.name == "nomic-bert-moe" && len(t.Shape) == 3 && p.end == ".weight" {
		p.end = ""
		switch p.base {
		case "ffn_up_exps":
			t.Name, t.Shape = n.full(p, "mlp.experts.mlp.w1"), []int{t.Shape[0] * t.Shape[1], t.Shape[2]}
			// Its bias, which all experts share, is not in the file.
			bias := tensor.FromFloat32s(n.full(p, "mlp.experts.bias"), []int{m.hidden}, make([]float32, m.hidden))
			return []tensor.Tensor{t, bias}
		case "ffn_down_exps":
			return []tensor.Tensor{transposed(t, n.full(p, "mlp.experts.mlp.w2"))}
		}
	}
	return []tensor.Tensor{t}
}

// split returns the three parts of queries, keys and values in one tensor.
func (m *model) split(t tensor.Tensor, n *names, p place) ([]tensor.Tensor, error) {
	dim := m.headDim()
	from, rows := 0, []int{m.heads * dim, m.keys * dim, m.keys * dim}
	if len(t.Shape) == 0 || t.Shape[0] != rows[0]+rows[1]+rows[2] {
		return nil, fmt.Errorf("tensor %s: shape %v, expected %d rows", t.Name, t.Shape, rows[0]+rows[1]+rows[2])
	}
	var list []tensor.Tensor
	for i, base := range n.fused {
		part := t.Rows(t.Name, from, from+rows[i])
		from += rows[i]
		made, err := m.changed(part, n, place{p.layer, base, p.end}, n.full(p, n.blocks[base]), nil)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}
