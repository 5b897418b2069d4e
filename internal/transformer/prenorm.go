package transformer

import "github.com/rhumb-go/rhumb/internal/kernel"

// A preNorm is a layer of CLIP and of those that are built like it: norms on what goes into
// each half, all with biases.
type preNorm struct {
	hidden, inner, heads, dim int
	act                       kernel.Activation
	eps                       float32
	causal                    bool

	attnNorm, mlpNorm string // the names of the norms,
	up, down          string // and of the layers of the MLP
}

// layer returns the layer under l's path.
func (c *preNorm) layer(l *weights) Layer {
	return Layer{
		AttnIn: l.norm(c.attnNorm, c.hidden, c.eps, withBias),
		Attention: Attention{
			QKV: l.linear(c.hidden, withBias,
				whole("self_attn.q_proj", c.hidden), whole("self_attn.k_proj", c.hidden), whole("self_attn.v_proj", c.hidden)),
			Output: l.linear(c.hidden, withBias, whole("self_attn.out_proj", c.hidden)),
			Heads:  c.heads, KVHeads: c.heads, HeadDim: c.dim,
			Scale: scoreScale(c.dim), Causal: c.causal,
		},
		MLPIn: l.norm(c.mlpNorm, c.hidden, c.eps, withBias),
		MLP: MLP{
			Up:   l.linear(c.hidden, withBias, whole(c.up, c.inner)),
			Down: l.linear(c.inner, withBias, whole(c.down, c.hidden)),
			Act:  c.act,
		},
	}
}
