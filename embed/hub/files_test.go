package hub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A chat template is in the selection where a module scores what it makes, and not where
// texts do not pass through it.
func TestSelectionOfTemplates(t *testing.T) {
	all := map[string]bool{"modules.json": true, "config.json": true, "chat_template.jinja": true, "1_X/config.json": true, "2_X/config.json": true}
	modules := `[{"path": "", "type": "x.Transformer"}, {"path": "1_X", "type": "x.LogitScore"}]`
	s := &selection{all: all, read: func(string) ([]byte, error) { return []byte(modules), nil }}
	files, err := s.settings()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"modules.json", "config.json", "1_X/config.json", "chat_template.jinja"}, files)

	modules = strings.Replace(modules, "LogitScore", "Dense", 1)
	s = &selection{all: all, read: s.read}
	files, err = s.settings()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"modules.json", "config.json", "1_X/config.json"}, files)

	all["sentence_bert_config.json"], all["additional_chat_templates/rag.jinja"], all["other.jinja"] = true, true, true
	for settings, templates := range map[string][]string{
		`{"modality_config": {"text": {}}}`:                {},
		`{"modality_config": {"text": {}, "message": {}}}`: {"chat_template.jinja", "additional_chat_templates/rag.jinja"},
	} {
		s = &selection{all: all, read: func(file string) ([]byte, error) {
			return []byte(map[string]string{"modules.json": modules, "sentence_bert_config.json": settings}[file]), nil
		}}
		files, err = s.settings()
		require.NoError(t, err)
		require.ElementsMatch(t, append(templates, "modules.json", "config.json", "1_X/config.json", "sentence_bert_config.json"), files)
	}
}
