package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

// A KindError says that a folder has a model of another kind than one that makes
// an embedding of a text. Its output is never taken for one.
type KindError struct {
	// Kind is "reranker", "classifier", "cross-encoder" (one of the two), "token classifier",
	// "question answering model", "multiple choice model", "sparse model" or "multi-vector model".
	Kind string
	Err  error // what says so, and what was expected
}

// Error returns a message such as
// `architectures: "BertForSequenceClassification" with 1 label, a reranker, expected an embedding model`.
func (e *KindError) Error() string { return e.Err.Error() }

// Unwrap returns what says of which kind the model is.
func (e *KindError) Unwrap() error { return e.Err }

// kindError returns a KindError, whose format and args say what was found.
func kindError(kind, expected, format string, args ...any) error {
	return &KindError{kind, fmt.Errorf("%s, a %s, expected %s", fmt.Sprintf(format, args...), kind, expected)}
}

const anEmbedding = "an embedding model"

const (
	kindClassifier  = "classifier"
	kindReranker    = "reranker"
	kindCross       = "cross-encoder"
	kindSparse      = "sparse model"
	kindMultiVector = "multi-vector model"
)

// The kinds by model_type of config_sentence_transformers.json, PyLate's among them.
var modelTypeKinds = map[string]string{
	"ColBERT": kindMultiVector, "CrossEncoder": kindCross, "MultiVectorEncoder": kindMultiVector, "SparseEncoder": kindSparse,
}

const sentenceConfig = manifest.Sentence

// checkModelType returns an error where sentenceConfig says that the model in f is
// of another kind, and whether it says that it is a SentenceTransformer. Other
// kinds have other keys in it.
func (f folder) checkModelType() (declared bool, err error) {
	data, err := f.read(sentenceConfig)
	var config struct {
		ModelType string `json:"model_type"`
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case json.Unmarshal(data, &config) != nil:
		return false, nil // the reader of all keys says why
	}
	const own = "SentenceTransformer"
	if kind, ok := modelTypeKinds[config.ModelType]; ok {
		err = kindError(kind, strconv.Quote(own), "model_type: %q", config.ModelType)
	} else if config.ModelType != "" && config.ModelType != own {
		err = fmt.Errorf("model_type: %q, unknown, expected %q", config.ModelType, own)
	}
	return config.ModelType == own, f.errorIn(sentenceConfig, err)
}

// The kinds by the class of a module.
var moduleKinds = map[string]string{
	"MLMTransformer": kindSparse, "SparseAutoEncoder": kindSparse, "CSRSparsity": kindSparse, "SparseStaticEmbedding": kindSparse,
	"IDF": kindSparse, "SpladePooling": kindSparse,
	"MultiVectorMask": kindMultiVector, "HierarchicalTokenPooling": kindMultiVector, "LambdaTokenPooling": kindMultiVector,
	"LogitScore": kindReranker,
}

// The kinds by transformer_task of a Transformer module's settings.
var transformerTaskKinds = map[string]string{
	"any-to-any": kindReranker, "fill-mask": kindSparse, "retrieval": kindMultiVector, "sequence-classification": kindCross, "text-generation": kindReranker,
}

// The kinds by task_type of a LoRA adapter.
var adapterTaskKinds = map[string]string{
	"QUESTION_ANS": "question answering model", "SEQ_CLS": kindClassifier, "TOKEN_CLS": "token classifier",
}

// The kinds by the end of one of the architectures of config.json, of those whose
// labels do not tell.
var architectureKinds = map[string]string{
	"ForMultipleChoice":          "multiple choice model",
	"ForNextSentencePrediction":  kindClassifier,
	"ForQuestionAnswering":       "question answering model",
	"ForQuestionAnsweringSimple": "question answering model",
	"ForRetrieval":               kindMultiVector,
	"ForTokenClassification":     "token classifier",
	"HF_ColBERT":                 kindMultiVector,
}

// Heads that are trained to predict tokens: sentence-transformers 6.2 pools the
// hidden states under them.
var languageHeads = []string{"ForCausalLM", "ForConditionalGeneration", "ForMaskedLM", "ForPreTraining"}

// architectureHead is what an architecture's name says about its head; a bare
// model's says nothing.
var architectureHead = regexp.MustCompile(`For[A-Z].*$|^HF_ColBERT$`)

// checkKind returns an error unless s is of a model that becomes an embedding model
// by a Pooling alone.
func (s *source) checkKind() error {
	if s.dir.exists(manifest.ColBERT) {
		return s.dir.errorIn(manifest.ColBERT, kindError(kindMultiVector, anEmbedding, "that of ColBERT"))
	}
	if a := s.adapter; a != nil {
		if kind, ok := adapterTaskKinds[a.Task]; ok {
			return s.dir.errorIn(adapterConfig, kindError(kind, anEmbedding, "task_type: %q", a.Task))
		}
	}
	for _, a := range s.config.Architectures {
		head := architectureHead.FindString(a)
		kind, ok := architectureKinds[head]
		var err error
		switch {
		case head == "" || slices.Contains(languageHeads, head):
		case head == "ForSequenceClassification":
			err = labelsError(a, s.data)
		case ok:
			err = kindError(kind, anEmbedding, "architectures: %q", a)
		default:
			err = fmt.Errorf("architectures: %q, which is not known, expected a model without a head or %s, or a modules.json",
				a, strings.Join(languageHeads, ", "))
		}
		if err != nil {
			return s.errorIn(s.base.errorIn("config.json", err))
		}
	}
	return nil
}

// labelsError returns the error of a classifier with the labels of config, which
// transformers 5.23 counts so.
func labelsError(architecture string, config []byte) error {
	var c struct {
		NumLabels *int                       `json:"num_labels"`
		ID2Label  map[string]json.RawMessage `json:"id2label"`
	}
	if err := transformer.Unmarshal(config, &c); err != nil {
		return err
	}
	n := 2
	switch {
	case c.NumLabels != nil:
		n = *c.NumLabels
	case c.ID2Label != nil:
		n = len(c.ID2Label)
	}
	if n == 1 {
		return kindError(kindReranker, anEmbedding, "architectures: %q with 1 label", architecture)
	}
	return kindError(kindClassifier, anEmbedding, "architectures: %q with %d labels", architecture, n)
}

// checkKinds returns an error where the modules of list make a model of another kind.
func checkKinds(list []moduleEntry) error {
	var token *moduleEntry // a Dense, which without a Pooling makes vectors of tokens
	pooled := false
	for i := range list {
		e := &list[i]
		if kind, ok := moduleKinds[e.class()]; ok {
			return kindError(kind, anEmbedding, "%s: module %q of type %q", e.file, e.Name, e.Type)
		}
		switch e.class() {
		case "Dense":
			token = e
		case "Pooling", "StaticEmbedding", "Router", "Asym":
			pooled = true
		}
	}
	if token != nil && !pooled && list[0].class() == "Transformer" {
		return kindError(kindMultiVector, anEmbedding, "%s: module %q of type %q and no Pooling", token.file, token.Name, token.Type)
	}
	return nil
}

// checkNoTemplate returns an error where the tokenizer in f has a chat template:
// without modules.json sentence-transformers 6.2 makes a message of each text then.
func (f folder) checkNoTemplate() error {
	const config = "tokenizer_config.json"
	for _, pattern := range manifest.Templates {
		found, err := fs.Glob(f.fsys, path.Join(f.path, pattern))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s: %w", found[0], errTemplate)
		}
	}
	data, err := f.read(config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c struct {
		ChatTemplate json.RawMessage `json:"chat_template"`
	}
	if err == nil {
		err = f.errorIn(config, transformer.Unmarshal(data, &c))
	}
	if err == nil && c.ChatTemplate != nil && string(c.ChatTemplate) != "null" {
		err = f.errorIn(config, fmt.Errorf("chat_template: %w", errTemplate))
	}
	return err
}

// errTemplate is the error of a folder whose texts would be bare here and are
// messages of a chat in sentence-transformers 6.2.
var errTemplate = errors.New("each text passes through the folder's chat template, which cannot be rendered")
