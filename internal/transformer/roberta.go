package transformer

import "fmt"

// openRoBERTa assembles RoBERTa (arXiv:1907.11692), XLM-RoBERTa and CamemBERT as
// transformers 5.23 computes them in modeling_roberta.py: BERT, but positions
// count from the padding token's id + 1 on. The heads of
// pre-training are not used.
func openRoBERTa(config []byte, w *weights) (*Model, error) {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	act, err := c.read(config, w)
	if err != nil {
		return nil, err
	}
	padding := int32(1)
	if c.PadTokenID != nil {
		padding = *c.PadTokenID
	}
	switch {
	case c.EmbeddingSize != c.HiddenSize:
		return nil, fmt.Errorf("embedding_size: found %d, expected hidden_size %d", c.EmbeddingSize, c.HiddenSize)
	case padding < 0 || int(padding) >= c.MaxPositionEmbeddings-1:
		return nil, fmt.Errorf("pad_token_id: found %d, expected 0 to %d, two less than max_position_embeddings", padding, c.MaxPositionEmbeddings-2)
	}
	if err := w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize); err != nil {
		return nil, err
	}
	m := &Model{
		Hidden:       c.HiddenSize,
		MaxPositions: c.MaxPositionEmbeddings - int(padding) - 1,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       c.layers(w, act),
		Head:         w.classifier(c.HiddenSize, robertaClassifier),
	}
	m.Embeddings.FirstPosition, m.Embeddings.Padding = int(padding)+1, padding
	return m, nil
}
