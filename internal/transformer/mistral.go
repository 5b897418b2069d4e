package transformer

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// openMistral assembles Mistral 7B (arXiv:2310.06825) as transformers 5.23
// computes it in modeling_mistral.py: Llama, with a window on what tokens see.
func openMistral(config []byte, w *weights) (*Model, error) {
	c := struct {
		decoderConfig
		SlidingWindow *int `json:"sliding_window"`
	}{decoderConfig: decoderConfig{HiddenAct: "silu", RMSNormEps: 1e-6, MaxPositionEmbeddings: 4096 * 32, NumKeyValueHeads: 8}}
	if err := strictjson.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	if err := c.read(config); err != nil {
		return nil, err
	}
	if n := c.SlidingWindow; n != nil {
		if *n < 2 || *n > 1<<31-1 {
			return nil, fmt.Errorf("sliding_window: found %d, expected 2 or more, or null", *n)
		}
		c.Window = *n
		if c.causal() {
			c.Window-- // the token itself counts
		}
	}
	return c.open(w, 10000)
}
