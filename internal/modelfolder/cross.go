package modelfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Cross is what a folder says about a cross-encoder: a reranker or a classifier.
type Cross struct {
	Labels     []string // the names of its outputs; one of a reranker
	Problem    string   // problem_type: "single_label_classification", "multi_label_classification", "regression"; "" = not said
	Activation string   // of a score: the class of torch.nn, such as "Sigmoid"
	Logit      *LogitScore
	Overruled  bool `json:"-"` // the folder says that it is an embedding model

	activation func(labels int) string
}

// A LogitScore is sentence-transformers' module of that name: the score is the logit of
// one token at the end of a chat, less that of another.
type LogitScore struct {
	True, False int32 // token ids; False is -1 for none
	Chat              // without a Template query and document are one after the other
}

// labels are what config.json says about those of a classifier.
type labels struct {
	NumLabels *int              `json:"num_labels"`
	ID2Label  map[string]string `json:"id2label"`
	Problem   *string           `json:"problem_type"`
	Legacy    *string           `json:"sbert_ce_default_activation_function"`
	Sentence  *struct {
		Activation *string `json:"activation_fn"`
	} `json:"sentence_transformers"`
}

// count returns how many labels there are, as transformers 5.23 counts them.
func (l *labels) count() int {
	switch {
	case l.NumLabels != nil:
		return *l.NumLabels
	case l.ID2Label != nil:
		return len(l.ID2Label)
	}
	return 2
}

// kind returns what a model with these labels is.
func (l *labels) kind() Kind {
	if l.count() == 1 {
		return Reranker
	}
	return Classifier
}

// cross reads the folder of a cross-encoder with these modules, nil for none.
func (r *reader) cross(list []moduleEntry) error {
	s := r.spec
	var first *moduleEntry
	if list != nil {
		first = &list[0]
	}
	c := new(Cross)
	s.Cross = c
	var err error
	switch {
	case list == nil:
		err = r.plainCross()
	case first.class() != "Transformer":
		return first.unknown("a Transformer as the first")
	case len(list) == 1:
		s.Default = new(Route)
		s.Default.Encoder, err = r.transformer(r.root.at(first.Path))
	case len(list) == 2 && list[1].class() == "LogitScore":
		s.Default = new(Route)
		if s.Default.Encoder, err = r.transformer(r.root.at(first.Path)); err == nil {
			err = r.logitScore(r.root.at(list[1].Path))
		}
	default:
		if s.Default, err = r.route(list); err == nil {
			err = s.Default.scores()
		}
	}
	if err != nil {
		return err
	}
	e := s.Default.Encoder
	var l labels
	if err := strictjson.Unmarshal(e.Config, &l); err != nil {
		return e.ErrorIn(e.Base.ErrorIn(configName, err))
	}
	if err := c.read(&l, s.Default); err != nil {
		return e.ErrorIn(e.Base.ErrorIn(configName, err))
	}
	c.activation = func(n int) string { return l.activation(r.activation, n) }
	s.labeled()
	return nil
}

// labeled sets what follows from how many labels there are.
func (s *Spec) labeled() {
	n := len(s.Cross.Labels)
	s.Kind = Reranker
	if n > 1 {
		s.Kind = Classifier
	}
	s.Cross.Activation = s.Cross.activation(n)
}

// SetLabels says that the head has n labels: config.json of the base model of an adapter
// with a head of its own says nothing of them.
func (s *Spec) SetLabels(n int) {
	if n != len(s.Cross.Labels) {
		s.Cross.Labels = nil
		for i := range n {
			s.Cross.Labels = append(s.Cross.Labels, labelName(i))
		}
		s.labeled()
	}
}

// labelName returns the name that transformers gives a label without one.
func labelName(i int) string { return fmt.Sprintf("LABEL_%d", i) }

// plainCross reads a folder without modules.json.
func (r *reader) plainCross() error {
	e := r.source
	if e == nil {
		var err error
		if e, err = r.newEncoder(r.root); err != nil {
			return err
		}
	}
	r.spec.Default = &Route{Encoder: e}
	s, err := r.root.settings()
	if err == nil {
		err = r.root.ErrorIn(s.file, s.checkTask(Reranker, e.Model.ModelType))
	}
	if err == nil {
		err = r.complete(e, s)
	}
	if err == nil && e.Model.predictsTokens() && adapterTaskKinds[e.task] != Classifier {
		err = r.yesNo(e)
	}
	return err
}

// scores returns an error unless the modules of r end with scores.
func (r *Route) scores() error {
	n := len(r.Modules)
	if r.Encoder.Static || r.Normalized || n == 0 || r.Modules[n-1].Class != Dense {
		return errors.New("modules.json: found no Dense at the end, expected one that makes the scores of a cross-encoder")
	}
	return nil
}

// read reads the labels, of which a route with a Dense at its end, or a LogitScore, has
// other ones than config.json says.
func (c *Cross) read(l *labels, r *Route) error {
	n := l.count()
	switch {
	case c.Logit != nil:
		n = 1
	case r.Pooling != nil:
		n = r.Modules[len(r.Modules)-1].Outputs
	case n < 1:
		return fmt.Errorf("num_labels, id2label: %d labels, expected 1 or more", n)
	}
	if n > 1<<20 {
		return fmt.Errorf("num_labels: %d, expected %d or fewer", n, 1<<20)
	}
	c.Labels = make([]string, n)
	for i := range c.Labels {
		name, ok := l.ID2Label[strconv.Itoa(i)]
		if !ok || len(l.ID2Label) != n {
			name = labelName(i)
		}
		c.Labels[i] = name
	}
	if l.Problem != nil {
		switch c.Problem = *l.Problem; c.Problem {
		case "single_label_classification", "multi_label_classification", "regression":
		default:
			return unsupported.Errorf("problem_type: %.100q, unknown", c.Problem)
		}
	}
	return nil
}

// activation returns the class of torch.nn that a score passes, as
// sentence-transformers 6.2 finds it: own is activation_fn of its own file. A path that
// is not torch's counts as none.
func (l *labels) activation(own *string, n int) string {
	path := own
	if path == nil {
		path = l.Legacy
		if l.Sentence != nil && l.Sentence.Activation != nil {
			path = l.Sentence.Activation
		}
	}
	switch {
	case path != nil && strings.HasPrefix(*path, "torch."):
		return *path
	case n == 1:
		return "torch.nn.modules.activation.Sigmoid"
	}
	return "torch.nn.modules.linear.Identity"
}

// logitScore reads a LogitScore module in f, and the chat template of the transformer.
func (r *reader) logitScore(f Folder) error {
	var config struct {
		True  *int32 `json:"true_token_id"`
		False *int32 `json:"false_token_id"`
		moduleNames
	}
	found, err := f.ReadJSON(configName, &config)
	switch {
	case err != nil:
		return err
	case !found:
		err = fs.ErrNotExist
	case config.True == nil || *config.True < 0 || config.False != nil && *config.False < 0:
		err = errors.New("true_token_id, false_token_id: expected token ids, of which the second may be null")
	case config.ModuleInputName != "" && config.ModuleInputName != "causal_logits":
		err = unsupported.Errorf(`module_input_name: %q, expected "causal_logits"`, config.ModuleInputName)
	}
	if err != nil {
		return f.ErrorIn(configName, err)
	}
	score := &LogitScore{True: *config.True, False: -1}
	if config.False != nil {
		score.False = *config.False
	}
	r.spec.Cross.Logit = score
	e := r.spec.Default.Encoder
	s, err := e.Folder.settings()
	if err != nil {
		return err
	}
	chat, err := e.Folder.chat(&s)
	if err == nil && chat != nil { // an older folder has texts alone
		score.Chat = *chat
	}
	return err
}
