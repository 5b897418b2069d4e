package embedhttp

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// Texts that a person types.
var typed = []string{"It's a summer's day", "a winter's \"day\"", "Das Wetter 😀 `heute`"}

const asked = `How "warm" is it?`

// The page in a browser, on screens of a desk and a phone, light and dark.
func TestPageInBrowser(t *testing.T) {
	b := browse(t)
	h, _ := served(t, addCross(t))
	server := httptest.NewServer(h)
	defer server.Close()
	b.command(nil, "Browser.grantPermissions", map[string]any{"permissions": []string{"clipboardReadWrite", "clipboardSanitizedWrite"}, "origin": server.URL})
	for _, width := range []int{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			name := fmt.Sprint(width, "-", scheme)
			t.Run(name, func(t *testing.T) {
				b.t = t
				b.openPage(server.URL, width, scheme)
				b.click("#texts")
				b.write(strings.Join(typed, "\n"))
				b.click("button.main")
				b.checkResult()
				b.click("#result summary")
				b.rank()
				b.checkLook()
				b.screenshot(name)
				assert.Empty(t, b.takeProblems())
			})
		}
	}
	t.Run("keyboard alone", func(t *testing.T) {
		b.t = t
		b.openPage(server.URL, 1280, "light")
		b.tab("#texts")
		b.write(strings.Join(typed, "\n"))
		b.tab("button.main")
		b.press("Enter", 0)
		b.checkResult()
		b.tab("#languages input")
		b.press("ArrowRight", 0)
		b.wait(`$("code").textContent.startsWith("from openai")`)
		b.tab("#copy")
		b.press(" ", 0)
		b.wait(`$("copy").textContent === "Copied"`)
		assert.Equal(t, evaluate[string](b, `$("code").textContent`), evaluate[string](b, `navigator.clipboard.readText()`))
		b.click("#texts")
		b.write("summer")
		b.press("Enter", 2)
		b.wait(`$("status").textContent.startsWith("1 embedding of")`)
		b.tab("#query")
		b.write(asked)
		b.tab("#documents")
		b.write(strings.Join(typed, "\n"))
		b.tab("#rank-form button")
		b.press("Enter", 0)
		b.checkRanking(3)
		assert.Empty(t, b.takeProblems())
	})
	t.Run("formats", func(t *testing.T) {
		b.t = t
		b.openPage(server.URL, 1280, "light")
		b.click("#texts")
		b.write(strings.Join(typed, "\n"))
		b.click("input[value=float]")
		for _, format := range []string{"base64", "int8", "uint8", "binary", "ubinary", "float16"} {
			b.click("input[value=" + format + "]")
			b.click("button.main")
			b.wait(`$("answer").textContent.includes('"encoding_format":"` + format + `"')`)
			want := 0.02 // what 8 bits leave
			if strings.HasSuffix(format, "binary") {
				want = 0.5
			}
			b.checkCosines(want)
			b.click("input[value=" + format + "]")
		}
		assert.Empty(t, b.takeProblems())
	})
	t.Run("errors", func(t *testing.T) {
		b.t = t
		b.openPage(server.URL, 390, "dark")
		b.click("#dimensions")
		b.write("1000")
		b.click("button.main")
		b.wait(`$("status").classList.contains("bad")`)
		assert.Contains(t, evaluate[string](b, `$("status").textContent`), "dimensions: 1000")
		b.checkLook()
		b.screenshot("error")
		problems := b.takeProblems()
		require.Len(t, problems, 1, "the browser's own note of an answer of 400")
		assert.Contains(t, problems[0], "400 (Bad Request)")
	})
	t.Run("programs", func(t *testing.T) {
		b.t = t
		b.openPage(server.URL, 1280, "light")
		b.click("#texts")
		b.write(strings.Join(typed, "\n"))
		b.click("#dimensions")
		b.write("8")
		b.checkPrograms()
		b.click("#query")
		b.write(asked)
		b.click("#documents")
		b.write(strings.Join(typed, "\n"))
		b.click("#top")
		b.write("2")
		b.checkRankingPrograms()
	})
	t.Run("one kind alone", func(t *testing.T) {
		b.t = t
		for _, kind := range []kind{embedding, reranker} {
			h, _ := served(t, func(c *Config) {
				addCross(t)(c)
				c.Models = slices.DeleteFunc(c.Models, func(m Model) bool { return m.kind() != kind })
			})
			server := httptest.NewServer(h)
			defer server.Close()
			b.open(server.URL, 1280, "light")
			b.wait(`$("model").options.length + $("ranker").options.length === 1`)
			assert.Equal(t, kind == embedding, evaluate[bool](b, `$("embedding").checkVisibility()`))
			assert.Equal(t, kind == reranker, evaluate[bool](b, `$("reranking").checkVisibility()`))
			path := map[bool]string{true: "v1/embeddings", false: "v1/rerank"}[kind == embedding]
			assert.Contains(t, evaluate[string](b, `$("code").textContent`), path)
			assert.Empty(t, b.takeProblems())
		}
	})
}

// rank fills in the form of rankings, and checks the answer.
func (b *browser) rank() {
	b.t.Helper()
	b.click("#query")
	b.write(asked)
	b.click("#documents")
	b.write(strings.Join(typed, "\n"))
	b.click("#top")
	b.write("2")
	b.click("#rank-form button")
	b.checkRanking(2)
	b.click("#rank-result summary")
}

// checkRanking waits for the best of typed and compares them with the library's.
func (b *browser) checkRanking(top int) {
	b.t.Helper()
	b.wait(fmt.Sprintf(`$("rank-status").textContent.startsWith("%d documents, ")`, top))
	r := decode[rankingAnswer](b.t, strings.NewReader(evaluate[string](b, `$("rank-answer").textContent`)))
	want, err := cross(b.t).Rank(b.t.Context(), asked, typed, top, rerank.Options{})
	require.NoError(b.t, err)
	rows := evaluate[[][]string](b, `[...document.querySelectorAll("#ranks tbody tr")].map(row => [...row.cells].map(cell => cell.textContent))`)
	require.Len(b.t, rows, top)
	for i, w := range want {
		assert.Equal(b.t, w.Value, r.Results[i].Score)
		assert.Equal(b.t, fmt.Sprintf("%d  %s", w.Index+1, typed[w.Index]), rows[i][1])
		shown, err := strconv.ParseFloat(rows[i][0], 32)
		require.NoError(b.t, err)
		assert.InEpsilon(b.t, w.Value, shown, 5.1e-4) // four digits
	}
}

// openPage opens the page, which has all that it asks the server for.
func (b *browser) openPage(url string, width int, scheme string) {
	b.t.Helper()
	b.open(url, width, scheme)
	b.wait(`$("model").options.length === 1 && $("ranker").options.length === 1 && $("api").querySelectorAll("tr").length > 20`)
}

// tab goes to an element with the Tab key. Wherever it comes by, it can be seen.
func (b *browser) tab(selector string) {
	b.t.Helper()
	for range 40 {
		b.press("Tab", 0)
		require.NotEqual(b.t, "none", evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`), "focus is seen")
		if evaluate[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.t.Fatal("the Tab key does not reach ", selector)
}

// checkResult waits for the embeddings of typed and compares them with the library's.
func (b *browser) checkResult() {
	b.t.Helper()
	b.wait(`$("status").textContent.startsWith("3 embeddings of 24 dimensions")`)
	r := decode[response](b.t, strings.NewReader(evaluate[string](b, `$("answer").textContent`)))
	for i, e := range library(b.t, embed.Options{}, typed...).Embeddings {
		assert.Equal(b.t, e.Float32, numbers[float32](b.t, r.Data[i].Embedding))
	}
	assert.Equal(b.t, "1  "+typed[0], evaluate[string](b, `document.querySelector("#map tbody th").textContent`))
	b.checkCosines(0.0051) // two decimals
}

// checkCosines compares the heat map with the library's cosines.
func (b *browser) checkCosines(tolerance float64) {
	b.t.Helper()
	cells := evaluate[[][]float64](b, `[...document.querySelectorAll("#map tbody tr")].map(row => [...row.querySelectorAll("td")].map(td => Number(td.textContent)))`)
	require.Len(b.t, cells, len(typed))
	vectors := library(b.t, embed.Options{}, typed...).Embeddings
	for i := range vectors {
		require.Len(b.t, cells[i], len(typed))
		for j := range vectors {
			dot := 0.0
			for k, x := range vectors[i].Float32 {
				dot += float64(x) * float64(vectors[j].Float32[k])
			}
			assert.InDelta(b.t, dot, cells[i][j], tolerance)
		}
	}
}

// checkLook checks that nothing is wider than the screen, and that all texts
// stand out from what is behind them by 4.5 or more (WCAG 2.2, 1.4.3).
func (b *browser) checkLook() {
	b.t.Helper()
	assert.Empty(b.t, evaluate[[]string](b, `[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, pre, option") && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))`), "wider than the screen")
	assert.Empty(b.t, evaluate[[]string](b, `(() => {
		const rgba = s => { const n = s.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
		const over = (a, b) => a.slice(0, 3).map((x, i) => x * a[3] + b[i] * (1 - a[3]));
		const behind = e => e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255];
		const light = c => c.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4).reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
		return [...document.querySelectorAll("body *")].flatMap(e => {
			const own = e.matches("input, textarea, select") || [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
			if (!own || !e.checkVisibility() || e.matches("option")) return [];
			const ground = behind(e), part = e.matches(":placeholder-shown") ? "::placeholder" : null;
			const a = light(over(rgba(getComputedStyle(e, part).color), ground)), b = light(ground);
			const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			return contrast < 4.5 ? [contrast.toFixed(2) + " " + e.outerHTML.slice(0, 80)] : [];
		});
	})()`), "texts that hardly stand out")
}
