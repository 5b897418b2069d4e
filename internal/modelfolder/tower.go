package modelfolder

import (
	"fmt"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// towers are the model types of models of texts and images, whose text model makes one vector
// of a text by itself: get_text_features of transformers 5.23. sentence-transformers 6.2 takes
// that for the embedding, and no Pooling follows.
var towers = map[string]bool{"clip": true}

// clipModule is the class of the module that such a model was in, up to sentence-transformers 5.3.
const clipModule = "CLIPModel"

// towerPooling returns how the vector of a text is made of what the text model of a tower
// makes of its tokens: the last one has it.
func towerPooling() *Pooling { return &Pooling{Modes: []string{"lasttoken"}, IncludePrompt: true} }

// tower reads the CLIPModel module in dir.
func (r *reader) tower(dir Folder) (*Encoder, error) {
	e, err := r.transformer(dir)
	if err == nil && !towers[e.Model.ModelType] {
		err = e.Base.ErrorIn(configName, unsupported.Errorf("model_type: found %q of a %s, expected clip", e.Model.ModelType, clipModule))
	}
	return e, err
}

// checkTower returns an error where e is a tower and the model that is read is none of embeddings.
func (r *reader) checkTower(e *Encoder) error {
	if !towers[e.Model.ModelType] || r.spec.Kind == Embedding {
		return nil
	}
	return e.Base.ErrorIn(configName, unsupported.Errorf("model_type: found %q, whose text model makes embeddings, expected one that makes a %s", e.Model.ModelType, r.spec.Kind))
}

// plainTower returns the route of a folder without modules.json that has a tower.
func (r *reader) plainTower(e *Encoder) (*Route, error) {
	switch r.options.Pooling {
	case "", "last", "lasttoken":
		return &Route{Encoder: e, Pooling: towerPooling()}, nil
	}
	return nil, fmt.Errorf("pooling: %.50q given, and a %s has the vector of a text in its last token", r.options.Pooling, e.Model.ModelType)
}
