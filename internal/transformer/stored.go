package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/packed"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/weight"
)

// A stored says how a file has the weights of linear layers, as the quantization_config
// of its config.json does. The zero value is as floats.
type stored struct {
	scheme weight.Scheme  // of a folder that Rhumb quantized
	packed *packed.Format // of one that another tool did
}

// UnmarshalJSON reads a quantization_config: null is none.
func (s *stored) UnmarshalJSON(data []byte) (err error) {
	*s = stored{}
	if string(data) == "null" {
		return nil
	}
	var head struct {
		Method string `json:"quant_method"`
	}
	if err = strictjson.Unmarshal(data, &head); err == nil {
		if head.Method == weight.Method {
			return s.scheme.UnmarshalJSON(data)
		}
		s.packed, err = packed.Parse(data)
	}
	if err != nil {
		return fmt.Errorf("quantization_config: %w", err)
	}
	return nil
}

// String returns the name of s for people, "" for floats.
func (s *stored) String() string {
	switch {
	case s.packed != nil:
		return s.packed.String()
	case s.scheme != 0:
		return s.scheme.String()
	}
	return ""
}

// ignored returns the paths of the keys in config.json that nothing is computed of.
func (s *stored) ignored() (keys []string) {
	if s.packed != nil {
		for _, key := range s.packed.Ignored() {
			keys = append(keys, "quantization_config."+key)
		}
	}
	return keys
}
