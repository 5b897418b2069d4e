package embedhttp

import (
	"net/http"
	"strings"
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
	return ollamaDetails{Format: "safetensors", Family: f.family, Families: []string{f.family}, QuantizationLevel: f.precision.String()}
}

// ollamaModels returns all models under each of their names.
func (h *Handler) ollamaModels() []ollamaModel {
	list := []ollamaModel{}
	for i := range h.cfg.Models {
		m := &h.cfg.Models[i]
		for _, name := range append([]string{m.Name}, m.Aliases...) {
			list = append(list, ollamaModel{
				Name: name, Model: name, ModifiedAt: h.created.UTC().Format(time.RFC3339), Digest: m.Fingerprint,
				Size: m.facts().memory, Details: m.ollamaDetails(),
			})
		}
	}
	return list
}

func (x *exchange) ollamaTags() error {
	return x.json(http.StatusOK, map[string]any{"models": x.h.ollamaModels()})
}

// ollamaRunning answers /api/ps: all models are in memory, and stay.
func (x *exchange) ollamaRunning() error {
	list := x.h.ollamaModels()
	for i := range list {
		list[i].ExpiresAt = x.h.created.UTC().AddDate(100, 0, 0).Format(time.RFC3339)
		list[i].SizeVRAM = new(int64)
		list[i].ContextLength = x.h.models[list[i].Name].facts().maxTokens
	}
	return x.json(http.StatusOK, map[string]any{"models": list})
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
		return fail(codeInvalidRequest, "model", "missing, expected one of: %s", strings.Join(x.h.names, ", "))
	}
	m, err := x.h.find(c.name)
	if err != nil {
		return err
	}
	details := m.ollamaDetails()
	answer := ollamaDescription{
		Details: details, Capabilities: []string{}, ModifiedAt: x.h.created.UTC().Format(time.RFC3339),
		ModelInfo: map[string]any{"general.architecture": details.Family, details.Family + ".context_length": m.facts().maxTokens},
	}
	if m.kind() == embedding {
		answer.Capabilities = append(answer.Capabilities, "embedding")
		answer.ModelInfo[details.Family+".embedding_length"] = m.Info.Dimensions
	}
	return x.json(http.StatusOK, answer)
}
