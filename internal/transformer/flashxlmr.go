package transformer

// openFlashXLMR assembles XLM-RoBERTa as the code published beside
// jina-reranker-v2 and jina-colbert-v2 computes it, jinaai/xlm-roberta-flash-implementation,
// modeling_xlm_roberta.py: the encoder of openJinaV3, with rotary positions or
// with a table of them, whose first row in use is that after the padding token's id.
func openFlashXLMR(w *weights) *Model {
	c := struct {
		bertConfig
		RotaryEmbBase float64 `json:"rotary_emb_base"`
	}{
		bertConfig:    bertConfig{HiddenAct: "gelu", LayerNormEps: 1e-12, TypeVocabSize: 2},
		RotaryEmbBase: 10000,
	}
	w.decode(&c)
	c.checkAny(w)
	c.unprojected(w)
	w.only("hidden_act", c.HiddenAct, "gelu")
	if c.FeedForwardType != "" {
		w.refusef("feed_forward_type: found %q, expected none", c.FeedForwardType)
	}
	padding := int32(1)
	if c.PadTokenID != nil {
		padding = *c.PadTokenID
	}
	var rope *RoPE
	switch c.PositionEmbeddingType {
	case "absolute":
		if padding < 0 || int(padding) >= c.MaxPositionEmbeddings-1 {
			w.refusef("pad_token_id: found %d, expected 0 to %d, two less than max_position_embeddings", padding, c.MaxPositionEmbeddings-2)
		}
	case "rotary":
		var err error
		rope, err = new(ropeParameter).rope("rotary_emb_base", c.dim, c.MaxPositionEmbeddings, c.RotaryEmbBase)
		w.refuse(err)
	default:
		w.refusef(`position_embedding_type: found %q, expected "absolute" or "rotary"`, c.PositionEmbeddingType)
	}
	if !w.enter("embeddings.word_embeddings.weight", c.VocabSize, c.HiddenSize) {
		return nil
	}
	m := c.jinaV3(w, rope)
	if rope == nil {
		m.MaxPositions = c.MaxPositionEmbeddings - int(padding) - 1
		m.Embeddings.Positions = w.table("embeddings.position_embeddings", c.MaxPositionEmbeddings, c.HiddenSize)
		m.Embeddings.FirstPosition, m.Embeddings.Padding = int(padding)+1, padding
	}
	m.Head = w.classifier(c.HiddenSize, robertaClassifier)
	return m
}
