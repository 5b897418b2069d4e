package embedhttp

import (
	_ "embed"
	"net/http"
	"strings"
)

// modelInfo is the JSON of a model: OpenAI's four fields, and what a client needs
// to choose one.
type modelInfo struct {
	ID          string   `json:"id"`
	Object      string   `json:"object"` // "model"
	Created     int64    `json:"created"`
	OwnedBy     string   `json:"owned_by"`
	Kind        kind     `json:"kind"` // "" = not known before it is loaded
	Aliases     []string `json:"aliases"`
	Dimensions  int      `json:"dimensions,omitempty"` // of an embedding
	MaxTokens   int      `json:"max_tokens"`           // 0 = no limit
	Prompts     []string `json:"prompts"`              // names
	Kinds       []kind   `json:"kinds"`                // all of a model of several outputs
	Fingerprint string   `json:"fingerprint"`          // "" = not known before the model is loaded
	Loaded      bool     `json:"loaded"`
}

type modelList struct {
	Object string      `json:"object"` // "list"
	Data   []modelInfo `json:"data"`
}

func (h *Handler) modelInfo(m *Model) modelInfo {
	return modelInfo{
		ID: m.Name, Object: "model", Created: h.created.Unix(), OwnedBy: "rhumb",
		Kind:        m.kind(),
		Kinds:       append([]kind{}, m.kinds()...),
		Aliases:     append([]string{}, m.Aliases...),
		Dimensions:  m.Info.DefaultDimensions,
		MaxTokens:   m.facts().MaxTokens,
		Prompts:     append([]string{}, names(m.facts().Prompts)...),
		Fingerprint: m.Fingerprint,
		Loaded:      m.queue() != nil,
	}
}

// listModels answers GET /v1/models.
func (x *exchange) listModels() error {
	list := modelList{Object: "list", Data: []modelInfo{}}
	for _, m := range x.h.all() {
		list.Data = append(list.Data, x.h.modelInfo(m))
	}
	return x.json(http.StatusOK, list)
}

// oneModel answers GET /v1/models/{id}, where id may have slashes.
func (x *exchange) oneModel() error {
	m, err := x.h.find(strings.TrimPrefix(x.path, "/v1/models/"))
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, x.h.modelInfo(m))
}

// state is the JSON of /health and /ready.
type state struct {
	Status string `json:"status"`
}

// health answers as long as the process does.
func (x *exchange) health() error { return x.json(http.StatusOK, state{"ok"}) }

// ready answers 200 between Warm and Drain, and 503 before and after.
func (x *exchange) ready() error {
	s := x.h.state.Load()
	if s == &ready {
		return x.json(http.StatusOK, state{*s})
	}
	return x.json(http.StatusServiceUnavailable, state{*s})
}

func (x *exchange) description() error {
	x.bytes(http.StatusOK, "application/json", x.h.openapi)
	return nil
}

//go:embed page.html
var page []byte

// page answers with the page to try the service, which needs no other file and no other host.
func (x *exchange) page() error {
	header := x.w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	x.bytes(http.StatusOK, "text/html; charset=utf-8", page)
	return nil
}
