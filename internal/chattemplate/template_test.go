package chattemplate

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each template is small and would run long, grow without end or go too deep.
var hostile = map[string]string{
	"long loop":               "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
	"loops within loops":      strings.Repeat("{% for a in range(99999) %}", 50) + "x" + strings.Repeat("{% endfor %}", 50),
	"doubled string":          "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
	"added string":            "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
	"doubled list":            "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
	"list of itself twice":    "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
	"tojson of the same":      "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson(indent=9) }}",
	"compared with itself":    "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
	"ordered with itself":     "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x < n.y }}",
	"deep value":              "{% set n = namespace(x=[1]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}",
	"recursion":               "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
	"recursion in two":        "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
	"recursion by default":    "{% macro f(x=f()) %}{% endmacro %}{{ f() }}",
	"recursion by caller":     "{% macro f() %}{{ caller() }}{{ caller() }}{% call f() %}{{ f() }}{% endcall %}{% endmacro %}{% call f() %}{% endcall %}",
	"recursion that branches": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
	"repeated string":         "{{ 'a' * 99999999999 }}",
	"repeated list":           "{{ ([1] * 99999999999) | length }}",
	"repeated twice":          "{{ ('a' * 9999999) * 9999999 }}",
	"replaced":                "{% set a = 'a' * 99999 %}{{ a | replace('a', a) | replace('a', a) }}",
	"replaced with nothing":   "{% set a = 'a' * 999999 %}{{ a.replace('', a) }}",
	"joined":                  "{% set a = 'a' * 999999 %}{{ a.join(a) }}",
	"split often":             "{% set a = 'a ' * 99999 %}{% for i in range(99999) %}{% set b = a.split() %}{% endfor %}",
	"searched often":          "{% set a = 'a' * 999999 %}{% for i in range(99999) %}{% set b = 'b' in a %}{% endfor %}",
	"list searched often":     "{% set a = range(99999) %}{% for i in range(99999) %}{% set b = -1 in a %}{% endfor %}",
	"sliced often":            "{% set a = 'a' * 99999 %}{% for i in range(99999) %}{% set b = a[::-1] %}{% endfor %}",
	"indexed often":           "{% set a = 'a' * 999999 %}{% for i in range(99999) %}{% set b = a[-1] %}{% endfor %}",
	"sorted often":            "{% set a = range(99999) %}{% for i in range(99999) %}{% set b = a | sort %}{% endfor %}",
	"stripped often":          "{% set a = ' ' * 999999 %}{% for i in range(99999) %}{% set b = a.strip() | trim | upper %}{% endfor %}",
	"indented":                "{% set a = '\n' * 999999 %}{{ a | indent(1000, true, true) }}",
	"big indent":              "{{ 'a' | indent(99999999999) }}",
	"big indent of tojson":    "{{ [1] | tojson(indent=99999999999) }}",
	"big power":               "{{ 2 ** 99999999999 }}",
	"long range":              "{{ range(99999999999) | list }}",
	"range past 64 bits":      "{{ range(0, 9223372036854775807, 4611686018427387904) | list | length ~ 'x' * 999999999 }}",
	"set grows":               "{% for i in range(99999) %}{% set n = namespace(x='a' * 9999) %}{{ n.x }}{% endfor %}",
	"output":                  "{% for i in range(99999) %}" + strings.Repeat("text ", 1000) + "{% endfor %}",
	"capture":                 "{% for i in range(99999) %}{% set x %}" + strings.Repeat("text ", 1000) + "{% endset %}{% endfor %}",
	"parentheses":             "{{ " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + " }}",
	"brackets":                "{{ " + strings.Repeat("[", 300000),
	"not":                     "{{ " + strings.Repeat("not ", 100000) + "1 }}",
	"minus":                   "{{ " + strings.Repeat("- ", 100000) + "1 }}",
	"ifs":                     strings.Repeat("{% if 1 %}", 50000),
	"inline ifs":              "{{ " + strings.Repeat("1 if 0 else ", 50000) + "1 }}",
	"sums":                    "{{ 1" + strings.Repeat("+1", 400000) + " }}",
	"attributes":              "{{ messages" + strings.Repeat(".a", 400000) + " }}",
	"filters":                 "{{ 1" + strings.Repeat("|abs", 200000) + " }}",
	"calls":                   "{{ f" + strings.Repeat("()", 400000) + " }}",
	"tests":                   "{{ 1" + strings.Repeat(" is eq(1)", 100000) + " }}",
	"too long":                strings.Repeat("a", maxSource+1),
}

func TestHostile(t *testing.T) {
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			out, err := renderSource(source, Message{"query", "q"})
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			assert.Error(t, err, "%d bytes of output", len(out))
			// About a second at the most on one slow core, and some times the
			// budget; both with room for a busy machine.
			assert.Less(t, took, 30*time.Second)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30), "bytes allocated")
		})
	}
}

// A long text is no reason to stop.
func TestLongMessages(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("testdata", "templates", "rerank-flat.jinja"))
	require.NoError(t, err)
	tmpl, err := Parse(string(source), Flat, nil)
	require.NoError(t, err)
	long := strings.Repeat("東京 is a city. ", 1<<19)
	got, err := tmpl.Pair("", long, long)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(got, long))
}

func TestErrorsSayTheLine(t *testing.T) {
	for source, want := range map[string]string{
		"a\n{% if true %}\n{{ nope.x }}\n{% endif %}":               `chat template: line 3: nope is undefined, so it has no "x"`,
		"a\n\n{{ 1 +\n\n }}":                                        "chat template: line 5: unexpected }}, expected an expression",
		"{{ 1 }}\n{% foo %}":                                        `chat template: line 2: unknown tag "foo"`,
		"{% macro f() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ f() }}":   "chat template: line 2: division by zero",
		"\n{{ raise_exception('Only ' ~ 1) }}":                      "chat template: line 2: raise_exception: the template refuses the messages: Only 1",
		"{# a\nb #}\n{{ 'x' | foo }}":                               `chat template: line 3: unknown filter "foo"`,
		"{{ messages | selectattr('role', 'foo') | first }}":        `chat template: line 1: filter selectattr: unknown test "foo"`,
		"{{ 'a' | default(1, 2, 3) }}":                              "chat template: line 1: filter default: 3 arguments, expected at most 2",
		"\r\n\r\n{{ 'a' + messages }}":                              "chat template: line 3: a string + a list: not defined",
		"{% for a, b in [1] %}{% endfor %}":                         "chat template: line 1: an integer is not iterable",
		"{% raw %}\n{% endraw %}{{ messages[0].content.strip(1) }}": "chat template: line 2: strip: an integer, expected a string",
		"{{ strftime_now('%Q') }}":                                  "chat template: line 1: strftime_now: directive %Q is not read",
		"{{ namespace(__x=1) }}":                                    `chat template: line 1: namespace: namespace: "__x" begins with an underscore`,
		"{% if true %}{% if true %}\n{% endif %}":                   `chat template: line 2: unexpected end of the template, expected "endif"`,
	} {
		t.Run(source, func(t *testing.T) {
			_, err := renderSource(source, Message{"query", "q"})
			require.EqualError(t, err, want)
		})
	}
	_, err := renderSource("{{ raise_exception('no') }}")
	var refusal *Refusal
	require.True(t, errors.As(err, &refusal))
	assert.Equal(t, "no", refusal.Message)
	_, err = Parse("", "other", nil)
	require.EqualError(t, err, `chat template: unknown message format "other", expected "flat" or "structured"`)
}

func TestStrftime(t *testing.T) {
	when := time.Date(2026, 3, 5, 15, 4, 9, 0, time.UTC)
	got, err := strftime(when, "%d %b %Y|%-d %B %y|%H:%M:%S|%I%p|%A %a|%j|%m %-m|%F %T|%%")
	require.NoError(t, err) // as date(1) prints it in the C locale
	assert.Equal(t, "05 Mar 2026|5 March 26|15:04:09|03PM|Thursday Thu|064|03 3|2026-03-05 15:04:09|%", got)
}

func FuzzRender(f *testing.F) {
	var golden struct{ Cases []rendered }
	readJSON(f, "expressions.json", &golden)
	for _, c := range golden.Cases {
		f.Add(c.Source, "what is it?", "It is this.\n")
	}
	templates, err := filepath.Glob("testdata/templates/*.jinja")
	require.NoError(f, err)
	for _, path := range templates {
		source, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(source), "q", "d")
	}
	f.Fuzz(func(t *testing.T, source, query, document string) {
		for _, format := range []Format{Flat, Structured} {
			tmpl, err := Parse(source, format, testTokens)
			if err != nil {
				assert.ErrorContains(t, err, "chat template: ")
				return
			}
			first, err := tmpl.Pair("s", query, document)
			if err != nil {
				assert.NotContains(t, err.Error(), "runtime error")
				assert.ErrorContains(t, err, "line ")
			}
			if again, err := tmpl.Pair("s", query, document); err == nil && !strings.Contains(source, "strftime") {
				assert.Equal(t, first, again)
			}
		}
	})
}
