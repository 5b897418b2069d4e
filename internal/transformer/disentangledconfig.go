package transformer

import (
	"encoding/json"
	"runtime"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// disentangledConfig is what a config.json says of Disentangled, under the names of
// DeBERTa-v2 in transformers 5.23.
type disentangledConfig struct {
	RelativeAttention    bool            `json:"relative_attention"`
	MaxRelativePositions int             `json:"max_relative_positions"` // below 1 = max_position_embeddings
	PositionBuckets      int             `json:"position_buckets"`       // below 1 = none
	PosAttType           json.RawMessage `json:"pos_att_type"`           // a list, or a string of them with | between
	ShareAttKey          bool            `json:"share_att_key"`
	NormRelEbd           string          `json:"norm_rel_ebd"`

	byKey, byQuery bool // the terms in PosAttType
	normed         bool // positions, by NormRelEbd
}

// checkTerms checks c, of a model of so many positions, and reads the terms in it.
func (c *disentangledConfig) checkTerms(w *weights, positions int) {
	c.readTerms(w)
	farthest := keyValue{"max_relative_positions", c.MaxRelativePositions}
	if c.MaxRelativePositions < 1 {
		farthest = keyValue{"max_position_embeddings", positions}
		c.MaxRelativePositions = positions
	}
	if !c.RelativeAttention {
		return
	}
	w.positive(farthest)
	if c.PositionBuckets < 1 {
		return
	}
	switch middle := c.PositionBuckets / 2; {
	case middle < 1 || c.PositionBuckets > 1<<31-1:
		w.refusef("position_buckets: found %d, expected a 32-bit number from 2 on, or none", c.PositionBuckets)
	case logRatio(farthest.value-1, middle) <= 0:
		w.refusef("%s: found %d, expected a 32-bit number above %d, half of position_buckets and 1", farthest.key, farthest.value, middle+1)
	}
}

// readTerms reads pos_att_type and norm_rel_ebd.
func (c *disentangledConfig) readTerms(w *weights) {
	var terms []string
	if text := ""; json.Unmarshal(c.PosAttType, &text) == nil {
		terms = strings.Split(strings.ToLower(text), "|")
	} else if c.PosAttType != nil && json.Unmarshal(c.PosAttType, &terms) != nil {
		w.refusef("pos_att_type: found %s, expected a list or a string of c2p and p2c", c.PosAttType)
	}
	for _, term := range terms {
		switch strings.TrimSpace(term) {
		case "c2p":
			c.byKey = true
		case "p2c":
			c.byQuery = true
		case "", "none":
		default:
			w.refusef("pos_att_type: found %q, expected c2p or p2c", term)
		}
	}
	for norm := range strings.SplitSeq(strings.ToLower(c.NormRelEbd), "|") {
		switch strings.TrimSpace(norm) {
		case "layer_norm":
			c.normed = true
		case "", "none":
		default:
			w.refusef("norm_rel_ebd: found %q, expected layer_norm or none", norm)
		}
	}
}

// terms returns of how many terms a score is the sum.
func (c *disentangledConfig) terms() int {
	n := 1
	if c.byKey {
		n++
	}
	if c.byQuery {
		n++
	}
	return n
}

// span is half of the rows of the table of relative positions.
func (c *disentangledConfig) span() int {
	if c.PositionBuckets > 0 {
		return c.PositionBuckets
	}
	return c.MaxRelativePositions
}

// positions returns that table under w's path, one without rows where no layer reads
// it or it is not there.
func (c *disentangledConfig) positions(w *weights, hidden int, eps float32) tensor.Matrix {
	if !c.RelativeAttention || c.terms() == 1 {
		w.ignore("rel_embeddings.", "LayerNorm.")
		return tensor.Matrix{}
	}
	var norm *Norm
	if c.normed {
		norm = w.norm("LayerNorm", hidden, eps, withBias)
	}
	return w.positions("rel_embeddings", 2*c.span(), hidden, norm)
}

// disentangled returns what attention with the given queries, keys and values
// reads of the positions in table, nil where that is nothing.
func (c *disentangledConfig) disentangled(w *weights, hidden int, table tensor.Matrix, qkv *Linear) *Disentangled {
	if table.Rows == 0 {
		return nil
	}
	d := &Disentangled{Span: c.span(), Buckets: max(c.PositionBuckets, 0), Farthest: c.MaxRelativePositions}
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
		bytes, rests := w.bytes, len(w.rests)
		l := w.linear(hidden, withBias, whole(name, hidden))
		all := w.constant(table, l)
		w.bytes, w.rests = bytes, w.rests[:rests] // the layer is not kept
		delete(w.names, l)
		delete(w.packs, l)
		delete(w.sources, l)
		return w.keep(all, 0, hidden)
	}
	if c.byKey {
		d.Keys = own("pos_key_proj")
	}
	if c.byQuery {
		d.Queries = own("pos_query_proj")
	}
	return d
}

// positions returns the embedding table under name, normed where norm is not nil;
// one without rows where it is missing, and where w has no set.
func (w *weights) positions(name string, rows, cols int, norm *Norm) tensor.Matrix {
	l := w.at(name)
	t, ok := l.tensor("weight", rows, cols)
	update := l.adapter.table(l.own("weight"), rows, cols)
	if !ok {
		return tensor.Matrix{}
	}
	if w.set == nil {
		return tensor.Matrix{Rows: rows, Cols: cols}
	}
	m := tensor.NewMatrix(rows, cols)
	w.convert(m.Data, t, 0)
	for i := range rows {
		if update != nil {
			update.addRow(m.Row(i), i)
		}
		if norm != nil {
			norm.apply(w.set, m.Row(i), m.Row(i), nil)
		}
	}
	return m
}

// constant returns x·l + bias, x the same for all texts, in the format of l;
// where l is not packed, no values.
func (w *weights) constant(x tensor.Matrix, l *Linear) tensor.Matrix {
	y := tensor.Matrix{Rows: x.Rows}
	if l.N == 0 {
		return y
	}
	y = tensor.NewMatrix(x.Rows, l.N)
	team := parallel.NewTeam(min(runtime.GOMAXPROCS(0), l.Count()))
	defer team.Close()
	once := &pass{model: &Model{set: w.set, packs: w.packs, spare: w.spare}}
	once.apply(team, y, x, l, kernel.Identity)
	return y
}

// keep returns a copy of columns from, to (exclusive) of m, counted.
func (w *weights) keep(m tensor.Matrix, from, to int) tensor.Matrix {
	w.bytes += 4 * int64(m.Rows) * int64(to-from)
	if m.Data == nil {
		return tensor.Matrix{Rows: m.Rows, Cols: to - from}
	}
	kept := tensor.NewMatrix(m.Rows, to-from)
	for i := range m.Rows {
		copy(kept.Row(i), m.Row(i)[from:to])
	}
	return kept
}
