package transformer

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/tensor"
)

// debertaConfig is bertConfig with what DeBERTa-v2 adds.
type debertaConfig struct {
	bertConfig
	AttentionHeadSize    int             `json:"attention_head_size"` // 0 = hidden_size, by the heads
	RelativeAttention    bool            `json:"relative_attention"`
	MaxRelativePositions int             `json:"max_relative_positions"` // below 1 = max_position_embeddings
	PositionBuckets      int             `json:"position_buckets"`       // below 1 = none
	PosAttType           json.RawMessage `json:"pos_att_type"`           // a list, or a string of them with | between
	ShareAttKey          bool            `json:"share_att_key"`
	NormRelEbd           string          `json:"norm_rel_ebd"`
	PositionBiasedInput  bool            `json:"position_biased_input"`
	ConvKernelSize       int             `json:"conv_kernel_size"` // below 1 = none
	ConvGroups           int             `json:"conv_groups"`
	ConvAct              string          `json:"conv_act"`
	PoolerHiddenSize     *int            `json:"pooler_hidden_size"` // nil = hidden_size
	PoolerHiddenAct      string          `json:"pooler_hidden_act"`

	byKey, byQuery bool // the terms in PosAttType
	normed         bool // positions, by NormRelEbd
	conv           kernel.Activation
}

// read reads config into c, which holds the defaults.
func (c *debertaConfig) read(config []byte, w *weights) (act kernel.Activation, err error) {
	act, err = c.bertConfig.read(config, w)
	if err != nil {
		return 0, err
	}
	if err := strictjson.Unmarshal(config, c); err != nil {
		return 0, err
	}
	if c.EmbeddingSize == 0 {
		c.EmbeddingSize = c.HiddenSize
	}
	dim := c.HiddenSize / c.NumAttentionHeads
	if c.AttentionHeadSize != 0 && c.AttentionHeadSize != dim {
		return 0, fmt.Errorf("attention_head_size: found %d, expected hidden_size/num_attention_heads %d", c.AttentionHeadSize, dim)
	}
	if err := c.readTerms(); err != nil {
		return 0, err
	}
	if err := c.readPositions(); err != nil {
		return 0, err
	}
	if c.ConvKernelSize < 1 {
		return act, nil
	}
	if err := positive(keyValue{"conv_kernel_size", c.ConvKernelSize}, keyValue{"conv_groups", c.ConvGroups}); err != nil {
		return 0, err
	}
	switch {
	case c.ConvKernelSize%2 == 0:
		return 0, fmt.Errorf("conv_kernel_size: found %d, expected an odd number", c.ConvKernelSize)
	case c.HiddenSize%c.ConvGroups != 0:
		return 0, fmt.Errorf("conv_groups: found %d, expected a divisor of hidden_size %d", c.ConvGroups, c.HiddenSize)
	}
	c.conv, err = activation("conv_act", c.ConvAct)
	return act, err
}

// readTerms reads pos_att_type and norm_rel_ebd.
func (c *debertaConfig) readTerms() error {
	var terms []string
	if text := ""; json.Unmarshal(c.PosAttType, &text) == nil {
		terms = strings.Split(strings.ToLower(text), "|")
	} else if c.PosAttType != nil && json.Unmarshal(c.PosAttType, &terms) != nil {
		return fmt.Errorf("pos_att_type: found %s, expected a list or a string of c2p and p2c", c.PosAttType)
	}
	for _, term := range terms {
		switch strings.TrimSpace(term) {
		case "c2p":
			c.byKey = true
		case "p2c":
			c.byQuery = true
		case "", "none":
		default:
			return fmt.Errorf("pos_att_type: found %q, expected c2p or p2c", term)
		}
	}
	for norm := range strings.SplitSeq(strings.ToLower(c.NormRelEbd), "|") {
		switch strings.TrimSpace(norm) {
		case "layer_norm":
			c.normed = true
		case "", "none":
		default:
			return fmt.Errorf("norm_rel_ebd: found %q, expected layer_norm or none", norm)
		}
	}
	return nil
}

// readPositions checks the sizes of relative attention.
func (c *debertaConfig) readPositions() error {
	farthest := keyValue{"max_relative_positions", c.MaxRelativePositions}
	if c.MaxRelativePositions < 1 {
		farthest = keyValue{"max_position_embeddings", c.MaxPositionEmbeddings}
		c.MaxRelativePositions = c.MaxPositionEmbeddings
	}
	switch middle := c.PositionBuckets / 2; {
	case !c.RelativeAttention:
		return nil
	case c.PositionBuckets < 1:
		return positive(farthest)
	case middle < 1 || c.PositionBuckets > 1<<31-1:
		return fmt.Errorf("position_buckets: found %d, expected a 32-bit number from 2 on, or none", c.PositionBuckets)
	case farthest.value > 1<<31-1 || logRatio(farthest.value-1, middle) <= 0:
		return fmt.Errorf("%s: found %d, expected a 32-bit number above %d, half of position_buckets and 1", farthest.key, farthest.value, middle+1)
	}
	return nil
}

// embeddings returns those of tokens, types and positions, each where there are
// any, and the norm behind them.
func (c *debertaConfig) embeddings(w *weights) Embeddings {
	width, hidden := c.EmbeddingSize, c.HiddenSize
	w.ignore("position_ids")
	e := Embeddings{Tokens: w.table("word_embeddings", c.VocabSize, width), Padding: -1}
	if c.PositionBiasedInput {
		e.Positions = w.table("position_embeddings", c.MaxPositionEmbeddings, width)
	} else {
		w.ignore("position_embeddings.")
	}
	if c.TypeVocabSize > 0 {
		e.Types = w.rows("token_type_embeddings", c.TypeVocabSize, width)
	}
	norm := w.norm("LayerNorm", hidden, float32(c.LayerNormEps), withBias)
	if width == hidden {
		e.Norm = norm
	} else {
		e.Projection, e.ProjectionNorm = w.linear(width, withoutBias, whole("embed_proj", hidden)), norm
	}
	return e
}

// positions returns the table of relative positions, one without rows where no
// layer reads it or it is not there.
func (c *debertaConfig) positions(w *weights) tensor.Matrix {
	if !c.RelativeAttention || !c.byKey && !c.byQuery {
		w.ignore("rel_embeddings.", "LayerNorm.")
		return tensor.Matrix{}
	}
	var norm *Norm
	if c.normed {
		norm = w.norm("LayerNorm", c.HiddenSize, float32(c.LayerNormEps), withBias)
	}
	return w.positions("rel_embeddings", 2*c.span(), c.HiddenSize, norm)
}

// span is half of the rows of that table.
func (c *debertaConfig) span() int {
	if c.PositionBuckets > 0 {
		return c.PositionBuckets
	}
	return c.MaxRelativePositions
}

// disentangled returns what attention with the given queries, keys and values
// reads of the positions in table, nil where that is nothing.
func (c *debertaConfig) disentangled(w *weights, table tensor.Matrix, qkv *Linear) *Disentangled {
	if table.Rows == 0 {
		return nil
	}
	d := &Disentangled{Span: c.span(), Buckets: max(c.PositionBuckets, 0), Farthest: c.MaxRelativePositions}
	hidden := c.HiddenSize
	if c.ShareAttKey {
		all := w.constant(table, qkv)
		if c.byKey {
			d.Keys = w.keep(all, hidden, 2*hidden)
		}
		if c.byQuery {
			d.Queries = w.keep(all, 0, hidden)
		}
		return d
	}
	own := func(name string) tensor.Matrix {
		bytes := w.bytes // the layer is not kept
		l := w.linear(hidden, withBias, whole(name, hidden))
		w.bytes = bytes
		return w.keep(w.constant(table, l), 0, hidden)
	}
	if c.byKey {
		d.Keys = own("pos_key_proj")
	}
	if c.byQuery {
		d.Queries = own("pos_query_proj")
	}
	return d
}

// convolution returns that under w's path, nil where it is not there.
func (c *debertaConfig) convolution(w *weights) *Convolution {
	hidden, taps := c.HiddenSize, c.ConvKernelSize
	width := hidden / c.ConvGroups
	weight := w.at("conv").exact()
	if _, ok := weight.tensor("weight", hidden, width, taps); !ok {
		return nil
	}
	weight.taps = taps
	l := &Convolution{Taps: taps, Act: c.conv, Sum: w.norm("LayerNorm", hidden, float32(c.LayerNormEps), withBias)}
	for from := 0; from < hidden; from += width {
		l.Groups = append(l.Groups, weight.unlisted(width*taps, withBias, part{"weight", hidden, from, from + width}))
	}
	return l
}

// openDeBERTa assembles DeBERTa-v2 and v3 (arXiv:2006.03654, arXiv:2111.09543) as
// transformers 5.23 computes it in modeling_deberta_v2.py: BERT with disentangled
// attention, whose embeddings may be narrower than its layers and have no
// positions, and where the config says so a convolution beside the first layer.
// The heads of pre-training are not used.
func openDeBERTa(config []byte, w *weights) (*Model, error) {
	c := debertaConfig{
		bertConfig:          bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-7, MaxPositionEmbeddings: 512},
		PositionBiasedInput: true, NormRelEbd: "none", ConvGroups: 1, ConvAct: "tanh", PoolerHiddenAct: "gelu",
	}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.EmbeddingSize); err != nil {
		return nil, err
	}
	hidden, eps := c.HiddenSize, float32(c.LayerNormEps)
	m := &Model{Hidden: hidden, Embeddings: c.embeddings(w.at("embeddings")), Layers: make([]Layer, c.NumHiddenLayers)}
	if c.PositionBiasedInput {
		m.MaxPositions = c.MaxPositionEmbeddings
	}
	terms := 1
	if c.byKey {
		terms++
	}
	if c.byQuery {
		terms++
	}
	table := c.positions(w.at("encoder"))
	for i := range m.Layers {
		l := w.at(fmt.Sprintf("encoder.layer.%d", i))
		self := l.at("attention.self")
		attention := c.attention(
			self.linear(hidden, withBias, whole("query_proj", hidden), whole("key_proj", hidden), whole("value_proj", hidden)),
			l.linear(hidden, withBias, whole("attention.output.dense", hidden)))
		attention.Disentangled = c.disentangled(self, table, attention.QKV)
		attention.Scale = scoreScale(attention.HeadDim * terms)
		m.Layers[i] = Layer{
			Attention: attention,
			AttnSum:   l.norm("attention.output.LayerNorm", hidden, eps, withBias),
			MLP:       c.mlp(l, act),
			MLPSum:    l.norm("output.LayerNorm", hidden, eps, withBias),
		}
	}
	if c.ConvKernelSize > 0 {
		m.Layers[0].Beside = c.convolution(w.at("encoder.conv"))
	}
	m.Head, err = c.head(w)
	return m, err
}

// head returns the classification head, with a pooler of its own.
func (c *debertaConfig) head(w *weights) (*Head, error) {
	if w.head != ClassificationHead {
		return nil, nil
	}
	if n := c.PoolerHiddenSize; n != nil && *n != c.HiddenSize {
		return nil, fmt.Errorf("pooler_hidden_size: found %d, expected hidden_size %d", *n, c.HiddenSize)
	}
	act, err := activation("pooler_hidden_act", c.PoolerHiddenAct)
	return w.classifier(c.HiddenSize, classifier{dense: "pooler.dense", bias: withBias, act: act, out: "classifier"}), err
}
