package transformer

// ropeByLayer are the parameters of the RoPE of each type of layer.
type ropeByLayer struct {
	Full    *ropeParameter `json:"full_attention"`
	Sliding *ropeParameter `json:"sliding_attention"`
}

// ropes returns the RoPE of each type of layer; the thetas are those of
// parameters that name none. r may be nil.
func (r *ropeByLayer) ropes(dim, positions int, full, sliding float64) (map[string]*RoPE, error) {
	if r == nil {
		r = new(ropeByLayer)
	}
	list := map[string]*RoPE{}
	for _, one := range []struct {
		kind       string
		parameters *ropeParameter
		theta      float64
	}{{"full_attention", r.Full, full}, {"sliding_attention", r.Sliding, sliding}} {
		rope, err := one.parameters.rope("rope_parameters: "+one.kind, dim, positions, one.theta)
		if err != nil {
			return nil, err
		}
		list[one.kind] = rope
	}
	limit := max(list["full_attention"].limit, list["sliding_attention"].limit) // positions, or 0
	list["full_attention"].limit = limit
	return list, nil
}

// layerTypes returns given, one for each layer, or where it is nil full attention
// on the layers for which full says so and sliding on the others. It returns nil where
// something is refused.
func (w *weights) layerTypes(given []string, layers int, full func(layer int) bool) []string {
	if w.refused != nil {
		return nil
	}
	if given == nil {
		for i := range layers {
			kind := "sliding_attention"
			if full(i) {
				kind = "full_attention"
			}
			given = append(given, kind)
		}
	}
	if len(given) != layers {
		w.refusef("layer_types: found %d, expected one for each of num_hidden_layers %d", len(given), layers)
	}
	for i, kind := range given {
		if kind != "full_attention" && kind != "sliding_attention" {
			w.refusef("layer_types: found %q at layer %d, expected full_attention or sliding_attention", kind, i)
		}
	}
	return given
}

// deepest is the most layers where layers share tensors, whose number sets no limit.
const deepest = 1 << 10

// repeated returns so many times the layers of a group: all of the first group, then
// all of the second, each about as often. It is how ALBERT shares layers, in
// transformers 5.23, AlbertTransformer, which divides by the rounded value.
func repeated(groups [][]Layer, times int) (layers []Layer) {
	each := float64(times) / float64(len(groups))
	for i := range times {
		layers = append(layers, groups[int(float64(i)/each)]...)
	}
	return layers
}
