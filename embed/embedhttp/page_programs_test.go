package embedhttp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// checkPrograms runs the programs that the page shows for embeddings.
func (b *browser) checkPrograms() {
	b.t.Helper()
	want := library(b.t, embed.Options{Dimensions: 8}, typed...).Embeddings
	request := b.runPrograms(func(answer string) {
		r := decode[response](b.t, strings.NewReader(answer))
		for i, e := range want {
			assert.Equal(b.t, e.Float32, numbers[float32](b.t, r.Data[i].Embedding))
		}
	})
	if request != nil {
		assert.Equal(b.t, object{"model": "tiny", "input": []any{typed[0], typed[1], typed[2]}, "dimensions": 8.0, "encoding_format": "float"}, request)
	}
}

// checkRankingPrograms runs those for a ranking, of the best two.
func (b *browser) checkRankingPrograms() {
	b.t.Helper()
	want, err := cross(b.t).Rank(b.t.Context(), asked, typed, 2, rerank.Options{})
	require.NoError(b.t, err)
	request := b.runPrograms(func(answer string) {
		r := decode[rankingAnswer](b.t, strings.NewReader(answer))
		require.Len(b.t, r.Results, 2)
		for i, w := range want {
			assert.Equal(b.t, w.Value, r.Results[i].Score)
		}
	})
	if request != nil {
		assert.Equal(b.t, object{"model": "cross", "query": asked, "documents": []any{typed[0], typed[1], typed[2]}, "top_n": 2.0}, request)
	}
}

// runPrograms runs the programs that the page shows, where there is what runs them, and
// has their answers checked. It returns what the Python client is asked to send.
func (b *browser) runPrograms(check func(answer string)) object {
	b.t.Helper()
	program := func(language string) string {
		b.click(`#languages input[value="` + language + `"]`)
		return evaluate[string](b, `$("code").textContent`)
	}
	run := func(cmd *exec.Cmd) {
		answer, err := cmd.Output()
		require.NoError(b.t, err, cmd)
		check(string(answer))
	}
	curl, python, golang := program("curl"), program("Python"), program("Go")
	if _, err := exec.LookPath("curl"); err == nil {
		run(exec.Command("sh", "-c", curl))
	} else {
		b.t.Log("NOT RUN: curl is missing")
	}
	folder := b.t.TempDir()
	put := func(name, content string) string {
		file := filepath.Join(folder, name)
		require.NoError(b.t, os.WriteFile(file, []byte(content), 0o666))
		return file
	}
	run(exec.Command("go", "run", put("main.go", golang)))
	if _, err := exec.LookPath("python3"); err != nil {
		b.t.Log("NOT RUN: python3 is missing")
		return nil
	}
	put("openai.py", openai)
	put("cohere.py", cohereModule)
	request, err := exec.Command("python3", put("main.py", python)).Output()
	require.NoError(b.t, err)
	return decode[object](b.t, bytes.NewReader(request))
}

// openai stands in for OpenAI's client, and prints the body that it would send.
const openai = `
import json, sys
class OpenAI:
    def __init__(self, base_url, api_key):
        self.embeddings = self
    def create(self, extra_body, **args):
        print(json.dumps(args | extra_body))
        sys.exit()
`

// cohereModule stands in for Cohere's.
const cohereModule = `
import json, sys
class ClientV2:
    def __init__(self, base_url, api_key):
        pass
    def rerank(self, request_options={}, **args):
        print(json.dumps(args | request_options.get("additional_body_parameters", {})))
        sys.exit()
`
