package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// A Kind is what a model makes of a text, or of a pair of texts.
type Kind string

const (
	Embedding   Kind = "embedding model"
	Reranker    Kind = "reranker"
	Classifier  Kind = "classifier"
	SparseModel Kind = "sparse model"
	MultiVector Kind = "multi-vector model"

	kindCross   Kind = "cross-encoder" // a reranker or a classifier
	kindTokens  Kind = "token classifier"
	kindAnswers Kind = "question answering model"
	kindChoice  Kind = "multiple choice model"
)

// A KindError says that a folder has a model of another kind than the one asked for.
type KindError struct {
	Kind Kind  // that it has
	Err  error // what says so, what was expected, and what serves it
}

// Error returns a message such as
// `architectures: "BertForSequenceClassification" with 1 label, a reranker, expected an embedding model`.
func (e *KindError) Error() string { return e.Err.Error() }

// Unwrap returns what says of which kind the model is.
func (e *KindError) Unwrap() error { return e.Err }

// Is reports whether target is unsupported.Err.
func (e *KindError) Is(target error) bool { return target == unsupported.Err }

// serving says what serves a model of a kind.
var serving = map[Kind]string{
	Embedding:   "; embed.Load and rhumb embed serve it",
	Reranker:    "; rerank.Load and rhumb rerank serve it",
	Classifier:  "; rerank.Load and rhumb classify serve it",
	SparseModel: "; sparse.Load and rhumb embed serve it",
	MultiVector: "; multivector.Load, rhumb embed, search and rerank serve it",
	kindCross:   "; rerank.Load, rhumb rerank and rhumb classify serve it",
}

// kindError returns a KindError, whose format and args say what was found.
func kindError(found, wanted Kind, format string, args ...any) error {
	article := "a"
	if found == Embedding {
		article = "an"
	}
	return &KindError{found, fmt.Errorf("%s, %s %s, expected %s%s", fmt.Sprintf(format, args...), article, found, expected(wanted), serving[found])}
}

// expected returns what a reader of models of that kind takes, in words.
func expected(wanted Kind) string {
	switch wanted {
	case Embedding:
		return "an embedding model"
	case SparseModel:
		return "a sparse model"
	case MultiVector:
		return "a multi-vector model"
	}
	return "a reranker or a classifier"
}

// The kinds by model_type of config_sentence_transformers.json, PyLate's among them.
var modelTypeKinds = map[string]Kind{
	"ColBERT": MultiVector, "CrossEncoder": kindCross, "MultiVectorEncoder": MultiVector,
	"SentenceTransformer": Embedding, "SparseEncoder": SparseModel,
}

// identify returns the modules of the folder, nil where it has no modules.json, and an
// error where its model is not of the wanted kind: by what
// config_sentence_transformers.json says, else by its modules, else by the class of the
// transformer.
func (r *reader) identify(wanted Kind) (list []moduleEntry, err error) {
	kind, kindErr := r.root.modelType(wanted)
	list, err = r.root.modules()
	if len(list) == 1 && list[0].class() == "Transformer" && r.root.Exists(manifest.ColBERT) {
		list = nil // as PyLate, which looks for ColBERT's own files where modules.json has nothing else
	}
	if err == nil && wanted == SparseModel {
		r.lexical, err = r.isLexical(list)
	}
	pooling := r.options.Pooling
	if kindErr != nil && pooling == "" && !r.lexical {
		return nil, kindErr
	}
	switch {
	case err != nil:
		return nil, err
	case r.lexical:
	case pooling != "" && list != nil:
		return nil, fmt.Errorf("pooling: %.50q given, and modules.json says how the model pools", pooling)
	case pooling != "" || kind != "":
	case list != nil:
		err = moduleKind(list, wanted)
	default:
		err = r.classKind(wanted)
	}
	r.spec.Kind = wanted
	return list, err
}

// modelType returns the kind that sentenceConfig names, "" where it does not, and an
// error where that is not the wanted one. Each kind has keys of its own in it.
func (f Folder) modelType(wanted Kind) (Kind, error) {
	data, err := f.Read(sentenceConfig)
	var config struct {
		ModelType string `json:"model_type"`
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case json.Unmarshal(data, &config) != nil || config.ModelType == "":
		return "", nil // the reader of all keys says why
	}
	kind, ok := modelTypeKinds[config.ModelType]
	switch {
	case !ok:
		err = unsupported.Errorf("model_type: %q, unknown, expected \"SentenceTransformer\", \"CrossEncoder\", \"SparseEncoder\" or \"MultiVectorEncoder\"", config.ModelType)
	case kind != wanted && (kind != kindCross || wanted != Reranker):
		err = kindError(kind, wanted, "model_type: %q", config.ModelType)
	}
	return kind, f.ErrorIn(sentenceConfig, err)
}

// The kinds by the class of a module.
var moduleKinds = map[string]Kind{
	"MLMTransformer": SparseModel, "SparseAutoEncoder": SparseModel, "CSRSparsity": SparseModel, "SparseStaticEmbedding": SparseModel,
	"IDF": SparseModel, "SpladePooling": SparseModel,
	"MultiVectorMask": MultiVector, "HierarchicalTokenPooling": MultiVector, "LambdaTokenPooling": MultiVector,
	"LogitScore": Reranker,
}

// The kinds by transformer_task of a Transformer module's settings.
var transformerTaskKinds = map[string]Kind{
	"any-to-any": Reranker, "fill-mask": SparseModel, "retrieval": MultiVector, "sequence-classification": kindCross, "text-generation": Reranker,
}

// The kinds by task_type of a LoRA adapter.
var adapterTaskKinds = map[string]Kind{
	"QUESTION_ANS": kindAnswers, "SEQ_CLS": Classifier, "TOKEN_CLS": kindTokens,
}

// The kinds by the end of one of the architectures of config.json, of those whose
// labels do not tell.
var architectureKinds = map[string]Kind{
	"ForMultipleChoice":          kindChoice,
	"ForNextSentencePrediction":  Classifier,
	"ForQuestionAnswering":       kindAnswers,
	"ForQuestionAnsweringSimple": kindAnswers,
	"ForRetrieval":               MultiVector,
	"ForTokenClassification":     kindTokens,
	"HF_ColBERT":                 MultiVector,
}

// Heads that are trained to predict tokens: sentence-transformers 6.2 pools the
// hidden states under them.
var languageHeads = []string{"ForCausalLM", "ForConditionalGeneration", "ForMaskedLM", "ForPreTraining"}

// architectureHead is what an architecture's name says about its head; a bare
// model's says nothing.
var architectureHead = regexp.MustCompile(`For[A-Z].*$|^HF_ColBERT$`)

// classKind returns an error where the class of the transformer of a folder without
// modules.json is not one of a model of the wanted kind.
func (r *reader) classKind(wanted Kind) error {
	if r.root.Exists(manifest.ColBERT) {
		if wanted == MultiVector {
			return nil
		}
		return r.root.ErrorIn(manifest.ColBERT, kindError(MultiVector, wanted, "that of ColBERT"))
	}
	e, err := r.newEncoder(r.root)
	if err != nil {
		return err
	}
	r.source = e
	if kind, ok := adapterTaskKinds[e.task]; ok && e.Adapter != nil {
		if kind == Classifier && wanted == Reranker {
			return nil // of how many labels, its weights tell
		}
		return r.root.ErrorIn(adapterConfig, kindError(kind, wanted, "task_type: %q", e.task))
	}
	kind, why := Embedding, "architectures: none"
	for _, a := range e.Model.Architectures {
		head := architectureHead.FindString(a)
		other, ok := architectureKinds[head]
		why = fmt.Sprintf("architectures: %q", a)
		switch {
		case head == "" || slices.Contains(languageHeads, head):
		case head == "ForSequenceClassification":
			var labels labels
			if err = strictjson.Unmarshal(e.Config, &labels); err == nil {
				n := labels.count()
				if why = fmt.Sprintf("%s with %d labels", why, n); n == 1 {
					why = strings.TrimSuffix(why, "s")
				}
				kind = labels.kind()
			}
		case ok:
			kind = other
		default:
			err = unsupported.Errorf("architectures: %q, which is not known, expected a model without a head or %s, or a modules.json",
				a, strings.Join(languageHeads, ", "))
		}
		if err != nil || kind != Embedding {
			break
		}
	}
	if kind == Embedding && err == nil && (wanted == SparseModel && e.Model.masksTokens() || wanted == Reranker && e.Model.predictsTokens()) {
		r.spec.Overruled = wanted == SparseModel // a Cross has one of its own
		return nil                               // the caller's choice overrules
	}
	if crossed := kind == Reranker || kind == Classifier; err == nil && (kind != wanted && !(crossed && wanted == Reranker)) {
		err = kindError(kind, wanted, "%s", why)
	}
	return e.ErrorIn(e.Base.ErrorIn(configName, err))
}

// moduleKind returns an error where the modules of list make a model of another kind
// than the wanted one.
func moduleKind(list []moduleEntry, wanted Kind) error {
	var token *moduleEntry // a Dense, which without a Pooling makes vectors of tokens
	pooled := false
	for i := range list {
		e := &list[i]
		if kind, ok := moduleKinds[e.class()]; ok {
			if kind == wanted {
				return nil
			}
			return kindError(kind, wanted, "%s: module %q of type %q", e.file, e.Name, e.Type)
		}
		switch e.class() {
		case "Dense":
			token = e
		case "Pooling", "StaticEmbedding":
			pooled = true
		case "Router", "Asym":
			pooled = wanted != SparseModel // its routes tell
		}
	}
	if token != nil && !pooled && list[0].class() == "Transformer" {
		if wanted == MultiVector {
			return nil
		}
		return kindError(MultiVector, wanted, "%s: module %q of type %q and no Pooling", token.file, token.Name, token.Type)
	}
	if wanted != Embedding && pooled {
		return kindError(Embedding, wanted, "%s: module %q of type %q", list[0].file, list[0].Name, list[0].Type)
	}
	return nil
}
