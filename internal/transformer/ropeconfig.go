package transformer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// ropeConfig is what a config.json says about RoPE: rope_theta and rope_scaling
// as transformers 4 wrote them, or rope_parameters from 5 on.
type ropeConfig struct {
	RopeTheta          *float64       `json:"rope_theta"`
	RopeScaling        *ropeParameter `json:"rope_scaling"`
	RopeParameters     *ropeParameter `json:"rope_parameters"`
	PartialRotary      *float64       `json:"partial_rotary_factor"`
	OriginalMaxLengths *int           `json:"original_max_position_embeddings"`
}

// ropeParameter are the parameters of one kind of RoPE. Which of them count is
// said by the type.
type ropeParameter struct {
	RopeType        string   `json:"rope_type"`
	Type            string   `json:"type"` // the older name of rope_type
	RopeTheta       *float64 `json:"rope_theta"`
	Factor          *float64 `json:"factor"`
	PartialRotary   *float64 `json:"partial_rotary_factor"`
	OriginalMax     *int     `json:"original_max_position_embeddings"`
	LowFreqFactor   float64  `json:"low_freq_factor"`
	HighFreqFactor  float64  `json:"high_freq_factor"`
	AttentionFactor *float64 `json:"attention_factor"`
	BetaFast        *float64 `json:"beta_fast"`
	BetaSlow        *float64 `json:"beta_slow"`
	MScale          float64  `json:"mscale"`
	MScaleAllDim    float64  `json:"mscale_all_dim"`
	Truncate        *bool    `json:"truncate"`
	Llama4Beta      *float64 `json:"llama_4_scaling_beta"`    // of Ministral 3 alone, which takes it out
	MaxPositions    int      `json:"max_position_embeddings"` // which no kind reads

	keys []string // of the object
	err  error    // of decoding, for rope to return, which knows the key
}

// UnmarshalJSON decodes the object in data.
func (p *ropeParameter) UnmarshalJSON(data []byte) error {
	type plain ropeParameter
	if p.err = strictjson.Unmarshal(data, (*plain)(p)); p.err == nil && string(data) != "null" {
		var all map[string]json.RawMessage
		p.err = json.Unmarshal(data, &all)
		p.keys = slices.Sorted(maps.Keys(all))
	}
	return nil
}

// ropeKeys are the keys that a type of RoPE has beside those of all types, as transformers
// 5.23 reads them in modeling_rope_utils.py: it warns of others, such as attn_factor,
// finetuned and mrope_section, and computes without them.
var ropeKeys = map[string][]string{
	"default": nil,
	"dynamic": {"factor"},
	"linear":  {"factor"},
	"llama3":  {"factor", "high_freq_factor", "low_freq_factor", "original_max_position_embeddings"},
	"ntk":     {"factor"},
	"yarn": {"attention_factor", "beta_fast", "beta_slow", "factor", "mscale", "mscale_all_dim", "original_max_position_embeddings",
		"truncate"},
}

// kind returns the type of RoPE.
func (p *ropeParameter) kind() string { return cmp.Or(p.RopeType, p.Type, "default") }

// unread returns the keys that a RoPE of this type does not have.
func (p *ropeParameter) unread() (keys []string) {
	known := ropeKeys[p.kind()]
	for _, key := range p.keys {
		switch key {
		case "rope_type", "type", "rope_theta", "partial_rotary_factor":
		default:
			if !slices.Contains(known, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// unreadRope returns the paths in a config.json of the parameters of RoPE that nothing is
// computed of; config is the object under key, "" for all of it.
func unreadRope(config []byte, key string) (paths []string) {
	var c struct {
		Scaling    *ropeParameter  `json:"rope_scaling"`
		Parameters json.RawMessage `json:"rope_parameters"`
	}
	var all ropeParameter
	var byLayer ropeByLayer
	if json.Unmarshal(config, &c) != nil || c.Parameters != nil && (json.Unmarshal(c.Parameters, &all) != nil || json.Unmarshal(c.Parameters, &byLayer) != nil) {
		return nil // its readers say why
	}
	of := func(path string, p *ropeParameter) {
		if key != "" {
			path = key + "." + path
		}
		if p == nil {
			return
		}
		for _, key := range p.unread() {
			paths = append(paths, path+"."+key)
		}
	}
	of("rope_scaling", c.Scaling)
	of("rope_parameters.full_attention", byLayer.Full)
	of("rope_parameters.sliding_attention", byLayer.Sliding)
	if byLayer.Full == nil && byLayer.Sliding == nil {
		of("rope_parameters", &all)
	}
	return paths
}

// rope returns the RoPE of heads of dim elements for a model of so many
// positions; theta is that of a config.json that names none.
func (c *ropeConfig) rope(dim, positions int, theta float64) (*RoPE, error) {
	p, key := c.RopeParameters, "rope_parameters"
	if c.RopeScaling != nil {
		if p != nil {
			return nil, fmt.Errorf("rope_scaling: found beside rope_parameters, expected one of the two")
		}
		p, key = c.RopeScaling, "rope_scaling"
	}
	var all ropeParameter
	if p != nil {
		all = *p
	}
	if all.RopeTheta == nil {
		all.RopeTheta = c.RopeTheta
	}
	if all.PartialRotary == nil {
		all.PartialRotary = c.PartialRotary
	}
	if c.OriginalMaxLengths != nil { // it goes before that of the parameters
		all.OriginalMax = c.OriginalMaxLengths
	}
	return all.rope(key, dim, positions, theta)
}

// rope is ropeConfig.rope for the parameters under key; nil stands for none.
func (p *ropeParameter) rope(key string, dim, positions int, theta float64) (*RoPE, error) {
	if p == nil {
		p = new(ropeParameter)
	}
	if p.err != nil {
		return nil, fmt.Errorf("%s: %w", key, p.err)
	}
	if p.RopeTheta != nil {
		theta = *p.RopeTheta
	}
	kind := p.kind()
	factor := 1.0
	if p.Factor != nil {
		factor = *p.Factor
	}
	const widest = 1 << 20
	switch {
	case dim < 2 || dim%2 != 0 || dim > widest:
		return nil, fmt.Errorf("head_dim: found %d, expected an even number from 2 to %d for rotary positions", dim, widest)
	case !(theta > 1 && theta < 1e30):
		return nil, fmt.Errorf("rope_theta: found %v, expected a number above 1", theta)
	case p.PartialRotary != nil && *p.PartialRotary != 1:
		return nil, fmt.Errorf("partial_rotary_factor: found %v, expected 1", *p.PartialRotary)
	case p.Llama4Beta != nil:
		return nil, fmt.Errorf("%s: llama_4_scaling_beta: found %v, expected none", key, *p.Llama4Beta)
	case kind != "default" && !(factor >= 1 && factor < 1e9):
		return nil, fmt.Errorf("%s: factor: found %v, expected 1 or more", key, factor)
	case kind != "default" && p.Factor == nil:
		return nil, fmt.Errorf("%s: factor: missing, expected 1 or more", key)
	}
	r := &RoPE{frequencies: make([]float32, dim/2), scale: 1}
	switch kind {
	case "default":
		r.frequency(dim, theta)
	case "dynamic":
		// Scaling begins beyond the positions that the model has.
		r.frequency(dim, theta)
		r.limit = positions
	case "linear":
		r.frequency(dim, theta)
		for i := range r.frequencies {
			r.frequencies[i] /= float32(factor)
		}
	case "ntk":
		// The code that comes with Alibaba-NLP/new-impl, NTKScalingRotaryEmbedding, which has
		// another form where there is a mixed_b.
		if keys := p.unread(); len(keys) > 0 {
			return nil, fmt.Errorf("%s: %s: found, expected none with ntk", key, keys[0])
		}
		r.frequency(dim, theta*factor)
		by := float32(math.Pow(factor, 2/float64(dim)))
		for i := range r.frequencies {
			r.frequencies[i] /= by
		}
	case "llama3":
		r.frequency(dim, theta)
		if err := p.llama3(r, factor, positions); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	case "yarn":
		r.frequency(dim, theta)
		if err := p.yarn(r, factor, theta, positions); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	default:
		return nil, fmt.Errorf("%s: rope_type: found %q, expected one of default, dynamic, linear, llama3, ntk, yarn", key, kind)
	}
	if !(r.scale > 0 && r.scale <= math.MaxFloat32) {
		return nil, fmt.Errorf("%s: found parameters that scale by %v, expected a positive number", key, r.scale)
	}
	for _, f := range r.frequencies {
		if !(f >= 0 && f <= 1) {
			return nil, fmt.Errorf("%s: found parameters that turn by %v a position, expected 0 to 1", key, f)
		}
	}
	return r, nil
}

// frequency sets the frequencies theta^(-2i/dim), each step in float32 as in the
// reference: at far positions their rounding shows.
func (r *RoPE) frequency(dim int, theta float64) {
	for i := range r.frequencies {
		exponent := float32(2*i) / float32(dim)
		r.frequencies[i] = 1 / float32(math.Pow(theta, float64(exponent)))
	}
}

// original returns original_max_position_embeddings, or positions without it.
func (p *ropeParameter) original(positions int) (float64, error) {
	if p.OriginalMax != nil {
		positions = *p.OriginalMax
	}
	if positions < 1 {
		return 0, fmt.Errorf("original_max_position_embeddings: found %d, expected 1 or more", positions)
	}
	return float64(positions), nil
}

// llama3 stretches the low frequencies as Llama 3.1 does, transformers 5.23,
// _compute_llama3_parameters.
func (p *ropeParameter) llama3(r *RoPE, factor float64, positions int) error {
	original, err := p.original(positions)
	if err != nil {
		return err
	}
	if !(p.LowFreqFactor > 0 && p.HighFreqFactor > p.LowFreqFactor) {
		return fmt.Errorf("low_freq_factor, high_freq_factor: found %v and %v, expected positive numbers, the second above the first",
			p.LowFreqFactor, p.HighFreqFactor)
	}
	for i, f := range r.frequencies {
		wave := float32(2*math.Pi) / f
		smooth := (float32(original)/wave - float32(p.LowFreqFactor)) / float32(p.HighFreqFactor-p.LowFreqFactor)
		switch {
		case wave > float32(original/p.LowFreqFactor):
			r.frequencies[i] = f / float32(factor)
		case wave >= float32(original/p.HighFreqFactor):
			r.frequencies[i] = float32((1-smooth)*f)/float32(factor) + float32(smooth*f)
		}
	}
	return nil
}

// yarn is YaRN (arXiv:2309.00071) as transformers 5.23 computes it in
// _compute_yarn_parameters.
func (p *ropeParameter) yarn(r *RoPE, factor, theta float64, positions int) error {
	original, err := p.original(positions)
	if err != nil {
		return err
	}
	dim := float64(2 * len(r.frequencies))
	mscale := func(m float64) float64 {
		if factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(factor) + 1
	}
	scale := mscale(1)
	if p.MScale != 0 && p.MScaleAllDim != 0 {
		scale = mscale(p.MScale) / mscale(p.MScaleAllDim)
	}
	if p.AttentionFactor != nil {
		scale = *p.AttentionFactor
	}
	r.scale = float32(scale)
	pair := func(rotations *float64, otherwise float64) float64 {
		if rotations != nil && *rotations != 0 {
			otherwise = *rotations
		}
		return dim * math.Log(original/(otherwise*2*math.Pi)) / (2 * math.Log(theta))
	}
	low, high := pair(p.BetaFast, 32), pair(p.BetaSlow, 1)
	if p.Truncate == nil || *p.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, dim-1)
	if low == high {
		high += 0.001
	}
	for i, f := range r.frequencies {
		ramp := min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		stretched := 1 / (float32(factor) / f)
		r.frequencies[i] = float32(stretched*ramp) + float32(f*(1-ramp))
	}
	return nil
}
