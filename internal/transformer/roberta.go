package transformer

// openRoBERTa assembles RoBERTa (arXiv:1907.11692), XLM-RoBERTa and CamemBERT as
// transformers 5.23 computes them in modeling_roberta.py: BERT, but positions
// count from the padding token's id + 1 on. The head of
// pre-training is maskedHead's.
func openRoBERTa(w *weights) *Model {
	c := bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2}
	w.decode(&c)
	c.check(w)
	c.unprojected(w)
	padding := int32(1)
	if c.PadTokenID != nil {
		padding = *c.PadTokenID
	}
	if padding < 0 || int(padding) >= c.MaxPositionEmbeddings-1 {
		w.refusef("pad_token_id: found %d, expected 0 to %d, two less than max_position_embeddings", padding, c.MaxPositionEmbeddings-2)
	}
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	m := &Model{
		Hidden:       c.HiddenSize,
		MaxPositions: c.MaxPositionEmbeddings - int(padding) - 1,
		Embeddings:   c.embeddings(w.at("embeddings")),
		Layers:       c.layers(w),
		Head:         w.classifier(c.HiddenSize, robertaClassifier),
	}
	w.maskedHead(m, robertaMasked(c.eps))
	m.Embeddings.FirstPosition, m.Embeddings.Padding = int(padding)+1, padding
	return m
}
