package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// A Chat is the chat template of a tokenizer, and how texts are given to it.
type Chat struct {
	Template   string            // in Jinja
	Structured bool              // the content of a message is a list of parts
	Detect     bool              // whether it is is for the template to say
	Tokens     map[string]string // special tokens by the name that templates call them: "bos_token"
	Several    bool              `json:",omitempty"` // the template is one of several, which says nothing of Structured
	Variables  map[string]any    `json:",omitempty"` // further ones, a bool, a number, a text or nil each
	Cut        bool              `json:",omitempty"` // the limit may cut off what the template puts behind a text
}

// message is the modality of texts that pass through a chat template, in modality_config.
const message = "message"

// chat reads the chat template in f where settings say that texts pass through it, nil
// where they do not.
func (f Folder) chat(s *settings) (*Chat, error) {
	data, ok := s.ModalityConfig[message]
	if !ok {
		return nil, nil
	}
	var how struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &how); err != nil {
		return nil, f.ErrorIn(s.file, fmt.Errorf("modality_config: message: %w", err))
	}
	c := new(Chat)
	switch how.Format {
	case "flat":
	case "structured":
		c.Structured = true
	case "", "auto":
		c.Detect = true
	default:
		return nil, f.ErrorIn(s.file, unsupported.Errorf(`modality_config: message: format: %.50q, expected "flat" or "structured"`, how.Format))
	}
	if err := c.arguments(s.ProcessingKwargs["chat_template"]); err != nil {
		return nil, f.ErrorIn(s.file, fmt.Errorf("processing_kwargs: chat_template: %w", err))
	}
	return c, f.chatTemplate(c)
}

// The arguments of apply_chat_template that are no variables of a template, or not of texts.
var chatArguments = []string{
	"chat_template", "continue_final_message", "conversation", "documents", "max_length", "messages", "padding", "return_assistant_tokens_mask",
	"return_dict", "return_tensors", "sanitize_control_tokens", "tokenize", "tokenizer_kwargs", "tools", "truncation",
}

// arguments takes those of the template's calls.
func (c *Chat) arguments(values map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		switch value.(type) {
		case nil, bool, float64, string:
		default:
			return unsupported.Errorf("%q: expected a number, a text, true, false or null", key)
		}
		switch {
		case slices.Contains(chatArguments, key):
			return unsupported.Errorf("unknown %q", key)
		case key == "restore_suffix":
			restores, ok := value.(bool)
			if !ok {
				return fmt.Errorf("restore_suffix: %v, expected true or false", value)
			}
			c.Cut = !restores
		default:
			if c.Variables == nil {
				c.Variables = map[string]any{}
			}
			c.Variables[key] = value
		}
	}
	return nil
}

// plainChat reads the chat template of the tokenizer in f, a folder without modules.json,
// nil where it has none: sentence-transformers 6.2 makes a message of each text there.
func (f Folder) plainChat() (*Chat, error) {
	for _, pattern := range manifest.Templates {
		found, err := fs.Glob(f.FS, path.Join(f.Path, pattern))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			c := &Chat{Detect: true}
			return c, f.chatTemplate(c)
		}
	}
	chats, err := f.chats()
	if err != nil || !chats {
		return nil, err
	}
	c := &Chat{Detect: true}
	return c, f.chatTemplate(c)
}

// chatTemplate reads the chat template of the tokenizer in f, and the special tokens
// that it may call by their names.
func (f Folder) chatTemplate(c *Chat) error {
	c.Tokens = map[string]string{}
	var object map[string]json.RawMessage
	data, err := f.Read(tokenizerConfigName)
	if err == nil {
		c.Tokens, object, err = specialTokens(data)
		err = f.ErrorIn(tokenizerConfigName, err)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const file = manifest.Template // which wins over the key
	if data, err = f.Read(file); err == nil {
		c.Template = string(data)
		others, err := fs.Glob(f.FS, path.Join(f.Path, manifest.Templates[1]))
		c.Several = len(others) > 0
		return err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	value := object["chat_template"]
	var named []struct { // transformers 4 could write several
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if json.Unmarshal(value, &named) == nil {
		for _, n := range named {
			if n.Name == "default" {
				c.Template, c.Several = n.Template, true
				return nil
			}
		}
	}
	if json.Unmarshal(value, &c.Template) != nil || c.Template == "" {
		return f.ErrorIn(tokenizerConfigName, fmt.Errorf(`chat_template: expected a text, or a list with one of name "default", or %s`, file))
	}
	return nil
}

// specialTokens returns the special tokens that the object in data names by keys such as
// "bos_token", and the object.
func specialTokens(data []byte) (tokens map[string]string, object map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, nil, err
	}
	tokens = map[string]string{}
	for key, value := range object {
		var t token
		if strings.HasSuffix(key, "_token") && json.Unmarshal(value, &t) == nil && t.Content != "" {
			tokens[key] = t.Content
		}
	}
	return tokens, object, nil
}
