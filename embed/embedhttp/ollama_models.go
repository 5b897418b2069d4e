package embedhttp

import (
	"net/http"
	"strconv"
	"time"
)

// ollamaAPI is the version of Ollama whose API this is.
const ollamaAPI = "0.17.4"

func (x *exchange) ollamaVersion() error {
	return x.json(http.StatusOK, map[string]string{"version": ollamaAPI})
}

// ollamaModel is the JSON of a model in a list.
type ollamaModel struct {
	Name          string        `json:"name"`
	Model         string        `json:"model"` // the name
	ModifiedAt    string        `json:"modified_at"`
	Size          int64         `json:"size"` // of the weights, in bytes
	Digest        string        `json:"digest"`
	Details       ollamaDetails `json:"details"`
	ExpiresAt     string        `json:"expires_at,omitempty"` // these three of a model in memory
	SizeVRAM      *int64        `json:"size_vram,omitempty"`
	ContextLength int           `json:"context_length,omitempty"`
}

type ollamaDetails struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
}

func (m *Model) ollamaDetails() ollamaDetails {
	f := m.facts()
	return ollamaDetails{Format: f.FileFormat, Family: f.Family, Families: []string{f.Family}, QuantizationLevel: f.Precision.String()}
}

// ollamaModel describes m under one of its names.
func (h *Handler) ollamaModel(m *Model, name string) ollamaModel {
	return ollamaModel{
		Name: name, Model: name, ModifiedAt: h.created.UTC().Format(time.RFC3339), Digest: m.Fingerprint,
		Size: m.facts().MemoryBytes, Details: m.ollamaDetails(),
	}
}

// ollamaTags answers /api/tags with all models under each of their names.
func (x *exchange) ollamaTags() error {
	list := []ollamaModel{}
	for _, m := range x.h.all() {
		for _, name := range m.allNames() {
			list = append(list, x.h.ollamaModel(m, name))
		}
	}
	return x.json(http.StatusOK, map[string]any{"models": list})
}

// ollamaRunning answers /api/ps with those in memory. Some stay.
func (x *exchange) ollamaRunning() error {
	list := []ollamaModel{}
	for _, m := range x.h.all() {
		if m.queue() == nil {
			continue
		}
		var expires time.Time
		if m.entry != nil {
			expires = m.entry.expires()
		}
		if expires.IsZero() {
			expires = x.h.created.AddDate(100, 0, 0)
		}
		for _, name := range m.allNames() {
			one := x.h.ollamaModel(m, name)
			one.ExpiresAt, one.SizeVRAM, one.ContextLength = expires.UTC().Format(time.RFC3339Nano), new(int64), m.facts().MaxTokens
			list = append(list, one)
		}
	}
	return x.json(http.StatusOK, map[string]any{"models": list})
}

// setKeepAlive reads how long a model stays that comes and goes: a duration, or a number
// of seconds; below 0 until its memory is needed.
func (c *basics) setKeepAlive(_ *Handler, field string, value []byte) error {
	var keep time.Duration
	var err error
	if value[0] == '"' {
		keep, err = time.ParseDuration(unquote(value))
	} else {
		var seconds float64
		seconds, err = strconv.ParseFloat(string(value), 64)
		keep = time.Duration(min(seconds, 1e9) * float64(time.Second))
		if seconds < 0 {
			keep = -1
		}
	}
	if err != nil {
		return fail(codeInvalidRequest, field, "found %s, expected a duration such as \"5m\", or a number of seconds", excerpt(value))
	}
	c.keepAlive = &keep
	return nil
}

// ollamaShown are the fields of a request to describe a model.
var ollamaShown = map[string]func(c *basics, h *Handler, field string, value []byte) error{
	"model":    (*basics).setOllamaModel,
	"name":     (*basics).setOllamaOldName,
	"verbose":  (*basics).skip,
	"system":   (*basics).skip,
	"template": (*basics).skip,
	"options":  (*basics).skip,
}

// setOllamaOldName reads what model was called before, which is empty beside it.
func (c *basics) setOllamaOldName(h *Handler, field string, value []byte) error {
	if string(value) == `""` {
		return nil
	}
	return c.setOllamaModel(h, field, value)
}

// ollamaDescription is the JSON of a model by itself.
type ollamaDescription struct {
	Modelfile    string         `json:"modelfile"`
	Parameters   string         `json:"parameters"`
	Template     string         `json:"template"`
	Details      ollamaDetails  `json:"details"`
	ModelInfo    map[string]any `json:"model_info"`
	Capabilities []string       `json:"capabilities"`
	ModifiedAt   string         `json:"modified_at"`
}

func (x *exchange) ollamaShow() error {
	c := new(basics)
	err := x.receive(func(body []byte) error { return readFields(x.h, c, ollamaShown, body) })
	if err != nil {
		return err
	}
	if c.name == "" {
		return fail(codeInvalidRequest, "model", "missing, expected one of: %s", x.h.shownNames())
	}
	m, err := x.h.find(c.name)
	if err != nil {
		return err
	}
	details := m.ollamaDetails()
	answer := ollamaDescription{
		Details: details, Capabilities: []string{}, ModifiedAt: x.h.created.UTC().Format(time.RFC3339),
		ModelInfo: map[string]any{"general.architecture": details.Family, details.Family + ".context_length": m.facts().MaxTokens},
	}
	if m.kind() == embedding {
		answer.Capabilities = append(answer.Capabilities, "embedding")
		answer.ModelInfo[details.Family+".embedding_length"] = m.Info.Dimensions
	}
	return x.json(http.StatusOK, answer)
}
