package transformer

import (
	"slices"
	"strings"
)

// heads are the modules that models of any family have beside the part that makes
// hidden states, in transformers 5.23, in the code published beside models and in
// libraries that train them. Their weights are not used but where a model is opened with a head.
var heads = []string{
	"pooler", "pooler_activation",

	// That predict tokens.
	"cls.predictions", "cls.seq_relationship", // BERT, JinaBERT, Nomic BERT, DeBERTa
	"lm_head",                                                // RoBERTa, MPNet, GTE, T5 and the decoders
	"predictions",                                            // ALBERT
	"vocab_transform", "vocab_layer_norm", "vocab_projector", // DistilBERT
	"generator_predictions", "generator_lm_head", "discriminator_predictions", // ELECTRA
	"head.dense", "head.norm", // ModernBERT
	"decoder",                            // ModernBERT, T5
	"lm_predictions", "mask_predictions", // DeBERTa

	// That label texts, tokens or answers.
	"classifier", "pre_classifier", "sop_classifier", "classification_head", "score", "qa_outputs", "sequence_summary", "v_head",

	"linear", // ColBERT, which makes a vector of each token
}

// headBeside are heads whose names say too little, and the head that they lie beside.
var headBeside = map[string]string{"dense": "classifier"} // EuroBERT

// isHead reports whether the tensor of that name is of a head that lies beside the
// model under path, which ends in a dot or is empty, or beside what holds that. all are
// the names of all tensors, sorted.
func isHead(name, path string, all []string) bool {
	for {
		if own, ok := strings.CutPrefix(name, path); ok {
			in := func(module string) bool { return strings.HasPrefix(own, module+".") }
			if slices.ContainsFunc(heads, in) {
				return true
			}
			for module, other := range headBeside {
				if !in(module) {
					continue
				}
				beside := path + other + "."
				if at, _ := slices.BinarySearch(all, beside); at < len(all) && strings.HasPrefix(all[at], beside) {
					return true
				}
			}
		}
		if path == "" {
			return false
		}
		path = parent(path)
	}
}
