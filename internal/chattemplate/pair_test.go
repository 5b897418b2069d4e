package chattemplate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parseFile(t *testing.T, name string, format Format) *Template {
	source, err := os.ReadFile(filepath.Join("testdata", "templates", name))
	require.NoError(t, err)
	tmpl, err := Parse(string(source), format, testTokens)
	require.NoError(t, err)
	return tmpl
}

func TestPair(t *testing.T) {
	var golden struct {
		Chats map[string][][2]string
		Cases []rendered
	}
	readJSON(t, "renders.json", &golden)
	pairs := 0
	for _, c := range golden.Cases {
		if c.Prompt || c.Error != "" || !strings.HasPrefix(c.Template, "rerank-") {
			continue
		}
		tmpl := parseFile(t, c.Template, c.Format)
		turns := golden.Chats[c.Chat]
		system := ""
		if turns[0][0] == "system" {
			system, turns = turns[0][1], turns[1:]
		}
		switch {
		case turns[0][0] != "query":
			continue
		case strings.HasPrefix(c.Chat, "filler-"):
			filler := Fillers[c.Chat[len("filler-")]-'1']
			text, err := tmpl.Pair(system, filler, filler)
			require.NoError(t, err)
			assert.Equal(t, c.Want, text, c.Template)
		}
		got, err := tmpl.Pair(system, turns[0][1], turns[1][1])
		require.NoError(t, err)
		assert.Equal(t, c.Want, got, "%s/%s", c.Template, c.Chat)
		pairs++
	}
	assert.GreaterOrEqual(t, pairs, 15)
}

func TestCheckPair(t *testing.T) {
	var golden struct {
		Pairs []struct {
			Template string
			Format   Format
			Dropped  []string // nil: the template raises
		}
	}
	readJSON(t, "renders.json", &golden)
	require.NotEmpty(t, golden.Pairs)
	for _, c := range golden.Pairs {
		t.Run(c.Template+"/"+string(c.Format), func(t *testing.T) {
			err := parseFile(t, c.Template, c.Format).CheckPair()
			switch {
			case c.Dropped == nil:
				assert.ErrorContains(t, err, "a message of role query and one of role document: chat template: line ")
			case len(c.Dropped) == 0:
				assert.NoError(t, err)
			default:
				want := `chat template: drops the message of role "` + strings.Join(c.Dropped, `" and of role "`) + `", expected`
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

func TestDetectFormat(t *testing.T) {
	// The patterns of sentence-transformers 6.2.0, base/modality.py, _infer_format.
	for source, want := range map[string]Format{
		"{{ messages[0].content }}":        Flat,
		"{{ m.content[0].text }}":          Structured,
		"{% if item.type == 1 %}":          Structured,
		"{{ item['type'] }}":               Structured,
		`{{ item["type"] }}`:               Structured,
		"{{ message.content[1:] }}":        Structured,
		"{{ message['content'][0] }}":      Flat,
		"{{ query_type }} prototype types": Flat,
		"":                                 Structured,
	} {
		assert.Equal(t, want, DetectFormat(source, "qwen3"), source)
		assert.Equal(t, Flat, DetectFormat(source, "gpt_oss"), source)
	}
	for name, want := range map[string]Format{"rerank-flat.jinja": Flat, "rerank-structured.jinja": Structured} {
		source, err := os.ReadFile(filepath.Join("testdata", "templates", name))
		require.NoError(t, err)
		assert.Equal(t, want, DetectFormat(string(source), "qwen2"), "as in the folders that sentence-transformers saved with it")
	}
}

// Tokens that the tokenizer does not have are undefined; those that are named
// as the template's own variables do not take their place.
func TestTokens(t *testing.T) {
	tmpl, err := Parse("{{ bos_token }}|{{ sep_token is defined }}|{{ messages | length }}", Flat, map[string]string{"bos_token": "<s>", "messages": "x"})
	require.NoError(t, err)
	got, err := tmpl.Render(Message{"user", "a"})
	require.NoError(t, err)
	assert.Equal(t, "<s>|False|1", got)
}
