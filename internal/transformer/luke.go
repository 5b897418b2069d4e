package transformer

import "fmt"

// openLUKE assembles LUKE (arXiv:2010.01057) for texts without entities, as transformers 5.23
// computes it in modeling_luke.py: RoBERTa. What entities are made of, and how words and
// entities attend to each other, is not read.
func openLUKE(w *weights) *Model {
	m := openRoBERTa(w)
	if m == nil {
		return nil
	}
	m.Head = nil // its own are of other shapes
	w.passOver("entity_embeddings.")
	for i := range m.Layers {
		for _, query := range []string{"w2e_query", "e2w_query", "e2e_query"} {
			w.ignore(fmt.Sprintf("encoder.layer.%d.attention.self.%s.", i, query))
		}
	}
	w.beside().ignore("entity_predictions.")
	return m
}
