package transformer

import (
	"strings"

	"github.com/rhumb-go/rhumb/tensor"
)

// A renamed is a part of the names of modules as files have it, and what transformers'
// own code of the family has in its place: several are modules whose outputs, as many of
// each, are side by side those of the one in the file.
type renamed struct {
	file string
	code []string
}

// codeNames are those of transformers' own code of a family whose files have the names of
// code that was published before it. PEFT names the tensors of an adapter after the code
// that was trained (transformers 5.23, conversion_mapping.py).
type codeNames []renamed

var (
	nomicNames = codeNames{
		{"encoder.layers.", []string{"layers."}},
		{"emb_ln", []string{"embeddings.LayerNorm"}},
		{"attn.out_proj", []string{"self_attn.o_proj"}},
		{"mlp.fc11", []string{"mlp.up_proj"}},
		{"mlp.fc12", []string{"mlp.gate_proj"}},
		{"mlp.fc2", []string{"mlp.down_proj"}},
		{"norm1", []string{"post_attention_layernorm"}},
		{"norm2", []string{"post_mlp_layernorm"}},
		{"attn.Wqkv", []string{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
	}
	gteNames = codeNames{
		{"encoder.layer.", []string{"layers."}},
		{"attention.o_proj", []string{"self_attn.o_proj"}},
		{"attn_ln", []string{"post_attention_layernorm"}},
		{"mlp_ln", []string{"post_mlp_layernorm"}},
		{"lm_head.norm", []string{"lm_head.layer_norm"}},
		{"attention.qkv_proj", []string{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
		{"attention.q_proj", []string{"self_attn.q_proj"}},
		{"attention.k_proj", []string{"self_attn.k_proj"}},
		{"attention.v_proj", []string{"self_attn.v_proj"}},
		{"mlp.up_gate_proj", []string{"mlp.up_proj", "mlp.gate_proj"}},
	}
	jinaV3Names = codeNames{
		{"encoder.layers.", []string{"layers."}},
		{"emb_ln", []string{"embeddings.LayerNorm"}},
		{"mixer.out_proj", []string{"self_attn.o_proj"}},
		{"norm1", []string{"post_attention_layernorm"}},
		{"norm2", []string{"post_mlp_layernorm"}},
		{"mixer.Wqkv", []string{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
	}
)

// of returns the names in the code for a name in the file, one or several as in renamed;
// nil where it is the same.
func (c codeNames) of(name string) []string {
	names := []string{name}
	for _, r := range c {
		if !strings.Contains(name, r.file) {
			continue
		}
		var next []string
		for _, n := range names {
			for _, code := range r.code {
				next = append(next, strings.Replace(n, r.file, code, 1))
			}
		}
		names = next
	}
	if len(names) == 1 && names[0] == name {
		return nil
	}
	return names
}

// trainedAs says that an adapter may have the names of c.
func (w *weights) trainedAs(c codeNames) {
	if w.adapter != nil {
		w.adapter.code = c
	}
}

// sideBySide returns the update of a layer (outputs×inputs) that is, side by side, the
// updates of layers with as many outputs each, of which nil is none.
func sideBySide(parts []*lowRank, outputs, inputs int) *lowRank {
	rank := 0
	for _, p := range parts {
		if p != nil {
			rank += p.a.Rows
		}
	}
	if rank == 0 {
		return nil
	}
	u := &lowRank{a: tensor.NewMatrix(rank, inputs), b: tensor.NewMatrix(outputs, rank), scale: 1}
	each, at := outputs/len(parts), 0
	for i, p := range parts {
		if p == nil {
			continue
		}
		for k := range p.a.Rows {
			copy(u.a.Row(at+k), p.a.Row(k))
			for j := range each {
				u.b.Row(i*each + j)[at+k] = p.scale * p.b.Row(j)[k]
			}
		}
		at += p.a.Rows
	}
	return u
}
