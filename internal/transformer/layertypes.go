package transformer

import "fmt"

// ropeByLayer are the parameters of the RoPE of each type of layer.
type ropeByLayer struct {
	Full    *ropeParameter `json:"full_attention"`
	Sliding *ropeParameter `json:"sliding_attention"`
}

// ropes returns the RoPE of each type of layer; the thetas are those of
// parameters that name none.
func (r *ropeByLayer) ropes(dim, positions int, full, sliding float64) (map[string]*RoPE, error) {
	list := map[string]*RoPE{}
	for _, one := range []struct {
		kind       string
		parameters *ropeParameter
		theta      float64
	}{{"full_attention", r.Full, full}, {"sliding_attention", r.Sliding, sliding}} {
		if one.parameters == nil {
			one.parameters = new(ropeParameter)
		}
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
// on the layers for which full says so and sliding on the others.
func layerTypes(given []string, layers int, full func(layer int) bool) ([]string, error) {
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
		return nil, fmt.Errorf("layer_types: found %d, expected one for each of num_hidden_layers %d", len(given), layers)
	}
	for i, kind := range given {
		if kind != "full_attention" && kind != "sliding_attention" {
			return nil, fmt.Errorf("layer_types: found %q at layer %d, expected full_attention or sliding_attention", kind, i)
		}
	}
	return given, nil
}
