package chattemplate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testTokens are those of testdata/generate/generate.py.
var testTokens = map[string]string{"bos_token": "<s>", "eos_token": "</s>"}

type rendered struct {
	Template, Source, Chat string
	Format                 Format
	Prompt                 bool
	Want, Error            string
}

func chat(pairs [][2]string) []Message {
	messages := make([]Message, len(pairs))
	for i, p := range pairs {
		messages[i] = Message{p[0], p[1]}
	}
	return messages
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

// check renders by f and compares with what transformers made.
func (c rendered) check(t *testing.T, source string, messages []Message) {
	format := c.Format
	if format == "" {
		format = Flat
	}
	tmpl, err := Parse(source, format, testTokens)
	var got string
	if err == nil {
		got, err = tmpl.render(tmpl.values(messages), "add_generation_prompt", c.Prompt)
	}
	if c.Error != "" {
		assert.Error(t, err, "got %q, but the reference says %s", got, c.Error)
		return
	}
	if assert.NoError(t, err) {
		assert.Equal(t, c.Want, got)
	}
}

func TestTemplates(t *testing.T) {
	var golden struct {
		Chats map[string][][2]string
		Cases []rendered
	}
	readJSON(t, "renders.json", &golden)
	require.NotEmpty(t, golden.Cases)
	for _, c := range golden.Cases {
		t.Run(c.Template+"/"+c.Chat+"/"+string(c.Format), func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("testdata", "templates", c.Template))
			require.NoError(t, err)
			c.check(t, string(source), chat(golden.Chats[c.Chat]))
		})
	}
}

// refused are the cases that are errors by design, with a part of the error.
var refused = map[string]string{
	"{{ [1,2,3] | select('odd') }}":                           "a generator printed as text", // an address
	"{{ {'get': 1}.get }}":                                    "a function printed as text",  // an address
	"{{ 'a'.__class__ }}":                                     `attribute "__class__" is not for templates`,
	"{{ '{}'.format(1) }}":                                    "a string's format is not read",
	"{% for m in messages recursive %}{% endfor %}":           "recursive loops are not read",
	"{{ self is defined }}":                                   "self is not read",
	"{{ joiner is defined }}":                                 "joiner is not read",
	"{{ lipsum() }}":                                          "lipsum is not read",
	"{% macro f() %}{{ varargs }}{% endmacro %}{{ f(1, 2) }}": "varargs of a macro are not read",
	"{{ 2 ** 64 }}":                                           "an integer of more than 64 bits",
	"{{ 99999999999999999999 }}":                              "expected one of 64 bits",
	"{{ '%s' % 1 }}":                                          "a string % an integer: not defined",
	"{{ '<' | escape }}":                                      `unknown filter "escape"`,
	"{{ [1] | batch(2) | list }}":                             `unknown filter "batch"`,
	"{{ 'a' is filter }}":                                     `unknown test "filter"`,
	"{{ ('<'|safe) + '<' }}":                                  "a safe string + a string: not defined", // Python escapes the second
	"{{ 'a'|safe|upper + '<' }}":                              "filter upper: a safe string printed as text",
	"{{ '1_0'|int }}":                                         `the number "1_0" is not read`,
	"{{ '٣'|float }}":                                         `the number "٣" is not read`,
	"{{ '²'.isdigit() }}":                                     "isdigit of a number such as ² is not read",
	"{% block b %}{% endblock %}":                             `unknown tag "block"`,
	"{{ '\\N{BULLET}' }}":                                     "is not read",
	"{{ 'a'.title() }}":                                       "a string's title is not read",
	"{{ dict([('a', 1)]) }}":                                  "expected a dict",
	"{% macro f(a) %}{% endmacro %}{{ f(*[1]) }}":             `unexpected "*"`,
}

func TestExpressions(t *testing.T) {
	var golden struct {
		Messages [][2]string
		Cases    []rendered
	}
	readJSON(t, "expressions.json", &golden)
	require.NotEmpty(t, golden.Cases)
	seen := map[string]bool{}
	for _, c := range golden.Cases {
		seen[c.Source] = true
		t.Run(c.Source, func(t *testing.T) {
			if want, ok := refused[c.Source]; ok {
				assert.Empty(t, c.Error)
				_, err := renderSource(c.Source)
				require.ErrorContains(t, err, want)
				return
			}
			c.check(t, c.Source, chat(golden.Messages))
		})
	}
	for source := range refused {
		assert.True(t, seen[source], "no case %s", source)
	}
}

func renderSource(source string, messages ...Message) (string, error) {
	tmpl, err := Parse(source, Flat, testTokens)
	if err != nil {
		return "", err
	}
	return tmpl.Render(messages...)
}
