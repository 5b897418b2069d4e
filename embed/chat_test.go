package embed

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tokenizer"
)

const chats = "../testdata/chats"

// A chatFolder is what sentence-transformers makes of the folder chats/model with other files.
type chatFolder struct {
	Files map[string]json.RawMessage // null = there is none; an object = keys of it
	Cases []struct {
		Way, Prompt, Name string
		Texts             []string
		IDs               [][]int32 `json:"ids"`
		Embeddings        [][]float32
	}
}

// readChats returns what there is, and the files of each.
func readChats(t testing.TB) (all map[string]chatFolder, files map[string]fstest.MapFS) {
	data, err := os.ReadFile(filepath.Join(chats, "answers.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &all))
	files = map[string]fstest.MapFS{}
	for name, folder := range all {
		f := readFolder(t, filepath.Join(chats, "model"))
		for file, content := range folder.Files {
			var keys map[string]json.RawMessage
			var text string
			switch {
			case bytes.Equal(content, []byte("null")):
				delete(f, file)
			case json.Unmarshal(content, &keys) == nil:
				for key, value := range keys {
					edit(t, f, file, key, string(value))
				}
			default:
				require.NoError(t, json.Unmarshal(content, &text))
				write(f, file, text)
			}
		}
		files[name] = f
	}
	return all, files
}

// Texts pass through the chat template of their folder as in sentence-transformers 6.2.
func TestChat(t *testing.T) {
	all, files := readChats(t)
	for name, folder := range all {
		t.Run(name, func(t *testing.T) {
			m := loadFiles(t, files[name], Config{})
			for _, c := range folder.Cases {
				opts := Options{Prompt: c.Prompt, PromptName: c.Name, Unnormalized: true}
				result := embedTexts(t, m, c.Texts, opts)
				tokens, changed := m.EmbedTokens(t.Context(), c.Texts, opts)
				whole := changed == nil // the template leaves each text as it is
				reading, err := m.Reading(opts)
				require.NoError(t, err)
				for i, text := range c.Texts {
					e, read, err := reading.Encode(text, tokenizer.Options{})
					require.NoError(t, err)
					if len(e.IDs) <= m.Info().MaxTokens { // it cuts nothing
						assert.Equal(t, c.IDs[i], e.IDs, "%s: %q", c.Way, text)
						assert.Contains(t, read, strings.TrimSpace(text))
					}
					bare, read, err := reading.Encode(text, tokenizer.Options{NoSpecial: true})
					require.NoError(t, err)
					assert.Equal(t, text, read)
					own, err := m.Tokenizer().Encode(text, tokenizer.Options{NoSpecial: true})
					require.NoError(t, err)
					assert.Equal(t, own.IDs, bare.IDs)
				}
				for i, text := range c.Texts {
					e := result.Embeddings[i]
					assert.Equal(t, len(c.IDs[i]), e.Tokens, "%s: %q", c.Way, text)
					assert.InDeltaSlice(t, c.Embeddings[i], e.Float32, goldenTolerance, "%s: %q", c.Way, text)
					if !whole {
						continue
					}
					var ids []int32
					for _, token := range tokens.Texts[i].Tokens {
						ids = append(ids, token.ID)
						assert.LessOrEqual(t, token.End, len(text))
					}
					assert.Equal(t, c.IDs[i], ids, "%s: %q", c.Way, text)
				}
				assert.Equal(t, name != "task" || c.Way == "query", whole, "%s: %v: a template that trims blanks", c.Way, changed)
			}
		})
	}
}

// What a template puts around a text belongs to no span of it, and counts for the limit.
func TestChatSpans(t *testing.T) {
	_, files := readChats(t)
	m := loadFiles(t, files["last"], Config{})
	const text = "two short parts"
	tokens, err := m.EmbedTokens(t.Context(), []string{text}, Options{Prompt: "a prompt"})
	require.NoError(t, err)
	at := 0
	for _, token := range tokens.Texts[0].Tokens {
		if token.Span != (tokenizer.Span{}) {
			assert.Equal(t, at, token.Start)
			at = token.End
		}
	}
	assert.Equal(t, len(text), at, "the tokens cover the text")
	spans := [][]tokenizer.Span{{{Start: 0, End: 9}, {Start: 9, End: len(text)}, {Start: 0, End: len(text)}}}
	result := embedTexts(t, m, []string{text}, Options{Prompt: "a prompt", Spans: spans, Unnormalized: true})
	require.Len(t, result.Embeddings, 3)
	for i, span := range spans[0][:2] { // which are pooled by their last token
		var last []float32
		for _, token := range tokens.Texts[0].Tokens {
			if token.Span != (tokenizer.Span{}) && token.Start < span.End {
				last = token.Float32
			}
		}
		assert.InDeltaSlice(t, last, result.Embeddings[i].Float32, 1e-6)
	}

	const blank = " blanks around "
	_, err = loadFiles(t, files["task"], Config{}).Embed(t.Context(), []string{blank}, Options{Spans: [][]tokenizer.Span{{{Start: 0, End: 7}, {Start: 7, End: len(blank)}}}})
	assert.ErrorContains(t, err, "input 0: the chat template changes the text", "it trims blanks")

	reading, err := m.Reading(Options{Prompt: "a prompt"})
	require.NoError(t, err)
	assert.Empty(t, reading.Prompt)
	assert.Less(t, reading.MaxTokens, 48)
	_, err = m.Embed(t.Context(), []string{text}, Options{MaxTokens: 8})
	require.ErrorAs(t, err, new(*OptionError))
	assert.ErrorContains(t, err, "with the chat template, model reads 8")
}

// The template and its arguments are a part of what makes a vector.
func TestChatFingerprint(t *testing.T) {
	_, files := readChats(t)
	print := func() string {
		m := loadFiles(t, files["task"], Config{})
		p, err := m.Fingerprint(t.Context())
		require.NoError(t, err)
		return p
	}
	first := print()
	replace(t, files["task"], "sentence_bert_config.json", `"assistant"`, `"user"`)
	second := print()
	write(files["task"], "chat_template.jinja", "{{ messages[-1].content[0].text }}")
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, second, print())
}

// Arguments of a template that are not known, and templates that are none, are refused.
func TestChatIsRefused(t *testing.T) {
	_, files := readChats(t)
	for _, c := range []struct{ name, file, old, new, want string }{
		{"argument of the call", "sentence_bert_config.json", `"voice"`, `"documents"`, `processing_kwargs: chat_template: unknown "documents"`},
		{"list", "sentence_bert_config.json", `"assistant"`, `["assistant"]`, `processing_kwargs: chat_template: "voice": expected a number`},
		{"format", "sentence_bert_config.json", `"structured"`, `"other"`, `modality_config: message: format: "other", expected`},
		{"method", "sentence_bert_config.json", `"format": "structured"`, `"method": "x"`, `modality_config: message:`},
		{"template", "chat_template.jinja", `{%- for`, `{%- fro`, "chat template: line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fstest.MapFS{}
			for name, file := range files["task"] {
				f[name] = file
			}
			replace(t, f, c.file, c.old, c.new)
			_, err := LoadFS(t.Context(), f, Config{})
			assert.ErrorContains(t, err, c.want)
		})
	}
}
